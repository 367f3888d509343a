"""The project's own synthetic CT as a volume node: no patient's data, no network."""

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

logger = logging.getLogger(__name__)

_SEED = 2
_LOOK_S = 0.03
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
    """Make the tutorial's CT and show it; called by the Sample Data module.

    Returns:
        The volume node in a list; an empty one when the user cancelled.
    """
    import slicer

    from lsms_core.errors import CancelledError

    try:
        node = addSyntheticCT(syntheticCT(draw=drawWhileTheWindowLives))
    except CancelledError:
        return []
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return [node]


def syntheticCT(folder=None, draw=None):
    """Return the tutorial's CT as a CTVolume; drawn once on a computer, then read from its file.

    Args:
        folder: where the file is kept; default: beside the user's models.
        draw: calls a function that takes ``progress`` and returns its result; default: at once,
            without any sign of progress.

    Raises:
        CancelledError: when ``draw`` was cancelled.
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
        work = partial(make_phantom, _SEED)
        ct = (draw(work) if draw else work()).ct
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.savez(file, hu=ct.array, affine=ct.affine)
        unfinished.replace(path)
    except OSError:
        logger.info("the synthetic CT is drawn anew next time: its file could not be written")
    return ct


def drawWhileTheWindowLives(work):
    """Call ``work(progress=...)`` in a thread, with a progress dialog that can cancel it.

    Raises:
        CancelledError: when the user cancelled.
    """
    import qt
    import slicer
    from slicer.i18n import tr as _

    from lsms_core.errors import CancelledError

    told = [0, 0]
    cancelled = threading.Event()

    def progress(done, steps):
        told[:] = done, steps
        if cancelled.is_set():
            raise CancelledError("Cancelled; nothing was changed.")

    dialog = qt.QProgressDialog(slicer.util.mainWindow())
    about = _("Drawing the synthetic CT: only this once, then it is kept.")
    dialog.setLabelText(about)
    dialog.setWindowTitle(NAME)
    dialog.setWindowModality(qt.Qt.ApplicationModal)
    dialog.setMinimumDuration(0)
    dialog.setRange(0, 0)
    dialog.connect("canceled()", cancelled.set)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        drawing = pool.submit(work, progress=progress)
        try:
            dialog.show()
            while wait([drawing], _LOOK_S).not_done:
                done, steps = told
                if steps and not cancelled.is_set():
                    dialog.setRange(0, steps)
                    # The last step would close the dialog while the work still goes on.
                    dialog.setValue(min(done, steps - 1))
                    left = round((time.monotonic() - began) * (steps - done) / done)
                    dialog.setLabelText(about + "\n" + _("About {left} s left.").format(left=left))
                slicer.app.processEvents()
        finally:
            dialog.hide()
            dialog.deleteLater()
        return drawing.result()


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
