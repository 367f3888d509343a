"""The panel with a real worker process and a small random model; the documentation's pictures."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A model with random weights."""
    pytest.importorskip("torch")
    from Testing.core.models_tiny import random_bundle

    return random_bundle(
        tmp_path_factory.mktemp("bundle") / "small",
        # Random weights give about 0.02 everywhere: a part of it is above this.
        postprocessing={"mask_threshold": 0.025, "presence_threshold": 0.01, "min_depth_mm": 0.0},
        card="# Small\n",
        version="0.0.1",
    )[1]


@pytest.fixture
def live(entry, request):
    """The panel with the real worker."""
    import qt
    import shim
    from panel_driver import Driver

    shim.use_pythonqt_attributes(["panel_driver", request.module.__name__])
    qt.QSettings().clear()
    driver = Driver(entry, None)
    yield driver
    driver.close()


def load_phantom(driver, **arguments):
    from LSMSSegmentationLib.SampleCT import addSyntheticCT

    from lsms_core.phantom import make_phantom

    phantom = make_phantom(2, **arguments)
    node = addSyntheticCT(phantom)
    driver.widget.enter()
    driver.settle()
    return phantom, node


def wait(driver, seconds=240.0):
    """Let Qt's own timer poll the worker, as in Slicer."""
    deadline = time.monotonic() + seconds
    while driver.session.busy and time.monotonic() < deadline:
        driver.slicer.app.processEvents()
        time.sleep(0.002)
    assert not driver.session.busy, "the worker did not answer in time"


@pytest.mark.slow
def test_a_real_worker_answers_cancels_and_is_replaced_when_killed(live, bundle):
    from LSMSSegmentationLib.ParameterNode import Where
    from PySide6.QtCore import Qt

    from lsms_core.phantom import SMALL_SHAPE

    load_phantom(live, shape=SMALL_SHAPE)
    live.parameters.model = str(bundle)
    live.type("left lobe lesion")
    live.press(Qt.Key_Return)
    assert live.session.busy
    wait(live)
    assert live.status.startswith(("Found", "Nothing found"))
    (finding,) = live.session.findings
    assert len(finding.slices) == 1
    assert finding.mask.shape == SMALL_SHAPE
    told = live.status
    live.click(live.ui.whyButton)
    wait(live)
    why = live.panel.why.dialog
    assert why.widget.visible, live.status
    assert [label.text.partition("\n")[0] for label in why.captionLabels] == [
        "Slice",
        "Probability",
        "Finding",
    ]
    assert all(label.pixmap.width() == 240 for label in why.pictureLabels)
    assert all(f"“{word}” " in why.wordsLabel.text for word in ("left", "lobe", "lesion"))
    assert live.status == told
    live.click(live.ui.whyButton)
    os.kill(live.session.controller._client.process_id, 9)
    wait(live)
    assert "Nothing in the scene was changed" in live.status
    live.click(live.ui.whyButton)  # a new worker is started, and gets the volume
    wait(live)
    assert live.status == told
    live.click(why.closeButton)
    live.show()  # the keys are the panel's again
    first = live.session.controller._client.process_id

    # The worker is halted while the keys are pressed, so that it cannot be done before.
    live.parameters.where = Where.WholeVolume
    os.kill(first, signal.SIGSTOP)
    live.press(Qt.Key_Return)
    live.press(Qt.Key_Escape)
    os.kill(first, signal.SIGCONT)
    wait(live)
    assert live.status == "Cancelled; nothing was changed."

    live.parameters.where = Where.SliceNumber  # one that was not searched before
    live.parameters.sliceNumber = finding.slices[0] + 1
    os.kill(first, signal.SIGSTOP)
    live.press(Qt.Key_Return)
    os.kill(first, signal.SIGKILL)
    wait(live)
    assert "The segmentation worker" in live.status
    live.press(Qt.Key_Return)
    wait(live)
    assert live.status.startswith(("Found", "Nothing found"))
    assert live.session.controller._client.process_id != first


@pytest.mark.slow
def test_the_test_inside_slicer_runs(entry, live, monkeypatch):
    """LSMSSegmentationTest as it runs in Slicer, here with the stand-in's application."""
    from types import SimpleNamespace

    import slicer

    presented = SimpleNamespace(self=lambda: live.widget)
    module = slicer.modules.lsmssegmentation
    monkeypatch.setattr(module, "widgetRepresentation", lambda: presented, raising=False)
    monkeypatch.setattr(slicer.util, "setSliceViewerLayers", lambda **_: None)
    shown = []
    monkeypatch.setattr(
        entry.LSMSSegmentationTest, "delayDisplay", lambda _, text: shown.append(text)
    )
    entry.LSMSSegmentationTest().runTest()
    assert shown[-1] == "The test has passed"


def model_for_pictures():
    """An installed model, or the one that LSMS_SCREENSHOT_MODEL names."""
    from lsms_core.errors import BundleError
    from lsms_core.models.installed import find_bundle

    try:
        return find_bundle(os.environ.get("LSMS_SCREENSHOT_MODEL", "lsms-tiny"))
    except BundleError:
        pytest.skip("no trained model is installed: nothing to show in a picture")


@pytest.mark.slow
def test_pictures_for_the_documentation(live, monkeypatch):
    from LSMSSegmentationLib.ParameterNode import Where
    from PySide6.QtCore import Qt

    from lsms_core.worker.client import WorkerClient

    target = os.environ.get("LSMS_SCREENSHOTS")
    if not target:
        pytest.skip("set LSMS_SCREENSHOTS to a folder to get pictures")
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    model = model_for_pictures()
    phantom, _ = load_phantom(live)
    # By its name, so that no picture shows where a model lies on this computer.
    monkeypatch.setenv("LSMS_MODELS", str(model.parent))
    live.session.controller._makeClient = WorkerClient
    live.parameters.model = model.name
    middle = max(phantom.lesions, key=lambda one: one.volume_ml).slice_index
    live.parameters.where = Where.SliceRange
    live.parameters.firstSlice, live.parameters.lastSlice = middle - 1, middle + 1
    live.type("largest lesion")
    live.press(Qt.Key_Return)
    live.settle()
    live.picture(folder / "panel-running.png")
    wait(live)
    live.ui.findingsTableWidget.setCurrentCell(1, 0)
    live.panel.results.measureNow()
    live.picture(folder / "panel.png")
    live.click(live.ui.whyButton)
    wait(live)
    live.settle(5)
    live.panel.why.dialog.widget.grab().save(str(folder / "why.png"))
    live.panel.why.dialog.hide()
    live.type("right lobe lesion under 15 mm, calcified")
    live.press(Qt.Key_Escape)
    live.panel.preview.refresh()
    live.picture(folder / "panel-typing.png")
    live.click(live.ui.optionsCollapsibleButton)
    live.ui.optionsCollapsibleButton.collapsed = False
    live.ui.resultCollapsibleButton.collapsed = True
    live.picture(folder / "panel-options.png")
