"""The real widget class and the real .ui file, on PySide6 and slicer-core."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "LSMSSegmentation"

# The tests' helpers stand beside them.
sys.path.insert(0, str(Path(__file__).resolve().parent))

SHAPE = (12, 24, 32)
LARGE = np.s_[3:8, 4:12, 4:13]  # on the patient's right
SMALL = np.s_[5:7, 14:17, 24:27]  # on the left

pytest.importorskip("PySide6")
pytest.importorskip("slicer")


@pytest.fixture(scope="session")
def entry(tmp_path_factory):
    """The module's entry file, imported as Slicer does."""
    import shim

    shim.install(MODULE / "LSMSSegmentation.py")
    import qt

    settings = tmp_path_factory.mktemp("settings")
    qt.QCoreApplication.setOrganizationName("LSMSSegmentationTest")
    qt.QCoreApplication.setApplicationName("LSMSSegmentationTest")
    qt.QSettings.setDefaultFormat(qt.QSettings.IniFormat)
    qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, str(settings))
    sys.path.insert(0, str(MODULE))
    files = (MODULE / "LSMSSegmentationLib").rglob("*.py")
    names = [".".join(f.relative_to(MODULE).with_suffix("").parts) for f in files]
    shim.use_pythonqt_attributes(["LSMSSegmentation", *names])
    return importlib.import_module("LSMSSegmentation")


@pytest.fixture
def panel(entry, request):
    """The panel on an empty scene, with a worker whose answers the test gives."""
    import qt
    import shim
    from panel_driver import Driver, FakeClient

    shim.use_pythonqt_attributes(["panel_driver", request.module.__name__])
    qt.QSettings().clear()
    # A module's ONE_TEXT = False stands for an engine that finds lesions whatever the text is.
    driver = Driver(entry, FakeClient(), one_text=getattr(request.module, "ONE_TEXT", True))
    yield driver
    driver.close()


@pytest.fixture
def blob(panel):
    from panel_driver import blob

    return blob


@pytest.fixture
def volume(panel):
    """A volume that the panel has taken up."""
    node = panel.add_volume()
    panel.widget.enter()
    panel.settle()
    return node


@pytest.fixture
def whole(panel, volume):
    """A CT with two lesions, of which all slices are searched."""
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.WholeVolume
    panel.parameters.minimumArea = 0.0
    values = np.full(SHAPE, 110, np.int16)
    values[LARGE], values[SMALL] = 60, 15
    panel.slicer.util.updateVolumeFromArray(volume, values)
    panel.settle()
    return volume


@pytest.fixture
def labels():
    """The two lesions by number."""
    found = np.zeros(SHAPE, np.uint16)
    found[LARGE], found[SMALL] = 1, 2
    return found


@pytest.fixture
def liver():
    """A box with the right lobe on the patient's right, which is at low columns here."""
    from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap

    inside = np.zeros(SHAPE, bool)
    inside[1:11, 2:22, 2:30] = True
    lobes = np.zeros(SHAPE, np.uint8)
    lobes[1:11, 2:22, 2:20], lobes[1:11, 2:22, 20:30] = RIGHT, LEFT
    return LiverMap(inside, lobes)


@pytest.fixture(scope="module")
def slicer_parts(entry):
    """What Segment Editor brings: the base class, the effect factory and the adaptor class."""
    from effect_driver import slicer_parts

    yield from slicer_parts()


@pytest.fixture
def editor(entry, slicer_parts, monkeypatch):
    """The effect with its options shown, on a CT with one segment."""
    from effect_driver import Editor

    made = Editor(entry, slicer_parts, monkeypatch)
    yield made
    made.close()
