"""The real widget class and the real .ui file, on PySide6 and slicer-core."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "LSMSSegmentation"

pytest.importorskip("PySide6")
pytest.importorskip("slicer")


@pytest.fixture(scope="session")
def entry(tmp_path_factory):
    """The module's entry file, imported as Slicer does."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
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
    driver = Driver(entry, FakeClient())
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
