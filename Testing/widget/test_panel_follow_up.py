"""An earlier study in the scene is compared by a real process, and its changes are listed."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ONE_TEXT = False

LARGE = np.s_[3:8, 4:12, 4:13]
GROWN = np.s_[3:8, 4:14, 4:13]
SMALL = np.s_[5:7, 14:17, 24:27]
NEW = np.s_[9:11, 2:5, 22:25]


def mask(shape, *boxes):
    found = np.zeros(shape, bool)
    for box in boxes:
        found[box] = True
    return found


def outlined(panel, volume, name, **masks):
    """A segmentation with these segments, made on a CT."""
    from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask

    node = panel.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    for segment, found in masks.items():
        write_mask(node, volume, found, SegmentMeta(segment), WriteOptions(name=segment))
    panel.wait()
    return node


def studies(panel, volume, **both):
    """An earlier study with two lesions, and a later one in which one grew and one is new."""
    shape = panel.slicer.util.arrayFromVolume(volume).shape
    earlier = panel.add_volume("CT before")
    before = outlined(panel, earlier, "before", hepatic_lesions=mask(shape, LARGE, SMALL), **both)
    after = outlined(panel, volume, "after", hepatic_lesions=mask(shape, GROWN, NEW), **both)
    panel.parameters.segmentation = after
    panel.wait()
    return before, earlier


def compare(panel, seconds=120.0):
    from PySide6.QtCore import Qt

    panel.ui.compareButton.setFocus()
    panel.press(Qt.Key_Space, panel.ui.compareButton)
    finish(panel, seconds)


def finish(panel, seconds=120.0):
    deadline = time.monotonic() + seconds
    while panel.panel.followUp.comparing.busy and time.monotonic() < deadline:
        panel.slicer.app.processEvents()
        time.sleep(0.002)
    assert not panel.panel.followUp.comparing.busy, "the comparison did not end in time"
    panel.settle()


def listed(panel):
    table = panel.ui.followUpTableWidget
    return [
        [table.item(row, column).text() for column in range(table.columnCount)]
        for row in range(table.rowCount)
    ]


@pytest.fixture
def opened(panel, whole):
    """The panel with the section open."""
    panel.ui.followUpCollapsibleButton.collapsed = False
    panel.settle()
    return panel


def test_changes_are_listed_and_put_into_a_table_of_the_scene(opened, whole):
    before, earlier = studies(opened, whole)
    opened.ui.earlierSegmentationSelector.setCurrentNode(before)
    opened.settle()
    assert opened.parameters.earlierVolume is earlier  # the segmentation knows its CT
    compare(opened)
    rows = listed(opened)
    assert [row[0] for row in rows] == ["1 → 1", "– → 2", "2 → –"]
    assert rows[0][2] == "24 → 27"
    assert rows[0][4] == "+12 %, +25 %"
    assert [row[4] for row in rows[1:]] == ["new", "vanished"]
    status = opened.ui.compareStatusLabel.text
    assert status.startswith("1 matched, 1 new, 1 vanished.\nThe largest of the earlier study")
    assert "the places are those in the scene" in status
    assert opened.panel.followUp._status.kind == "warning"
    node = opened.parameters.followUpTable
    assert node.GetNumberOfRows() == 3
    assert not opened.panel.followUp.comparing.controller.workerRunning
    # Once more: the same table, filled anew.
    compare(opened)
    assert opened.parameters.followUpTable is node
    assert node.GetNumberOfRows() == 3


def test_the_keys_step_through_the_changes_in_the_views(opened, whole):
    from PySide6.QtCore import Qt

    before, _earlier = studies(opened, whole)
    opened.parameters.earlierSegmentation = before
    opened.settle()
    compare(opened)
    red = opened.slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    table = opened.ui.followUpTableWidget
    table.setFocus()
    table.setCurrentCell(0, 0)
    at_first = red.GetSliceOffset()
    opened.press(Qt.Key_Down, table)
    assert table.currentRow() == 1
    assert red.GetSliceOffset() != at_first
    # Where the vanished lesion was, slices 5 and 6 of the earlier study.
    opened.press(Qt.Key_Down, table)
    assert -16.0 + 5 * 3.0 <= red.GetSliceOffset() <= -16.0 + 6 * 3.0


def test_livers_of_the_searches_align_the_studies_and_numbers_are_those_of_the_list(
    opened, whole, labels, liver
):
    """The earlier study lies 20 mm elsewhere; the segmentations hold nothing but lesions."""
    opened.search("all lesions", labels, liver)
    first = opened.segmentation
    moved = np.diag([-2.0, -2.0, 3.0, 1.0])
    moved[:3, 3] = (51.0, 23.0, -16.0)
    later = opened.add_volume("CT after", opened.slicer.util.arrayFromVolume(whole), moved)
    opened.parameters.segmentation = None
    opened.parameters.inputVolume = later
    opened.settle()
    swapped = np.array([0, 2, 1], np.uint16)[labels]
    opened.search("all lesions", swapped, liver)
    found = opened.session.findings[0].answer.candidates
    assert opened.parameters.segmentation is not first
    opened.parameters.earlierSegmentation = first
    opened.settle()
    assert opened.ui.compareReasonLabel.text == ""
    compare(opened)
    assert [row[0] for row in listed(opened)] == ["1 → 1", "2 → 2"]
    assert "moved by 20 mm" in opened.ui.compareStatusLabel.text
    assert opened.panel.followUp._status.kind == "info"
    places = {one.number: one.place for one in found.lesions}
    assert [row[1] for row in listed(opened)] == [places[1], places[2]]


def test_what_cannot_be_compared_says_why(opened, whole, blob):
    ui, parameters = opened.ui, opened.parameters

    def reason():
        opened.wait()
        assert ui.compareButton.enabled == (not ui.compareReasonLabel.text)
        return ui.compareReasonLabel.text

    assert reason() == "Run a prompt, or choose the later study's segmentation under Images."
    after = outlined(opened, whole, "after", lesion=mask((12, 24, 32), LARGE))
    parameters.segmentation = after
    assert reason() == "Choose the segmentation of the earlier study."
    parameters.earlierSegmentation = after
    assert reason().startswith("This is the later study's own segmentation")
    empty = opened.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "nothing")
    parameters.earlierSegmentation = empty
    parameters.earlierVolume = None
    assert reason() == "Choose the CT of the earlier study."
    parameters.earlierVolume = whole
    assert reason() == "“nothing” has no segment yet."
    parameters.inputVolume = None
    assert reason() == "Choose the later study's CT under Images."


def test_outlines_without_a_liver_lesion_are_refused_in_words(opened, whole):
    shape = (12, 24, 32)
    earlier = opened.add_volume("CT before")
    kidneys = {"left kidney": mask(shape, LARGE), "right kidney": mask(shape, SMALL)}
    opened.parameters.earlierSegmentation = outlined(opened, earlier, "organs", **kidneys)
    opened.parameters.segmentation = outlined(opened, whole, "after", lesion=mask(shape, LARGE))
    opened.settle()
    compare(opened)
    assert opened.ui.compareStatusLabel.text.startswith("organs holds no lesion")
    assert listed(opened) == []
    assert opened.parameters.followUpTable is None


def test_escape_cancels_and_a_process_that_dies_is_told(opened, whole):
    from PySide6.QtCore import Qt

    opened.parameters.earlierSegmentation = studies(opened, whole)[0]
    opened.settle()
    comparing = opened.panel.followUp.comparing
    opened.click(opened.ui.compareButton)
    assert opened.ui.compareButton.text == "Cancel"
    assert opened.ui.compareProgressBar.visible
    opened.press(Qt.Key_Escape)
    assert not comparing.busy
    assert opened.ui.compareStatusLabel.text == "Cancelled; nothing was changed."
    assert opened.ui.compareButton.text == "Compare"
    assert not comparing.controller.workerRunning
    opened.click(opened.ui.compareButton)
    os.kill(comparing.controller._client.process_id, 9)
    finish(opened)
    assert "stopped before its end" in opened.ui.compareStatusLabel.text
    compare(opened)
    assert len(listed(opened)) == 3


def test_a_scene_that_closes_ends_the_comparison(opened, whole):
    opened.parameters.earlierSegmentation = studies(opened, whole)[0]
    opened.settle()
    opened.click(opened.ui.compareButton)
    opened.widget.onSceneStartClose(None, None)
    assert not opened.panel.followUp.comparing.busy
    assert opened.ui.compareStatusLabel.text == ""
    assert not opened.panel.followUp.comparing.controller.workerRunning


def synthetic_studies(panel):
    """One synthetic body twice: a lesion has grown, one is new, one is gone; it lies elsewhere."""
    from lsms_core.anatomy.regions import signed_distance_mm
    from lsms_core.phantom import SMALL_SHAPE, make_phantom

    phantom = make_phantom(2, shape=SMALL_SHAPE)
    spacing = phantom.ct.spacing_mm[::-1]
    grows = phantom.instances == 1
    grown = phantom.liver & (signed_distance_mm(grows, spacing) <= 5.0)
    lesions = phantom.instances > 0
    depth = -signed_distance_mm(phantom.liver, spacing)
    away = signed_distance_mm(lesions, spacing)
    centre = np.argwhere((depth > 12.0) & (away > 30.0))[0]
    point = np.zeros_like(lesions)
    point[tuple(centre)] = True
    new = signed_distance_mm(point, spacing) <= 8.0
    before, after = phantom.ct.affine.copy(), phantom.ct.affine.copy()
    after[:3, 3] += (12.0, -8.0, 15.0)
    last = phantom.instances == phantom.instances.max()
    earlier = panel.add_volume("CT of March", phantom.ct.array, before)
    later = panel.add_volume("CT of June", phantom.ct.array, after)
    first = outlined(
        panel, earlier, "Lesions of March", liver=phantom.liver, hepatic_lesions=lesions
    )
    second = outlined(
        panel, later, "Lesions of June", liver=phantom.liver,
        hepatic_lesions=(lesions & ~last) | grown | new,
    )  # fmt: skip
    return (first, earlier), (second, later)


def test_a_picture_for_the_documentation(panel):
    from pathlib import Path

    target = os.environ.get("LSMS_SCREENSHOTS")
    if not target:
        pytest.skip("set LSMS_SCREENSHOTS to a folder to get pictures")
    panel.widget.enter()
    (first, _earlier), (second, later) = synthetic_studies(panel)
    panel.parameters.inputVolume = later
    panel.parameters.segmentation = second
    panel.parameters.earlierSegmentation = first
    ui = panel.ui
    ui.askCollapsibleButton.collapsed = ui.resultCollapsibleButton.collapsed = True
    ui.followUpCollapsibleButton.collapsed = False
    panel.settle()
    compare(panel)
    assert {"new", "vanished"} <= {row[4] for row in listed(panel)}
    ui.followUpTableWidget.setCurrentCell(0, 0)
    panel.picture(Path(target) / "panel-follow-up.png")


def test_another_ct_brings_its_own_segmentation(panel, volume):
    before, earlier = studies(panel, volume)
    after = panel.parameters.segmentation
    panel.parameters.inputVolume = earlier
    panel.wait()
    assert panel.parameters.segmentation is before
    panel.parameters.inputVolume = volume
    panel.wait()
    assert panel.parameters.segmentation is after
    new = panel.add_volume("a third CT")
    panel.parameters.inputVolume = new
    panel.wait()
    assert panel.parameters.segmentation is None, "its findings go into a new one"
    # What the user chooses afterwards stays chosen.
    panel.parameters.segmentation = before
    panel.wait()
    assert panel.parameters.segmentation is before


def test_a_segmentation_of_no_ct_stays_chosen(panel, volume):
    node = panel.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    panel.parameters.segmentation = node
    panel.parameters.inputVolume = panel.add_volume("another CT")
    panel.wait()
    assert panel.parameters.segmentation is node
