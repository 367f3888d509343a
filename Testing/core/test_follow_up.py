"""Lesions of two studies are matched after the livers lie on each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsms_core.anatomy.alignment import IDENTITY, Alignment, align_livers
from lsms_core.anatomy.follow_up import FollowUp, Study, follow_up
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.measure import measure_lesions
from lsms_core.errors import InputError


def motion(degrees: float, shift: tuple[float, float, float]) -> np.ndarray:
    """A turn about the patient's long axis with a shift, RAS mm."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = shift
    return matrix


def study(lesions: dict[tuple[float, float, float], float], affine=None) -> Study:
    """Balls at RAS mm with these radii, on 2 x 2 x 4 mm."""
    if affine is None:
        affine = np.diag([-2.0, -2.0, 4.0, 1.0])
        affine[:3, 3] = (100, 80, -60)
    shape = (30, 80, 100)
    kji = np.indices(shape).reshape(3, -1)
    ras = (affine[:3, :3] @ kji[::-1] + affine[:3, 3:]).T
    labels = np.zeros(shape, np.int32)
    for number, (centre, radius) in enumerate(lesions.items(), start=1):
        inside = np.linalg.norm(ras - centre, axis=1) <= radius
        labels[inside.reshape(shape)] = number
    volume = CTVolume(labels, affine)
    ct = volume.with_array(np.full(shape, 60, np.int16))
    return Study(volume, tuple(measure_lesions(ct, labels)), 4.0)


def fates(found: FollowUp) -> list[tuple[str, int | None, int | None]]:
    return [
        (c.fate, c.before and c.before.number, c.after and c.after.number) for c in found.changes
    ]


def test_growth_new_and_vanished():
    before = study({(40, 0, 0): 12, (-30, 20, 10): 8, (0, -30, -20): 6})
    after = study({(-31, 20, 10): 10, (42, 1, 0): 9, (10, 40, 20): 7})
    found = follow_up(before, after)
    assert fates(found) == [
        ("matched", 1, 2),
        ("matched", 2, 1),
        ("new", None, 3),
        ("vanished", 3, None),
    ]
    shrunk, grown = found.changes[:2]
    assert shrunk.size_change_mm == pytest.approx(-6, abs=1.5)
    assert shrunk.volume_change_percent == pytest.approx(100 * ((9 / 12) ** 3 - 1), abs=8)
    assert grown.size_change_percent == pytest.approx(25, abs=10)
    assert grown.gap_mm == 0.0


def test_the_sum_follows_the_same_two_lesions():
    before = study({(40, 0, 0): 12, (-30, 20, 10): 8, (0, -30, -20): 6})
    after = study({(-31, 20, 10): 10, (0, -30, -20): 20})
    found = follow_up(before, after)
    assert [x.number for x in found.targets_before.lesions] == [1, 2]
    # The first vanished, the second grew to 20 mm; the third is no target.
    assert found.sum_after_mm == pytest.approx(20, abs=2)
    assert found.to_dict()["target_lesions"]["sum_change_percent"] == pytest.approx(-50, abs=5)


def test_split_and_merged():
    one = {(0.0, 0.0, 0.0): 18.0}
    two = {(-9.0, 0.0, 0.0): 8.0, (9.0, 0.0, 0.0): 6.0}
    split = follow_up(study(one), study(two))
    assert fates(split) == [("matched", 1, 1), ("split", None, 2)]
    assert split.changes[1].partner == 1
    assert split.sum_after_mm is None
    merged = follow_up(study(two), study(one))
    assert fates(merged) == [("matched", 1, 1), ("merged", 2, None)]
    assert merged.changes[1].partner == 1
    assert merged.sum_after_mm is None


def test_neighbours_that_do_not_touch_may_match_but_far_ones_do_not():
    found = follow_up(study({(0, 0, 0): 5}), study({(18, 0, 0): 5}))
    assert fates(found) == [("matched", 1, 1)]
    assert found.changes[0].gap_mm == pytest.approx(8, abs=4)
    apart = follow_up(study({(0, 0, 0): 5}), study({(30, 0, 0): 5}))
    assert fates(apart) == [("new", None, 1), ("vanished", 1, None)]


def test_nothing_on_either_side():
    empty = study({})
    assert follow_up(empty, empty).changes == ()
    assert follow_up(empty, empty).to_dict()["target_lesions"]["sum_after_mm"] is None
    assert fates(follow_up(empty, study({(0, 0, 0): 6}))) == [("new", None, 1)]


@settings(max_examples=8, deadline=None)
@given(st.floats(-10, 10), st.tuples(*[st.floats(-20, 20)] * 3))
def test_a_known_motion_changes_nothing(degrees, shift):
    """The later study lies elsewhere in its scanner; the alignment brings it back."""
    places = {(40.0, 0.0, 0.0): 10.0, (-30.0, 20.0, 10.0): 8.0}
    before = study(places)
    moved = motion(degrees, shift)
    after = study(places)
    after = Study(CTVolume(after.labels.array, moved @ after.labels.affine), after.lesions, 4.0)
    found = follow_up(before, after, Alignment(np.linalg.inv(moved)))
    assert fates(found) == [("matched", 1, 1), ("matched", 2, 2)]
    assert all(c.gap_mm == 0.0 and c.size_change_mm == 0.0 for c in found.changes)


def liver(spacing: tuple[float, float, float], moved: np.ndarray) -> tuple[CTVolume, np.ndarray]:
    """A large right and a small left lobe, on a grid of its own, moved in the scanner."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    shape = tuple(int(n / mm) for n, mm in zip((220, 200, 280), spacing[::-1], strict=True))
    affine[:3, 3] = (140, 100, -110)
    kji = np.indices(shape).reshape(3, -1)
    ras = (affine[:3, :3] @ kji[::-1] + affine[:3, 3:]).T
    right = (np.array((ras - (50, 0, 0)) / (60, 75, 80)) ** 2).sum(axis=1) < 1
    left = (np.array((ras - (-35, 35, 20)) / (70, 30, 35)) ** 2).sum(axis=1) < 1
    mask = (right | left).reshape(shape)
    points = ras[right | left][::97]
    return CTVolume(mask, moved @ affine), points


def test_livers_are_brought_onto_each_other():
    moved = motion(7, (14.0, -9.0, 21.0))
    before, _ = liver((2.0, 2.0, 5.0), np.eye(4))
    after, truth = liver((2.5, 2.5, 3.0), moved)
    found = align_livers(before, after)
    assert found.overlap > 0.95
    scanned = truth @ moved[:3, :3].T + moved[:3, 3]
    back = np.array([found.moved(tuple(p)) for p in scanned])
    assert np.linalg.norm(back - truth, axis=1).max() < 3.0
    # Unaligned they lie far apart.
    assert np.linalg.norm(scanned - truth, axis=1).min() > 15
    assert found.turn_degrees == pytest.approx(7, abs=1)
    again = align_livers(before, after)
    np.testing.assert_array_equal(again.matrix, found.matrix)


def test_a_scrap_of_liver_is_refused():
    scrap = np.zeros((10, 10, 10), bool)
    scrap[5, 5, 5] = True
    volume = CTVolume(scrap, np.diag([-2.0, -2.0, 4.0, 1.0]))
    with pytest.raises(InputError, match="earlier study's liver is smaller"):
        align_livers(volume, volume)


def test_no_motion_is_no_motion():
    assert IDENTITY.moved((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert (IDENTITY.shift_mm, IDENTITY.turn_degrees) == (0.0, 0.0)
