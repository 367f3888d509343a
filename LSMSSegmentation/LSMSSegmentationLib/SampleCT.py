"""The project's own synthetic CT as a volume node: no patient's data, no network."""

from pathlib import Path

NAME = "LSMS synthetic CT"
CATEGORY = "LSMS Segmentation"


def addSyntheticCT(phantom, name=NAME):
    """Add a lsms_core phantom's CT to the scene and return its volume node."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    from lsms_core.mrml.transforms import matrix_to_vtk

    ct = phantom.ct
    slices, rows, columns = ct.shape
    image = vtk.vtkImageData()
    image.SetDimensions(columns, rows, slices)
    image.GetPointData().SetScalars(numpy_to_vtk(ct.array.ravel(), deep=True))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.SetIJKToRASMatrix(matrix_to_vtk(ct.affine))
    node.SetAndObserveImageData(image)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(350, 50)
    return node


def loadSyntheticCT(_source=None):
    """Make the tutorial's CT and show it; called by the Sample Data module."""
    import slicer

    from lsms_core.phantom import make_phantom

    with slicer.util.WaitCursor():
        node = addSyntheticCT(make_phantom(2))
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return [node]


def registerSampleData(iconsFolder):
    """Offer the CT in the Sample Data module."""
    import SampleData
    from slicer.i18n import tr as _

    logic = SampleData.SampleDataLogic
    # Slicer 5.10 titles a category by its name.
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("LSMS Segmentation"))
    thumbnail = Path(iconsFolder, "LSMSSyntheticCT.png")
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=[],
        fileNames=[],
        customDownloader=loadSyntheticCT,
        thumbnailFileName=str(thumbnail) if thumbnail.is_file() else None,
    )
