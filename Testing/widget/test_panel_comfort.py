"""Small things that a reader stumbles over: what is chosen, shown and said, and where."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]
OTHER = np.s_[4:9, 15:20, 20:28]


def test_a_prompt_used_again_comes_first(panel, volume, blob):
    from PySide6.QtCore import Qt

    for prompt in ("left lobe lesion", "right lobe lesion", "left lobe lesion"):
        panel.run(prompt, blob(ONE))
    panel.settle()
    panel.type("x")
    panel.press(Qt.Key_Escape)
    panel.press(Qt.Key_Up)
    assert panel.ui.promptLineEdit.text == "left lobe lesion"
    panel.press(Qt.Key_Up)
    assert panel.ui.promptLineEdit.text == "right lobe lesion"


def test_a_prompt_of_another_scene_comes_first_when_used_here(panel, volume, blob):
    from LSMSSegmentationLib import PromptHistory

    PromptHistory.remember("cyst")
    PromptHistory.remember("Left lobe lesion")
    PromptHistory.remember("cyst")
    assert PromptHistory.history() == ["cyst", "Left lobe lesion"]


@pytest.mark.parametrize("width", [300, 520])
def test_every_line_of_a_result_is_shown(panel, volume, blob, width):
    panel.show(width=width)
    prompts = "left lobe hypodense lesion; right lobe hypodense lesion; calcified lesion"
    panel.run(prompts, blob(ONE), blob(OTHER), blob(ONE, inner=0.3, rim=0.1))
    for label in (panel.ui.resultLabel, panel.ui.statusLabel):
        assert label.text.count("\n") >= 2
        assert label.height >= label.heightForWidth(label.width)
        assert label.minimumHeight == label.heightForWidth(label.width)
    assert "calcified lesion: not found, score 0.30" in panel.ui.resultLabel.text
    panel.show(width=800)
    panel.settle()
    assert panel.ui.statusLabel.height >= panel.ui.statusLabel.heightForWidth(
        panel.ui.statusLabel.width
    )


def test_a_label_shrinks_with_its_text(panel):
    status = panel.ui.statusLabel
    panel.show(width=520)
    panel.panel.results.candidates._say("info", "short")
    panel.settle()
    short = status.minimumHeight
    panel.panel.results.candidates._say("info", "one word after the other " * 20)
    panel.settle()
    assert status.minimumHeight > 2 * short
    panel.panel.results.candidates._say("info", "short")
    panel.settle()
    assert status.minimumHeight == short


def test_a_ct_loaded_while_the_panel_is_open_is_selected(panel):
    panel.widget.enter()
    assert panel.ui.whereLabel.text == "Select a CT volume."
    node = panel.add_volume()
    panel.wait()
    assert panel.parameters.inputVolume is node
    assert panel.ui.volumeSelector.currentNode() is node
    assert panel.ui.whereLabel.text.startswith("Will search")
    other = panel.add_volume("another")
    panel.wait()
    assert panel.parameters.inputVolume is node is not other


def test_what_was_copied_is_said_beside_the_button(panel, volume):
    panel.ui.setupCollapsibleButton.collapsed = False
    panel.settle()
    panel.click(panel.ui.diagnosticsButton)
    assert panel.ui.setupMessageLabel.visible
    assert "copied" in panel.ui.setupMessageLabel.text
    assert panel.status == ""
    between = abs(panel.ui.setupMessageLabel.y - panel.ui.diagnosticsButton.y)
    assert between < 60


def test_no_blank_strip_below_the_table(panel, volume, blob):
    panel.run("left lobe lesion; right lobe lesion", blob(ONE), blob(OTHER))
    panel.settle()
    table = panel.ui.findingsTableWidget
    used = table.horizontalHeader().height + sum(
        table.rowHeight(row) for row in range(table.rowCount)
    )
    assert table.height == used + 2 * table.frameWidth


def test_a_self_test_leaves_no_prompt_behind(panel):
    from LSMSSegmentationLib import PromptHistory

    PromptHistory.remember("mine")
    with PromptHistory.kept():
        PromptHistory.remember("left lobe lesion")
    assert PromptHistory.history() == ["mine"]
    panel.slicer.mrmlScene.Clear(0)
    assert PromptHistory.history() == ["mine"]


class Registered:
    def __init__(self, monkeypatch, entry):
        from LSMSSegmentationLib import Startup

        self.names = []
        monkeypatch.setattr(Startup, "_registered", set())
        for name in ("_sampleData", "_editorEffect"):
            monkeypatch.setattr(Startup, name, lambda n=name: self.names.append(n))
        self.entry = entry


@pytest.fixture
def registered(monkeypatch, entry):
    return Registered(monkeypatch, entry)


def make_module(entry):
    from types import SimpleNamespace

    from PySide6.QtTest import QTest

    entry.LSMSSegmentation(SimpleNamespace(path=""))
    QTest.qWait(10)


def test_a_module_added_to_a_running_slicer_registers_at_once(registered, entry, monkeypatch):
    from types import SimpleNamespace

    import slicer

    window = SimpleNamespace(visible=True)
    monkeypatch.setattr(slicer.util, "mainWindow", lambda *_: window)
    make_module(entry)
    assert registered.names == ["_sampleData", "_editorEffect"]
    slicer.app.startup[-1]()
    assert registered.names == ["_sampleData", "_editorEffect"]


def test_during_start_up_it_waits_for_the_other_modules(registered, entry):
    import slicer

    make_module(entry)
    assert registered.names == []
    slicer.app.startup[-1]()
    assert registered.names == ["_sampleData", "_editorEffect"]


class Packages:
    missing = False


@pytest.fixture
def packages(monkeypatch):
    from LSMSSegmentationLib.Panel import WarmUp

    state = Packages()
    monkeypatch.setattr(WarmUp, "packagesAreThere", lambda: not state.missing)
    return state


def test_nobody_is_asked_before_a_long_wait(panel, volume, blob, packages):
    panel.run("left lobe lesion", blob(ONE))
    assert not panel.ui.warmUpFrame.visible
    assert panel.client.loaded == []


def test_after_a_long_wait_the_reader_is_asked_once(panel, volume, blob, packages, monkeypatch):
    from LSMSSegmentationLib.Panel import WarmUp
    from PySide6.QtCore import Qt

    clock = [100.0]
    monkeypatch.setattr(WarmUp.time, "monotonic", lambda: clock[0])
    panel.type("left lobe lesion")
    panel.press(Qt.Key_Return)
    clock[0] += 14.0
    panel.client.tell("progress", {"stage": "slices", "done": 0, "total": 1})
    panel.poll()
    panel.client.answer(blob(ONE))
    panel.poll()
    assert panel.ui.warmUpFrame.visible
    assert "took 14 s" in panel.ui.warmUpLabel.text
    panel.click(panel.ui.warmUpYesButton)
    assert not panel.ui.warmUpFrame.visible
    assert WarmUp.agreed() is True
    assert panel.ui.warmUpCheckBox.checked


def test_who_agreed_finds_the_model_loaded(panel, packages):
    from LSMSSegmentationLib.Panel import WarmUp

    WarmUp.setAgreed(True)
    panel.widget.enter()
    assert panel.client.loaded == []  # no CT yet
    panel.add_volume()
    panel.wait()
    assert panel.client.loaded == [{"weights": "lsms-tiny", "engine": None, "device": "auto"}]
    assert not panel.session.busy
    panel.wait()
    assert len(panel.client.loaded) == 1


def test_with_packages_missing_nothing_is_loaded(panel, packages):
    from LSMSSegmentationLib.Panel import WarmUp

    WarmUp.setAgreed(True)
    packages.missing = True
    panel.widget.enter()
    panel.add_volume()
    panel.wait()
    assert panel.client.loaded == []


def test_the_check_box_takes_the_consent_back(panel, packages):
    from LSMSSegmentationLib.Panel import WarmUp

    WarmUp.setAgreed(True)
    panel.ui.warmUpCheckBox.checked = True
    panel.ui.warmUpCheckBox.checked = False
    assert WarmUp.agreed() is False


def test_the_letter_l_takes_the_keyboard_to_the_prompt(panel, volume):
    from PySide6.QtCore import Qt

    panel.type("left lobe lesion")
    panel.ui.runButton.setFocus()
    panel.press(Qt.Key_L, panel.ui.runButton)
    assert panel.ui.promptLineEdit.focus
    assert panel.ui.promptLineEdit.selectedText == "left lobe lesion"
    panel.press(Qt.Key_L)
    assert panel.ui.promptLineEdit.text == "l"  # there it is a letter
    assert panel.panel._hotkey.enabled
    panel.widget.exit()  # another module is shown
    assert not panel.panel._hotkey.enabled


def test_controls_have_names_for_screen_readers(panel):
    ui = panel.ui
    for widget in (
        ui.promptLineEdit,
        ui.favouriteButton,
        ui.historyButton,
        ui.correctionLineEdit,
        ui.findingsTableWidget,
        ui.thresholdSlider,
        ui.volumeSelector,
        ui.lesionsFromSelector,
        ui.earlierSegmentationSelector,
        ui.earlierVolumeSelector,
        ui.compareProgressBar,
        ui.followUpTableWidget,
    ):
        assert widget.accessibleName


def test_the_sample_ct_is_drawn_once(panel, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from LSMSSegmentationLib.SampleCT import addSyntheticCT, syntheticCT

    import lsms_core.phantom
    from lsms_core.anatomy.geometry import CTVolume

    drawn = []

    def draw(seed):
        drawn.append(seed)
        array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
        return SimpleNamespace(ct=CTVolume(array, np.diag([-1.0, -1.0, 2.0, 1.0])))

    monkeypatch.setattr(lsms_core.phantom, "make_phantom", draw)
    first, again = syntheticCT(tmp_path), syntheticCT(tmp_path)
    assert drawn == [2]
    assert np.array_equal(first.array, again.array)
    assert np.array_equal(first.affine, again.affine)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"damaged")
    assert np.array_equal(syntheticCT(tmp_path).array, first.array)
    assert drawn == [2, 2]
    node = addSyntheticCT(again)
    assert node.GetImageData().GetDimensions() == (5, 4, 3)


@pytest.mark.parametrize("end", ["done", "cancelled", "failed"])
def test_the_window_lives_while_the_sample_ct_is_drawn(panel, end):
    import qt
    from LSMSSegmentationLib.SampleCT import drawWhileTheWindowLives
    from PySide6.QtWidgets import QApplication, QProgressDialog, QPushButton

    from lsms_core.errors import CancelledError

    shown, ticks, seen = threading.Event(), [], []
    timer = qt.QTimer()

    def look():
        # Runs in the window's thread while the other one draws.
        ticks.append(1)
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QProgressDialog) and widget.visible:
                seen.append(widget.labelText)
                if end == "cancelled":
                    widget.findChild(QPushButton).click()
                shown.set()

    timer.connect("timeout()", look)
    timer.start(5)

    def work(progress):
        progress(1, 4)
        assert shown.wait(30)
        if end == "failed":
            raise MemoryError("not enough")
        for _ in range(1000):
            progress(2, 4)
            if end == "done":
                break
            time.sleep(0.01)
        return "a phantom"

    try:
        if end == "done":
            assert drawWhileTheWindowLives(work) == "a phantom"
        else:
            kind = CancelledError if end == "cancelled" else MemoryError
            with pytest.raises(kind):
                drawWhileTheWindowLives(work)
    finally:
        timer.stop()
    assert ticks
    assert "only this once" in seen[0]
