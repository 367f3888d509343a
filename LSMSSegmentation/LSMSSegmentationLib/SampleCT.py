"""The project's own synthetic CT as a volume node: no patient's data, no network."""

import logging
import os
from pathlib import Path
from zipfile import BadZipFile

logger = logging.getLogger(__name__)

_SEED = 2
NAME = "LSMS synthetic CT"
CATEGORY = "LSMS Segmentation"


def addSyntheticCT(phantom, name=NAME):
    """Add a lsms_core phantom's CT, or a CTVolume, to the scene and return its volume node."""
    import slicer
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    from lsms_core.mrml.transforms import matrix_to_vtk

    ct = getattr(phantom, "ct", phantom)
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

    with slicer.util.WaitCursor():
        node = addSyntheticCT(syntheticCT())
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return [node]


def syntheticCT(folder=None):
    """Return the tutorial's CT as a CTVolume; drawn once on a computer, then read from its file.

    Args:
        folder: where the file is kept; default: beside the user's models.
    """
    import numpy as np

    from lsms_core import __version__
    from lsms_core.anatomy.geometry import CTVolume
    from lsms_core.models.installed import user_models_folder
    from lsms_core.phantom import make_phantom

    folder = Path(folder) if folder else user_models_folder().parent / "samples"
    path = folder / f"synthetic-ct-{_SEED}-{__version__}.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return CTVolume(kept["hu"], kept["affine"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        ct = make_phantom(_SEED).ct
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        with partial.open("wb") as file:
            np.savez(file, hu=ct.array, affine=ct.affine)
        partial.replace(path)
    except OSError:
        logger.info("the synthetic CT is drawn anew next time: its file could not be written")
    return ct


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
