"""The slice that is shown is searched while the prompt is typed, so that Enter need not wait."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

# The engine of these tests finds the lesions whatever the text is.
ONE_TEXT = False


def _qt():
    from PySide6.QtCore import Qt

    return Qt


@pytest.fixture
def warm(panel, whole):
    """A CT of which one slice is searched, and a worker that runs."""
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.SliceNumber
    panel.parameters.sliceNumber = 5
    panel.session.controller.warmUp({"weights": "fake"})
    panel.settle()
    return whole


def type_(panel, text):
    panel.type(text)
    panel.press(_qt().Key_Escape)
    panel.panel.preview.refresh()
    panel.settle()


def slices(panel):
    return [asked["slices"] for asked in panel.client.asked]


def kept(panel):
    return [row.number for row in panel.panel.results.candidates._list.rows if row.kept]


def test_typing_begins_the_search_and_enter_needs_no_other(panel, warm, labels, liver):
    type_(panel, "lef")
    type_(panel, "left lobe lesion")
    assert slices(panel) == [(5,)]
    assert not panel.session.busy
    panel.client.found(labels, liver)
    panel.poll()
    assert panel.segmentation is None  # nothing is written before Enter
    assert kept(panel) == [2]
    panel.press(_qt().Key_Return)
    assert slices(panel) == [(5,)]
    (segment_id,) = panel.segments()
    assert np.array_equal(panel.mask(segment_id, warm)[5], labels[5] == 2)


def test_enter_takes_over_a_search_under_way(panel, warm, labels, liver):
    type_(panel, "left lobe lesion")
    panel.press(_qt().Key_Return)
    assert panel.session.busy
    assert panel.ui.runButton.text == "Cancel"
    assert slices(panel) == [(5,)]
    panel.client.found(labels, liver)
    panel.poll()
    assert not panel.session.busy
    assert len(panel.segments()) == 1


def test_a_search_taken_over_can_be_cancelled(panel, warm, labels, liver):
    type_(panel, "left lobe lesion")
    panel.press(_qt().Key_Return)
    panel.press(_qt().Key_Escape)
    assert panel.client.cancelled == [1]
    assert panel.status == "Cancelled; nothing was changed."


def test_looks_that_the_worker_was_not_asked_for_are_asked_for(
    panel, warm, labels, liver, monkeypatch
):
    from lsms_core.inference import candidate_looks

    monkeypatch.setattr(candidate_looks, "needs_looks", lambda found, _text: found.looks is None)
    type_(panel, "left lobe lesion")
    panel.press(_qt().Key_Return)
    panel.client.found(labels, liver)
    panel.poll()
    assert slices(panel) == [(5,), (5,)]
    assert panel.session.busy
    panel.client.found(labels, liver)
    panel.poll()
    assert len(panel.segments()) == 1


def test_another_slice_ends_the_search_before(panel, warm):
    type_(panel, "left lobe lesion")
    panel.parameters.sliceNumber = 8
    type_(panel, "left lobe cyst")
    assert slices(panel) == [(5,), (8,)]
    assert panel.client.cancelled == [1]
    type_(panel, "left lobe lesion")
    panel.press(_qt().Key_Return)
    assert slices(panel) == [(5,), (8,)]


def test_the_keyboard_in_the_line_is_enough(panel, warm):
    from PySide6.QtTest import QTest

    panel.ui.promptLineEdit.text = "left lobe lesion"
    panel.panel.preview.refresh()
    panel.parameters.sliceNumber = 8
    panel.ui.runButton.setFocus()
    panel.settle()
    panel.ui.promptLineEdit.setFocus()
    QTest.qWait(60)
    assert slices(panel)[-1] == (8,)


def test_a_run_elsewhere_goes_first(panel, warm, labels, liver):
    from LSMSSegmentationLib.ParameterNode import Where

    type_(panel, "left lobe lesion")
    panel.parameters.where = Where.WholeVolume
    panel.search("left lobe lesion", labels, liver)
    assert slices(panel) == [(5,), None]
    assert panel.client.cancelled == [1]
    assert kept(panel) == [2]


def test_what_nobody_agreed_to_is_not_searched_ahead(panel, warm, monkeypatch):
    from LSMSSegmentationLib import ServerSettings
    from LSMSSegmentationLib.ParameterNode import Where

    panel.client.running = False  # nothing is started or loaded for it
    type_(panel, "left lobe lesion")
    panel.client.running = True
    panel.parameters.where = Where.WholeVolume  # takes long
    type_(panel, "left lobe cyst")
    panel.parameters.where = Where.SliceNumber
    monkeypatch.setattr(ServerSettings, "address", lambda: "https://ward.example")
    type_(panel, "right lobe cyst")  # an image leaves this computer with Run only
    assert panel.client.asked == []


def test_a_search_that_failed_is_left_to_the_run(panel, warm, labels, liver):
    type_(panel, "left lobe lesion")
    panel.client.tell("error", {"message": "The model is missing."})
    panel.poll()
    assert panel.status == ""
    type_(panel, "left lobe cyst")
    assert slices(panel) == [(5,)]
    panel.press(_qt().Key_Return)
    assert slices(panel) == [(5,), (5,)]
    assert panel.session.busy


def test_a_worker_that_dies_meanwhile_disturbs_nobody(panel, warm):
    type_(panel, "left lobe lesion")
    panel.client.running = False
    panel.client.tell("died", {"message": "It died.", "requests": [1]}, request=0)
    panel.poll()
    assert panel.status == ""
    assert not panel.session.controller.searchingAhead


def test_searches_ahead_push_out_no_other():
    from lsms_core.session.candidate_store import CandidateStore

    store = CandidateStore()
    store.put("volume", "long search")
    for number in range(9):
        store.putAhead(number, f"slice {number}")
    assert store.get("volume") == "long search"
    assert store.get(8) == "slice 8"
    assert store.get(7) is None
    store.asked(8)
    store.putAhead(9, "slice 9")
    assert store.get(8) == "slice 8"
