"""Matches the lesions of a later study to those of an earlier one, and measures the changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.alignment import IDENTITY, Alignment
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.regions import boxes_of
from lsms_core.anatomy.target_lesions import TargetLesions, target_lesions

Fate = Literal["matched", "new", "vanished", "merged", "split"]

# Two lesions whose surfaces lie further apart than this after the alignment are two lesions:
# breathing bends the liver by about a centimetre beyond what a rigid motion undoes.
APART_MM = 15.0


@dataclass(frozen=True)
class Study:
    """The lesions of one study.

    Attributes:
        labels: the lesions 1..n on the study's grid.
        lesions: their measurements, in the order of their numbers.
        slice_distance_mm: from one axial slice to the next.
    """

    labels: CTVolume
    lesions: tuple[Lesion, ...]
    slice_distance_mm: float


@dataclass(frozen=True)
class LesionChange:
    """The change of one lesion between two studies.

    Attributes:
        fate: "matched"; "new" or "vanished"; "split" for a later lesion beside the matched
            one, out of the same earlier lesion; "merged" for an earlier lesion that went into
            the same later one as the matched one.
        before: in the earlier study, None for a new one.
        after: in the later study, None for one that vanished.
        gap_mm: between the two surfaces after the alignment, 0 where they overlap.
        partner: of a merged or split lesion, the number of the lesion that it went into or
            came from.
    """

    fate: Fate
    before: Lesion | None = None
    after: Lesion | None = None
    gap_mm: float | None = None
    partner: int | None = None

    @property
    def size_change_mm(self) -> float | None:
        """By how much the longest diameter grew."""
        if self.before is None or self.after is None:
            return None
        return self.after.longest_mm - self.before.longest_mm

    @property
    def size_change_percent(self) -> float | None:
        """The same, of the earlier diameter."""
        if self.before is None or self.after is None:
            return None
        return 100.0 * (self.after.longest_mm / self.before.longest_mm - 1.0)

    @property
    def volume_change_percent(self) -> float | None:
        """By how much the volume grew, of the earlier one."""
        if self.before is None or self.after is None:
            return None
        return 100.0 * (self.after.volume_ml / self.before.volume_ml - 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""

        def rounded(value: float | None) -> float | None:
            return None if value is None else round(value, 1)

        return {
            "fate": self.fate,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
            "size_change_mm": rounded(self.size_change_mm),
            "size_change_percent": rounded(self.size_change_percent),
            "volume_change_percent": rounded(self.volume_change_percent),
            "gap_mm": rounded(self.gap_mm),
            "partner": self.partner,
        }


@dataclass(frozen=True)
class FollowUp:
    """Two studies of a patient, lesion by lesion.

    Attributes:
        changes: matched ones first, the largest first; then merged, split, new and vanished.
        alignment: how the later liver was brought onto the earlier one.
        targets_before: the proposed target lesions of the earlier study.
        sum_after_mm: of the same lesions in the later study; a vanished one counts 0. None
            without a target, or where one merged or split, so that no sum would mean the same.
    """

    changes: tuple[LesionChange, ...]
    alignment: Alignment
    targets_before: TargetLesions
    sum_after_mm: float | None

    @property
    def sum_change_percent(self) -> float | None:
        """The change of the sum, of the earlier one."""
        before = self.targets_before.sum_mm
        return None if self.sum_after_mm is None else 100.0 * (self.sum_after_mm / before - 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        overlap = self.alignment.overlap
        change = self.sum_change_percent
        return {
            "alignment": {
                "matrix_ras": [
                    [round(v, 4) for v in row] for row in self.alignment.matrix.tolist()
                ],
                "shift_mm": round(self.alignment.shift_mm, 1),
                "turn_degrees": round(self.alignment.turn_degrees, 1),
                "liver_overlap": None if overlap is None else round(overlap, 3),
            },
            "lesions": [change.to_dict() for change in self.changes],
            "target_lesions": {
                "proposal": True,
                "numbers_before": [lesion.number for lesion in self.targets_before.lesions],
                "sum_before_mm": round(self.targets_before.sum_mm, 1),
                "sum_after_mm": None if self.sum_after_mm is None else round(self.sum_after_mm, 1),
                "sum_change_percent": None if change is None else round(change, 1),
            },
        }


def follow_up(before: Study, after: Study, alignment: Alignment = IDENTITY) -> FollowUp:
    """Match the lesions of two studies.

    Each later lesion is brought into the earlier study's space. Pairs are made from the most
    alike on: first overlapping lesions by their overlap, then near ones by the gap between
    them. A lesion that is left over but overlaps a matched one was split off it or merged into
    it.

    Args:
        before: the earlier study.
        after: the later one.
        alignment: brings the later study's space onto the earlier one's.
    """
    pairs = _pairs(before, after, alignment)
    taken: dict[int, int] = {}  # later -> earlier
    gaps: dict[int, float] = {}
    for (old, new), (_, gap) in sorted(pairs.items(), key=lambda p: (-p[1][0], p[1][1], p[0])):
        if old not in taken.values() and new not in taken:
            taken[new], gaps[new] = old, gap
    earlier = {lesion.number: lesion for lesion in before.lesions}
    later = {lesion.number: lesion for lesion in after.lesions}
    changes = [
        LesionChange("matched", earlier[old], later[new], gaps[new]) for new, old in taken.items()
    ]
    changes.sort(key=lambda change: -(change.before.longest_mm if change.before else 0.0))
    back = {old: new for new, old in taken.items()}
    lone: dict[Fate, list[LesionChange]] = {"merged": [], "split": [], "new": [], "vanished": []}
    for old in sorted(set(earlier) - set(back)):
        partner = min((n for (o, n), p in pairs.items() if o == old and p[0] > 0), default=None)
        fate: Fate = "vanished" if partner is None else "merged"
        lone[fate].append(LesionChange(fate, before=earlier[old], partner=partner))
    for new in sorted(set(later) - set(taken)):
        partner = min((o for (o, n), p in pairs.items() if n == new and p[0] > 0), default=None)
        fate = "new" if partner is None else "split"
        lone[fate].append(LesionChange(fate, after=later[new], partner=partner))
    ordered = (*changes, *lone["merged"], *lone["split"], *lone["new"], *lone["vanished"])
    targets = target_lesions(before.lesions, before.slice_distance_mm)
    return FollowUp(ordered, alignment, targets, _sum_after(targets, ordered))


def _sum_after(targets: TargetLesions, changes: Sequence[LesionChange]) -> float | None:
    if not targets.lesions:
        return None
    total = 0.0
    uncertain = {c.partner for c in changes if c.fate == "split"}
    for lesion in targets.lesions:
        change = next(
            c for c in changes if c.before is not None and c.before.number == lesion.number
        )
        if change.fate == "merged" or lesion.number in uncertain:
            return None
        if change.after is not None:
            into = {c.partner for c in changes if c.fate == "merged"}
            if change.after.number in into:
                return None
            total += round(change.after.longest_mm, 1)  # as the targets' sum
    return total


def _pairs(
    before: Study, after: Study, alignment: Alignment
) -> dict[tuple[int, int], tuple[float, float]]:
    """Earlier and later number -> (Dice after the alignment, gap in mm), those that may match."""
    clouds_before, clouds_after = _clouds(before, None), _clouds(after, alignment)
    found = {}
    for old in before.lesions:
        for new in after.lesions:
            one, two = clouds_before[old.number], clouds_after[new.number]
            reach = 0.5 * (one.extent_mm + two.extent_mm) + APART_MM
            if np.linalg.norm(one.centre - two.centre) > reach:
                continue
            gap = _gap(one, two)
            if gap <= APART_MM:
                found[old.number, new.number] = (_dice(one, two), gap)
    return found


@dataclass(frozen=True)
class _Cloud:
    """A lesion's voxels as points of one space, on a grid that both studies share."""

    points: NDArray[np.float64]
    cells: frozenset[tuple[int, int, int]]
    centre: NDArray[np.float64]
    extent_mm: float


