"""Two outlined studies compared in a worker's process give what they give here, and in words."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from lsms_core.anatomy.alignment import Alignment
from lsms_core.anatomy.follow_up import follow_up
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.lesion_numbers import renumbered
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.named_outlines import NamedMask, recognisable
from lsms_core.errors import InputError
from lsms_core.inference.outlined_follow_up import STEPS, OutlinedStudy, compare_outlines
from lsms_core.session.follow_up_rows import changeRows, followUpText
from lsms_core.worker.client import WorkerClient
from lsms_core.worker.follow_up_messages import (
    compare_message,
    follow_up_from,
    follow_up_message,
    studies_from,
)
from lsms_core.worker.protocol import MessageReader
from Testing.core.test_follow_up import study as balls
from Testing.core.test_worker_process import PATIENCE_S, until

pytestmark = pytest.mark.slow

SHAPE = (20, 50, 60)
LIVER = np.s_[2:18, 6:44, 6:54]


def box(*places):
    mask = np.zeros(SHAPE, bool)
    for place in places:
        mask[place] = True
    return mask


def outlined(shift_mm=0.0, liver=None, numbers=None, **masks):
    affine = np.diag([-3.0, -3.0, 5.0, 1.0])
    affine[:3, 3] = (90.0 + shift_mm, 75.0, -50.0)
    ct = np.full(SHAPE, 100, np.int16)
    named = [NamedMask(name.replace("_", " "), mask) for name, mask in masks.items()]
    return OutlinedStudy(CTVolume(ct, affine), named, "theirs", liver, numbers)


def two_studies():
    lesion, grown = np.s_[4:8, 10:16, 10:16], np.s_[4:8, 10:18, 10:18]
    gone, new = np.s_[12:14, 30:34, 40:44], np.s_[14:16, 12:16, 40:44]
    before = outlined(liver_lesions=box(lesion, gone), liver=None, whole_liver=box(LIVER))
    numbers = np.zeros(SHAPE, np.uint16)
    numbers[grown], numbers[new] = 7, 3
    known = LiverMap(box(LIVER))
    after = outlined(25.0, known, numbers, liver_lesions=box(grown, new))
    return before, after


def test_a_search_knows_the_liver_and_the_numbers():
    steps = []
    found = compare_outlines(*two_studies(), steps.append)
    assert steps == list(range(1, STEPS + 1))
    assert [(c.fate, c.before and c.before.number, c.after and c.after.number)
            for c in found.changes] == [
        ("matched", 1, 7), ("new", None, 3), ("vanished", 2, None)]  # fmt: skip
    assert found.alignment.overlap > 0.95
    assert found.alignment.shift_mm == pytest.approx(25, abs=1.5)
    # Without it the places are taken as they are.
    before, after = two_studies()
    assert compare_outlines(before, replace(after, liver=None)).alignment.overlap is None


def test_messages_bring_the_studies_and_the_changes_whole():
    from lsms_core.worker.protocol import Message

    for studies in (two_studies(), two_studies()[::-1]):
        expected = compare_outlines(*studies)
        message = Message("compare", *compare_message(*studies))
        (got,) = MessageReader().feed(b"".join(message.chunks()))
        assert not got.altered
        found = compare_outlines(*studies_from(got.fields, got.arrays))
        told = Message("follow_up", follow_up_message(found))
        (back,) = MessageReader().feed(b"".join(told.chunks()))
        assert follow_up_from(back.fields).to_dict() == expected.to_dict()


def test_a_worker_compares_without_a_model_and_tells_how_far_it_is():
    with WorkerClient() as client:
        request = client.compare(*two_studies())
        events = until(client, "follow_up")
        steps = [e.fields["done"] for e in events if e.kind == "progress"]
        assert steps == [0, 1, 2, 3, 4]
        assert all(e.fields["stage"] == "compare" for e in events if e.kind == "progress")
        found = follow_up_from(events[-1].fields)
        assert found.to_dict() == compare_outlines(*two_studies()).to_dict()
        assert events[-1].request == request
        kidneys = outlined(left_kidney=box(LIVER), right_kidney=box(np.s_[0:2, 0:2, 0:2]))
        event = client.wait(client.compare(kidneys, kidneys), PATIENCE_S)
        assert (event.kind, event.fields["kind"]) == ("error", InputError.__name__)
        assert "theirs holds no lesion" in event.fields["message"]


def test_a_comparison_that_is_lost_with_its_process_is_asked_again():
    with WorkerClient() as client:
        request = client.compare(*two_studies())
        os.kill(client.process_id, 9)
        died = until(client, "died")[-1]
        assert died.fields["requests"] == [request]
        event = client.wait(client.retry(request), PATIENCE_S)
        assert event.kind == "follow_up"


def test_numbers_are_given_once_to_the_lesion_that_has_most_of_them():
    parts = balls({(40, 0, 0): 12, (-30, 20, 10): 8, (0, -30, -20): 6})
    labels = parts.labels.array
    known = np.zeros(labels.shape, np.uint16)
    known[labels == 2] = 4
    known[(labels == 1) & (np.arange(labels.shape[2]) > 35)] = 4  # less of it than lesion 2 has
    changed, lesions = renumbered(labels, parts.lesions, known)
    assert {one.number for one in lesions} == {4, 5, 6}
    assert [one.number for one in lesions] == [4, 5, 6]
    np.testing.assert_array_equal(changed == 4, labels == (2 if (known[labels == 2] == 4).sum()
                                  > (known[labels == 1] == 4).sum() else 1))  # fmt: skip
    assert (changed > 0).sum() == (labels > 0).sum()
    unknown, same = renumbered(labels, parts.lesions, np.zeros_like(known))
    np.testing.assert_array_equal(unknown, labels)
    assert same == parts.lesions


def test_only_what_may_be_of_the_liver_is_sent():
    masks = [NamedMask(name, box(LIVER)) for name in ("spleen", "liver", "HCC", "aorta")]
    assert [one.name for one in recognisable(masks)] == ["liver", "HCC"]
    assert recognisable([NamedMask("Segment_1", box(LIVER))])[0].name == "Segment_1"


def test_changes_in_words():
    before = balls({(0.0, 0.0, 0.0): 18.0, (60.0, 0.0, 0.0): 6.0})
    after = balls({(-9.0, 0.0, 0.0): 8.0, (9.0, 0.0, 0.0): 6.0})
    found = follow_up(before, after, Alignment(np.eye(4), 0.9))
    rows = changeRows(found)
    assert [row.numbers for row in rows] == ["1 → 1", "– → 2", "2 → –"]
    assert rows[0].change == "-52 %, -92 %"
    assert [row.change for row in rows[1:]] == ["split off 1", "vanished"]
    np.testing.assert_allclose(rows[2].point, (60, 0, 0), atol=2.5)
    kind, text = followUpText(found)
    assert kind == "info"
    assert text.splitlines() == [
        "1 matched, 1 split off, 1 vanished.",
        "The two largest of the earlier study together, a proposal by size alone: not to be "
        "compared, for one of them merged or split.",
        "The later liver was moved by 0 mm and turned by 0°; overlap 0.90.",
    ]
    merged = follow_up(after, before, Alignment(np.eye(4), 0.5))
    assert "merged into 1" in [row.change for row in changeRows(merged)]
    kind, text = followUpText(merged)
    assert kind == "warning"
    assert text.endswith("the matches should be looked at.")
    none = follow_up(balls({}), balls({}))
    assert followUpText(none)[1].startswith("Neither study has a lesion.\nThe livers were not")
    one = follow_up(balls({(0, 0, 0): 8}), balls({(0, 0, 0): 10}))
    assert "proposal by size alone: 18 → 23 mm (+26 %)." in followUpText(one)[1]
