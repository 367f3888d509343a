"""Taking runs back: nothing of what others did is lost, and the panel says what is so."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE = np.s_[5:8, 8:14, 10:16]
OTHER = np.s_[4:9, 15:20, 20:28]
STROKE = np.s_[5, 1:4, 1:5]


class Reader:
    """What somebody does in Segment Editor; the panel is not asked."""

    def __init__(self, panel, volume):
        self.panel, self.volume = panel, volume

    @property
    def segmentation(self):
        return self.panel.segmentation.GetSegmentation()

    def add(self, name):
        return self.segmentation.AddEmptySegment("", name)

    def paint(self, segment_id, place=STROKE):
        from lsms_core.mrml.segment_writing import replace_mask

        mask = self.panel.mask(segment_id, self.volume)
        mask[place] = True
        replace_mask(self.panel.segmentation, self.volume, segment_id, mask)
        self.panel.settle()
        return mask

    def wait(self):
        """Let the panel notice."""
        self.panel.wait()


@pytest.fixture
def reader(panel, volume):
    return Reader(panel, volume)


def test_undo_leaves_what_was_painted_after_the_run(panel, volume, blob, reader):
    panel.run("left lobe lesion", blob(ONE))
    theirs = reader.add("Metastasis by hand")
    painted = reader.paint(theirs)
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {theirs: "Metastasis by hand"}
    assert np.array_equal(panel.mask(theirs, volume), painted)
    assert panel.status == "Taken back: “left lobe lesion”."
    panel.run("right lobe lesion", blob(OTHER))
    assert np.array_equal(panel.mask(theirs, volume), painted)
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {theirs: "Metastasis by hand"}


def test_undo_leaves_what_was_painted_into_the_runs_segment(panel, volume, blob, reader):
    panel.run("left lobe lesion", blob(ONE))
    (made,) = panel.segments()
    reader.paint(made)
    panel.click(panel.ui.undoButton)
    left = np.zeros_like(panel.mask(made, volume))
    left[STROKE] = True
    assert np.array_equal(panel.mask(made, volume), left)


def test_segment_editor_gets_a_state_before_a_run_is_taken_back(panel, volume, blob):
    editor = panel.slicer.modules.segmenteditor.editor
    panel.run("left lobe lesion", blob(ONE))
    editor.calls.clear()
    panel.click(panel.ui.undoButton)
    assert ("saveStateForUndo",) in editor.calls


def test_a_completed_segment_is_not_taken_back(panel, volume, blob):
    from lsms_core.mrml.segment_writing import set_locked

    panel.run("left lobe lesion", blob(ONE))
    (made,) = panel.segments()
    set_locked(panel.segmentation, made, True)
    before = panel.mask(made, volume)
    panel.click(panel.ui.undoButton)
    assert "locked" in panel.status
    assert np.array_equal(panel.mask(made, volume), before)
    set_locked(panel.segmentation, made, False)
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {}


def test_after_nothing_found_undo_does_not_take_an_earlier_run(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    (made,) = panel.segments()
    panel.run("calcified lesion", blob(OTHER, inner=0.3, rim=0.1))
    panel.click(panel.ui.undoButton)
    assert list(panel.segments()) == [made]
    assert panel.status == "Put aside: “calcified lesion”."
    # The earlier run's findings are there again, its threshold, too.
    assert panel.ui.resultLabel.text.startswith("left lobe lesion")
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert int(panel.mask(made, volume).sum()) == 64
    panel.click(panel.ui.undoButton)
    assert panel.segments() == {}


def test_an_undo_in_segment_editor_is_told(panel, volume, blob, reader):
    panel.run("left lobe lesion", blob(ONE))
    (made,) = panel.segments()
    assert panel.status == "Found “left lobe lesion”."
    segment = panel.segmentation.GetSegmentation().GetSegment(made)
    reader.segmentation.RemoveSegment(made)
    reader.wait()
    assert panel.status == "“left lobe lesion”: undone or removed elsewhere."
    assert panel.ui.resultLabel.text == "none yet"
    assert not panel.ui.findingsTableWidget.visible
    assert not panel.ui.undoButton.enabled
    reader.segmentation.AddSegment(segment, made)  # Segment Editor's redo
    reader.wait()
    assert panel.status == "Found “left lobe lesion”."
    assert panel.ui.undoButton.enabled


def test_a_removed_segmentation_is_told(panel, volume, blob, reader):
    panel.run("left lobe lesion", blob(ONE))
    panel.slicer.mrmlScene.RemoveNode(panel.segmentation)
    reader.wait()
    assert "undone or removed elsewhere" in panel.status
    assert not panel.ui.undoButton.enabled


def test_a_closed_scene_leaves_no_message(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    panel.slicer.mrmlScene.Clear(0)
    panel.settle()
    assert panel.status == ""
    assert panel.ui.resultLabel.text == "none yet"
    assert not panel.ui.undoButton.enabled
    assert not panel.ui.findingsTableWidget.visible


def test_a_reloaded_scene_shows_its_table(panel, volume, blob, tmp_path):
    panel.run("left lobe lesion", blob(ONE))
    panel.panel.results.measureNow()
    cells = [panel.ui.findingsTableWidget.item(0, c).text() for c in range(2, 4)]
    scene = panel.slicer.mrmlScene
    storage = scene.AddNewNodeByClass("vtkMRMLTableStorageNode")
    storage.SetFileName(str(tmp_path / "table.tsv"))
    table = panel.parameters.findingsTable
    table.SetAndObserveStorageNodeID(storage.GetID())
    assert storage.WriteData(table)
    for node, kind, name in (
        (panel.segmentation, "vtkMRMLSegmentationStorageNode", "s.seg.nrrd"),
        (volume, "vtkMRMLVolumeArchetypeStorageNode", "v.nrrd"),
    ):
        storage = scene.AddNewNodeByClass(kind)
        storage.SetFileName(str(tmp_path / name))
        node.SetAndObserveStorageNodeID(storage.GetID())
        assert storage.WriteData(node)
    path = tmp_path / "scene.mrml"
    scene.SetURL(str(path))
    scene.SetRootDirectory(str(tmp_path))
    assert scene.Commit(str(path))
    scene.Clear(0)
    panel.widget.enter()
    panel.settle()
    assert not panel.ui.findingsTableWidget.visible
    scene.SetURL(str(path))
    scene.SetRootDirectory(str(tmp_path))
    assert scene.Import()
    panel.widget.enter()
    panel.settle()
    assert panel.ui.findingsTableWidget.visible
    assert panel.ui.findingsTableWidget.item(0, 0).text() == "left lobe lesion"
    assert [panel.ui.findingsTableWidget.item(0, c).text() for c in range(2, 4)] == cells
    assert panel.ui.resultLabel.text == "from the saved scene"
    panel.ui.findingsTableWidget.setCurrentCell(0, 0)
    editor = panel.slicer.modules.segmenteditor.editor
    panel.panel.results.refine()
    assert editor.currentSegmentID() == next(iter(panel.segments()))


def test_refine_opens_the_selected_row(panel, volume, blob):
    editor = panel.slicer.modules.segmenteditor.editor
    panel.run("left lobe lesion; right lobe lesion", blob(ONE), blob(OTHER))
    first, second = panel.segments()
    panel.ui.findingsTableWidget.setCurrentCell(1, 0)
    panel.click(panel.ui.refineButton)
    assert editor.currentSegmentID() == second
    panel.ui.findingsTableWidget.setCurrentCell(0, 0)
    panel.click(panel.ui.refineButton)
    assert editor.currentSegmentID() == first


def test_a_greyed_control_says_why_in_the_panel(panel, volume, blob, reader):
    panel.run("left lobe lesion", blob(ONE))
    assert not panel.ui.resultReasonLabel.visible
    (made,) = panel.segments()
    reader.paint(made)
    reader.wait()
    assert not panel.ui.thresholdSlider.enabled
    assert panel.ui.resultReasonLabel.visible
    assert "was edited after the run" in panel.ui.resultReasonLabel.text


def test_colours_of_findings_look_different(panel, volume, blob):
    """Three of eight segments were pink."""
    from lsms_core.mrml.segment_terminology import _difference

    for number in range(8):
        panel.run(f"lesion number {number}", blob(ONE))
    inner = panel.segmentation.GetSegmentation()
    colours = [inner.GetSegment(s).GetColor() for s in panel.segments()]
    assert len(colours) == 8
    pairs = [_difference(a, b) for i, a in enumerate(colours) for b in colours[:i]]
    assert min(pairs) > 120


def test_the_table_has_a_name_of_its_own(panel, volume, blob):
    panel.run("left lobe lesion", blob(ONE))
    panel.panel.results.measureNow()
    assert panel.parameters.findingsTable.GetName() == "CT findings table"


def test_a_script_that_does_not_say_which_segment_it_painted_is_noticed(
    panel, volume, blob, reader, capsys
):
    """As slicer.util.updateSegmentBinaryLabelmapFromArray: its event carries no segment."""
    panel.run("left lobe lesion", blob(ONE))
    (segment_id,) = panel.segments()
    writer = panel.session.writer
    with writer.quietly():
        painted = reader.paint(segment_id)
    reader.segmentation.InvokeEvent(panel.slicer.vtkSegmentation.SourceRepresentationModified)
    reader.wait()
    assert "onModified" not in capsys.readouterr().err
    assert "was edited after the run" in panel.session.whyNotCorrectable()
    panel.ui.thresholdSlider.value = 0.3
    panel.recut()
    assert np.array_equal(panel.mask(segment_id, volume), painted)