_CELL_MM = 3.0
_MOST_POINTS = 1500


def _clouds(study: Study, alignment: Alignment | None) -> dict[int, _Cloud]:
    boxes = boxes_of(study.labels.array)
    return {
        lesion.number: _cloud(study.labels, lesion.number, boxes[lesion.number], alignment)
        for lesion in study.lesions
    }


def _cloud(
    labels: CTVolume, number: int, box: tuple[slice, ...], alignment: Alignment | None
) -> _Cloud:
    corner = [part.start for part in box]
    index = (np.argwhere(labels.array[box] == number) + corner)[:, ::-1].astype(np.float64)
    # Each voxel is several points, so that thick slices leave no empty cells between them.
    steps = np.maximum(np.ceil(np.asarray(labels.spacing_mm) / _CELL_MM), 1).astype(int)
    offsets = np.stack(
        np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in steps], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    index = (index[:, None, :] + offsets).reshape(-1, 3)
    ras = index @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    if alignment is not None:
        ras = ras @ alignment.matrix[:3, :3].T + alignment.matrix[:3, 3]
    cells = frozenset(map(tuple, np.floor(ras / _CELL_MM).astype(int).tolist()))
    every = max(1, len(ras) // _MOST_POINTS)
    centre = ras.mean(axis=0)
    extent = 2.0 * float(np.linalg.norm(ras - centre, axis=1).max())
    return _Cloud(ras[::every], cells, centre, extent)


def _dice(one: _Cloud, two: _Cloud) -> float:
    return 2.0 * len(one.cells & two.cells) / (len(one.cells) + len(two.cells))


def _gap(one: _Cloud, two: _Cloud) -> float:
    if one.cells & two.cells:
        return 0.0
    away = np.linalg.norm(one.points[:, None, :] - two.points[None, :, :], axis=2)
    return float(away.min())
