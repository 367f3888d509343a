"""Where to look, what was asked before, which model, what to tell the forum."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]


@pytest.fixture
def keys():
    from PySide6.QtCore import Qt

    return Qt


def view(panel, name):
    return panel.slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{name}")


def test_the_panel_follows_the_view(panel, volume):
    from LSMSSegmentationLib.ParameterNode import View

    red = view(panel, "Red")
    for index in (2, 9):
        red.JumpSliceByOffsetting(0.0, 0.0, -16.0 + 3.0 * index)
        panel.settle()
        assert panel.ui.whereLabel.text == (
            f"Will search axial slice {index} (of 0 to 11), shown in Red."
        )
    panel.parameters.view = View.Yellow
    panel.settle()
    assert "sagittal slice" in panel.ui.whereLabel.text
    assert panel.ui.whereLabel.text.endswith("(of 0 to 31), shown in Yellow.")
    panel.parameters.view = View.Green
    panel.settle()
    assert "coronal slice" in panel.ui.whereLabel.text


def test_a_view_outside_the_volume_is_refused(panel, volume, keys):
    view(panel, "Red").JumpSliceByOffsetting(0.0, 0.0, 500.0)
    panel.settle()
    assert "outside the volume" in panel.ui.whereLabel.text
    panel.type("lesion")
    panel.press(keys.Key_Return)
    assert not panel.client.asked
    assert "outside the volume" in panel.status


def test_a_tilted_view_is_noticed_and_can_be_rotated(panel, volume):
    import vtk

    red = view(panel, "Red")
    assert not panel.ui.obliqueFrame.visible
    turn = vtk.vtkTransform()
    turn.SetMatrix(red.GetSliceToRAS())
    turn.RotateX(25)
    red.GetSliceToRAS().DeepCopy(turn.GetMatrix())
    red.UpdateMatrices()
    panel.settle()
    assert panel.ui.obliqueFrame.visible
    assert "tilted" in panel.ui.obliqueLabel.text
    panel.click(panel.ui.rotateButton)
    assert not panel.ui.obliqueFrame.visible
    assert "axial slice" in panel.ui.whereLabel.text


def test_only_the_widgets_of_the_choice_are_shown(panel, volume):
    from LSMSSegmentationLib.ParameterNode import Where

    ui = panel.ui
    expected = {
        Where.CurrentSlice: {"viewComboBox"},
        Where.SliceNumber: {"planeComboBox", "sliceSpinBox", "fromViewButton"},
        Where.SliceRange: {
            "planeComboBox",
            "firstSliceSpinBox",
            "lastSliceSpinBox",
            "fromViewButton",
        },
        Where.WholeVolume: {"planeComboBox"},
    }
    names = set().union(*expected.values())
    for where, shown in expected.items():
        ui.whereComboBox.currentIndex = list(Where).index(where)
        panel.settle()
        assert {n for n in names if getattr(ui, n).visible} == shown


def test_a_range_covers_the_volume_at_first_and_can_be_turned_round(panel, volume, keys):
    from LSMSSegmentationLib.ParameterNode import Plane, Where

    panel.parameters.where = Where.SliceRange
    panel.settle()
    assert (panel.ui.firstSliceSpinBox.value, panel.ui.lastSliceSpinBox.value) == (0, 11)
    panel.ui.firstSliceSpinBox.value = 8
    panel.ui.lastSliceSpinBox.value = 6
    panel.settle()
    assert panel.ui.whereLabel.text == "Will search 3 axial slices, 6 to 8 (of 0 to 11)."
    panel.type("lesion")
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["slices"] == (6, 7, 8)
    assert panel.client.asked[-1]["plane"] == "axial"
    panel.client.tell("cancelled")
    panel.poll()
    panel.parameters.plane = Plane.Sagittal
    panel.settle()
    assert panel.ui.lastSliceSpinBox.maximum == 31


def test_from_view_takes_the_views_slice(panel, volume):
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.SliceNumber
    view(panel, "Red").JumpSliceByOffsetting(0.0, 0.0, -16.0 + 3.0 * 7)
    panel.settle()
    panel.click(panel.ui.fromViewButton)
    assert panel.parameters.sliceNumber == 7
    assert panel.ui.sliceSpinBox.value == 7


def test_the_whole_volume(panel, volume, keys):
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.WholeVolume
    panel.settle()
    assert panel.ui.whereLabel.text == "Will search all 12 axial slices."
    panel.type("lesion")
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["slices"] is None


def test_up_and_down_walk_through_earlier_prompts(panel, volume, keys):
    from panel_driver import blob

    for text in ("first", "second"):
        panel.run(text, blob(ONE))
    panel.type("third")
    panel.press(keys.Key_Escape)
    seen = []
    for key in (keys.Key_Up, keys.Key_Up, keys.Key_Up, keys.Key_Down, keys.Key_Down):
        panel.press(key)
        seen.append(panel.ui.promptLineEdit.text)
    assert seen == ["second", "first", "first", "second", "third"]


def test_the_star_keeps_a_prompt_and_the_menu_offers_it(panel, volume):
    panel.type("caudate cyst & more")
    assert panel.ui.favouriteButton.text == "☆"
    panel.click(panel.ui.favouriteButton)
    assert panel.ui.favouriteButton.text == "★"
    line = panel.panel.promptLine
    line._fillMenu()
    texts = [action.text for action in line._menu.actions()]
    assert texts[:2] == ["Favourites", "★ caudate cyst && more"]
    panel.type("x")
    assert panel.ui.favouriteButton.text == "☆"
    line._menu.actions()[1].trigger()
    assert panel.ui.promptLineEdit.text == "caudate cyst & more"
    panel.click(panel.ui.favouriteButton)
    line._fillMenu()
    assert "★ caudate cyst && more" not in [action.text for action in line._menu.actions()]


def test_history_outlives_the_scene_and_can_be_cleared(panel, volume, keys):
    from panel_driver import blob

    panel.run("left lobe lesion", blob(ONE))
    panel.slicer.mrmlScene.Clear(0)
    panel.add_volume()
    panel.widget.enter()
    panel.settle()
    panel.press(keys.Key_Up)
    assert panel.ui.promptLineEdit.text == "left lobe lesion"
    line = panel.panel.promptLine
    line._fillMenu()
    line._menu.actions()[-1].trigger()
    from LSMSSegmentationLib import PromptHistory

    assert PromptHistory.history() == []


def test_models_are_listed_and_a_folder_can_be_given(panel, volume, keys, tmp_path, monkeypatch):
    (tmp_path / "models" / "my-model").mkdir(parents=True)
    (tmp_path / "models" / "my-model" / "manifest.json").write_text("{}")
    monkeypatch.setenv("LSMS_MODELS", str(tmp_path / "models"))
    panel.panel.modelPicker.refresh()
    box = panel.ui.modelComboBox
    texts = [box.itemText(n) for n in range(box.count)]
    assert texts[-1] == "Another folder…"
    assert "my-model" in texts
    assert "lsms-tiny" in texts  # the chosen one, installed or not
    box.currentIndex = texts.index("my-model")
    panel.settle()
    assert panel.parameters.model == "my-model"
    box.currentIndex = box.count - 1
    panel.settle()
    assert panel.parameters.model == ""
    panel.type("lesion")
    panel.press(keys.Key_Return)
    assert panel.status == "Choose the model's folder under Options."
    panel.ui.modelFolderPathEdit.currentPath = str(tmp_path)
    panel.settle()
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["model"]["weights"] == str(tmp_path)


@pytest.mark.parametrize("engine", ["lsms", "medclip-sam"])
def test_device_and_engine_reach_the_worker(panel, volume, keys, engine):
    from LSMSSegmentationLib.ParameterNode import Device

    panel.ui.deviceComboBox.currentIndex = list(Device).index(Device.CPU)
    panel.ui.engineComboBox.currentIndex = panel.ui.engineComboBox.findText(engine)
    panel.settle()
    panel.type("lesion")
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["model"]["device"] == "cpu"
    assert panel.client.asked[-1]["model"]["engine"] == engine
    panel.client.tell("error", {"message": "The weights of MedCLIP-SAM are not there."})
    panel.poll()
    assert panel.status == "The weights of MedCLIP-SAM are not there."
    panel.ui.engineComboBox.currentIndex = 0
    panel.settle()
    panel.press(keys.Key_Return)
    assert panel.client.asked[-1]["model"]["engine"] is None


def test_diagnostics_hold_versions_and_no_patient(panel, keys):
    from panel_driver import blob

    panel.add_volume("DOE^JANE")
    panel.widget.enter()
    panel.run("secret prompt", blob(ONE))
    panel.click(panel.ui.diagnosticsButton)
    panel.panel.copyDiagnostics()
    text = panel.slicer.app.clipboard().text()
    for word in ("lsms_core: ", "Slicer: 5.12.0-shim", "numpy: ", "device: auto", "32 x 24 x 12"):
        assert word in text
    assert "DOE" not in text
    assert "secret" not in text


def test_free_memory_ends_the_worker_and_the_next_run_starts_it(panel, volume, keys):
    from panel_driver import blob

    panel.run("lesion", blob(ONE))
    assert panel.ui.stopWorkerButton.enabled
    panel.panel.stopWorker()
    assert not panel.client.running
    assert not panel.ui.stopWorkerButton.enabled
    panel.run("lesion", blob(ONE))
    assert panel.client.running


def test_the_logic_runs_without_the_panel_and_waits(entry, panel, volume):
    from panel_driver import FakeClient, blob

    client = FakeClient()
    logic = entry.LSMSSegmentationLogic()
    logic.session.controller._makeClient = lambda: client
    polls = []

    def poll():
        polls.append(1)
        if len(polls) == 3:
            client.answer(blob(ONE))
        return FakeClient.poll(client)

    client.poll = poll
    findings = logic.segment(volume, "left lobe lesion", slices=(4, 7))
    assert client.asked[0]["slices"] == (4, 5, 6, 7)
    assert [len(f.segmentIDs) for f in findings] == [1]
    found = panel.mask(findings[0].segmentIDs[0], volume)
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [5, 6, 7]


def test_the_logic_raises_what_the_panel_would_show(entry, panel, volume):
    from panel_driver import FakeClient

    from lsms_core.errors import InputError, LsmsError

    client = FakeClient()
    logic = entry.LSMSSegmentationLogic()
    logic.session.controller._makeClient = lambda: client
    with pytest.raises(InputError, match="outside the volume: use 0 to 11"):
        logic.segment(volume, "lesion", slices=99)
    with pytest.raises(InputError, match="No volume"):
        logic.segment(None, "lesion")
    with pytest.raises(InputError, match="text is empty"):
        logic.segment(volume, " ")
    client.poll = lambda: (client.tell("error", {"message": "no model"}), FakeClient.poll(client))[
        1
    ]
    with pytest.raises(LsmsError, match="no model"):
        logic.segment(volume, "lesion")
