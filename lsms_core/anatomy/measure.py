"""Measures the lesions of a label map on their CT, each in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.appearance import margin_of, shape_of, texture_of
from lsms_core.anatomy.diameters import Diameters, Point, longest_of_stack
from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import Side, midline_column
from lsms_core.anatomy.lesion import Ends, Lesion, attenuation_of, location_of
from lsms_core.anatomy.liver_around import FEWEST_VOXELS, ring_around
from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap
from lsms_core.anatomy.regions import bounding_box, boxes_of, signed_distance_mm
from lsms_core.anatomy.sections import possible_segments

# How far around a lesion the liver is looked at; also the greatest depth that is given.
_REACH_MM = 25.0
# A lesion with less than this of its volume in the other lobe lies in one of them.
_OTHER_LOBE = 0.1


def measure_lesions(
    volume: CTVolume,
    labels: NDArray[Any],
    known: LiverMap | None = None,
    *,
    plane: str | int = "axial",
    axis: int | None = None,
    scores: Sequence[float] | None = None,
) -> list[Lesion]:
    """Measure every lesion of a map.

    The voxel's volume is the determinant of the affine, which holds for a tilted gantry, too.

    Args:
        volume: the CT, HU.
        labels: the CT's shape; lesions 1..n, 0 elsewhere.
        known: the liver on the same grid, as far as it is known.
        plane: where diameters and areas are taken: "axial", unless only a slice of another
            plane was run, which has no axial extent.
        axis: the array axis that ``Lesion.slices`` counts along; default: the plane's.
        scores: the network's certainty, one for each number from 1 on; default: 1.

    Returns:
        The lesions in the order of their numbers.
    """
    lesions_mask = np.asarray(labels > 0)
    if not lesions_mask.any():
        return []
    seen = SlicePlane.of(volume, plane)
    scene = _Scene.of(volume, lesions_mask, known, seen)
    lesions = []
    for number, place in sorted(boxes_of(labels).items()):
        score = 1.0 if scores is None else float(scores[number - 1])
        lesions.append(_measure(scene, labels, number, place, seen.axis if axis is None else axis,
                                score))  # fmt: skip
    return lesions


@dataclass(frozen=True)
class _Scene:
    """What the measurements of all lesions of a label map share."""

    volume: CTVolume
    lesions: NDArray[np.bool_]
    known: LiverMap | None
    seen: SlicePlane
    organ_hu: float
    spacing_mm: tuple[float, float, float]
    middles: dict[int, float] = field(default_factory=dict)

    def middle_mm(self, axial: SlicePlane, level: int) -> float:
        """Column of the patient's midline in an axial slice, mm; found once a slice."""
        if level not in self.middles:
            image = axial.extract(self.volume.array, level)
            self.middles[level] = midline_column(image, axial.spacing_mm) * axial.spacing_mm[1]
        return self.middles[level]

    @classmethod
    def of(
        cls,
        volume: CTVolume,
        lesions: NDArray[np.bool_],
        known: LiverMap | None,
        seen: SlicePlane,
    ) -> _Scene:
        i, j, k = volume.spacing_mm
        organ_hu = float("nan")
        if known is not None and known.liver.any():
            box = bounding_box(known.liver, (0, 0, 0))
            healthy = known.liver[box] & ~lesions[box]
            # A few hundred thousand voxels tell the median as well as all of them.
            values = volume.array[box][healthy]
            values = values[:: max(1, len(values) // 200_000)]
            organ_hu = float(np.median(values)) if len(values) else float("nan")
        return cls(volume, lesions, known, seen, organ_hu, (k, j, i))


def _measure(
    scene: _Scene,
    labels: NDArray[Any],
    number: int,
    place: tuple[slice, slice, slice],
    axis: int,
    score: float,
) -> Lesion:
    volume, seen = scene.volume, scene.seen
    part = np.asarray(labels[place] == number)
    offset = np.array([s.start for s in place])
    stacked = seen.stack(part)
    index, found = longest_of_stack(stacked, seen.spacing_mm)
    areas = stacked.sum(axis=(1, 2))
    hu = volume.array[place][part].astype(np.float64)
    hu = hu[np.isfinite(hu)]
    mean = float(hu.mean()) if len(hu) else float("nan")
    kji = np.argwhere(part).mean(axis=0) + offset
    centre = _ras(volume, kji)

    def ends(pair: tuple[Point, Point]) -> Ends:
        first, last = (_stored(seen, part.shape, index, point) + offset for point in pair)
        return _ras(volume, first), _ras(volume, last)

    around = _around(scene, place, labels, number)
    contrast = None if np.isnan(around.hu) or np.isnan(mean) else mean - around.hu
    appearance = _appearance(scene, around, index + int(offset[seen.axis]), found, contrast)
    sides, share = around.sides
    return Lesion(
        number=number,
        plane=seen.plane,
        longest_mm=found.longest_mm,
        perpendicular_mm=found.perpendicular_mm,
        longest_ends=ends(found.longest_ends),
        perpendicular_ends=ends(found.perpendicular_ends),
        diameter_slice=index + int(offset[seen.axis]),
        area_mm2=float(areas.max()) * seen.spacing_mm[0] * seen.spacing_mm[1],
        volume_ml=float(part.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000.0,
        mean_hu=mean,
        sd_hu=float(hu.std()) if len(hu) else float("nan"),
        slices=(int(offset[axis]), int(offset[axis]) + part.shape[axis] - 1),
        centroid_ras=centre,
        contrast_hu=contrast,
        attenuation=None if contrast is None else attenuation_of(mean, contrast),
        capsule_mm=around.capsule_mm,
        location=None if around.capsule_mm is None else location_of(around.capsule_mm),
        **appearance,
        sides=sides,
        left_share=share,
        segments=_segments(scene, place, part, sides, kji),
        score=score,
    )


@dataclass(frozen=True)
class _Around:
    """A lesion with the liver around it, in a box."""

    box: tuple[slice, ...]
    mine: NDArray[np.bool_]
    ring: NDArray[np.bool_]
    hu: float
    capsule_mm: float | None
    sides: tuple[tuple[Side, ...], float | None]


def _around(
    scene: _Scene, place: tuple[slice, slice, slice], labels: NDArray[Any], number: int
) -> _Around:
    margin = [int(np.ceil(_REACH_MM / mm)) + 1 for mm in scene.spacing_mm]
    box = tuple(
        slice(max(s.start - m, 0), min(s.stop + m, size))
        for s, m, size in zip(place, margin, labels.shape, strict=True)
    )
    mine = np.asarray(labels[box] == number)
    known = scene.known
    if known is None:
        return _Around(box, mine, np.zeros(mine.shape, bool), float("nan"), None, ((), None))
    organ = known.liver[box] | scene.lesions[box]
    distance = signed_distance_mm(mine, scene.spacing_mm)
    ring = ring_around(distance, organ & ~scene.lesions[box])
    around = scene.organ_hu
    if np.count_nonzero(ring) >= FEWEST_VOXELS:
        around = float(np.median(scene.volume.array[box][ring]))
    capsule = _REACH_MM
    if not organ.all():
        depth = -signed_distance_mm(organ, scene.spacing_mm)
        capsule = min(max(float(depth[mine].min()), 0.0), _REACH_MM)
    return _Around(box, mine, ring, around, capsule, _sides(known, box, mine, scene.spacing_mm))


def _sides(
    known: LiverMap,
    box: tuple[slice, ...],
    mine: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> tuple[tuple[Side, ...], float | None]:
    """The lobes that a lesion may lie in, and its share in the left one."""
    if known.lobes is None:
        return (), None
    lobes = known.lobes[box]
    away = {}
    for label in (RIGHT, LEFT):
        there = lobes == label
        if there[mine].all():
            away[label] = np.zeros(np.count_nonzero(mine), np.float32)
        elif there.any():
            away[label] = np.clip(signed_distance_mm(there, spacing_mm)[mine], 0.0, _REACH_MM)
        else:
            away[label] = np.full(np.count_nonzero(mine), _REACH_MM, np.float32)
    if min(float(away[RIGHT].min()), float(away[LEFT].min())) >= _REACH_MM:
        return (), None
    # How far each voxel lies in the left lobe, mm; negative in the right one. A map has holes
    # at lesions: there the nearer lobe counts.
    offset = away[RIGHT] - away[LEFT]
    centre, share = float(offset.mean()), float(np.mean(offset > 0))
    if abs(centre) < known.border_mm or _OTHER_LOBE < share < 1.0 - _OTHER_LOBE:
        return ("left", "right"), share
    return ("left",) if centre > 0 else ("right",), share


def _segments(
    scene: _Scene,
    place: tuple[slice, slice, slice],
    part: NDArray[np.bool_],
    sides: tuple[Side, ...],
    kji: NDArray[np.float64],
) -> tuple[str, ...]:
    known = scene.known
    if known is None:
        return ()
    if known.segments is not None:
        counts = np.bincount(known.segments[place][part], minlength=9)[:9]
        total = counts[1:].sum()
        if not total:
            return ()
        return tuple(str(n) for n in range(1, 9) if counts[n] > _OTHER_LOBE * total)
    axial = SlicePlane.of(scene.volume, "axial")
    level = round(float(kji[axial.axis]))
    organ = axial.extract(known.liver, level)
    if not sides or not organ.any():
        return ()
    rows = np.delete(kji, axial.axis)[:: -1 if axial.transpose else 1]
    row = organ.shape[0] - 1 - rows[0] if axial.flip_rows else rows[0]
    column = organ.shape[1] - 1 - rows[1] if axial.flip_columns else rows[1]
    mm = axial.spacing_mm
    right = None
    if known.lobes is not None:
        right_rows = np.nonzero(axial.extract(known.lobes, level) == RIGHT)[0]
        right = float(right_rows.mean()) * mm[0] if len(right_rows) else None
    height = None if known.heights is None else float(known.heights[level])
    organ_rows = np.flatnonzero(organ.any(axis=1)) * mm[0]
    return possible_segments(
        sides,
        (float(row) * mm[0], float(column) * mm[1]),
        right_centre_mm=right,
        midline_mm=scene.middle_mm(axial, level),
        liver_rows_mm=(float(organ_rows[0]), float(organ_rows[-1])),
        height=None if height is None or np.isnan(height) else height,
    )


def _appearance(
    scene: _Scene, around: _Around, index: int, found: Diameters, contrast: float | None
) -> dict[str, Any]:
    """Shape, margin and texture in the slice of the longest diameter."""
    seen = scene.seen
    inside = index - around.box[seen.axis].start

    def flat(array: NDArray[Any]) -> NDArray[Any]:
        return seen.to_canonical(array.take(inside, axis=seen.axis))

    mask = np.ascontiguousarray(flat(around.mine))
    said: dict[str, Any] = {"shape": shape_of(mask, found.longest_mm, found.perpendicular_mm)}
    if contrast is None:
        return said
    image, ring = flat(scene.volume.array[around.box]), flat(around.ring)
    distance = signed_distance_mm(mask, seen.spacing_mm)
    said["margin"] = margin_of(image, distance, ring, around.hu)
    said["texture"] = texture_of(image, distance, ring)
    return said


def _stored(
    seen: SlicePlane, shape: tuple[int, ...], index: int, point: Point
) -> NDArray[np.float64]:
    """Return the array index (k, j, i) of a point in a canonical slice of an array."""
    rows, columns = (size for a, size in enumerate(shape) if a != seen.axis)
    if seen.transpose:
        rows, columns = columns, rows
    row, column = point
    row = rows - 1 - row if seen.flip_rows else row
    column = columns - 1 - column if seen.flip_columns else column
    pair = [column, row] if seen.transpose else [row, column]
    pair.insert(seen.axis, float(index))
    return np.array(pair)


def _ras(volume: CTVolume, kji: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = volume.affine[:3, :3] @ kji[::-1] + volume.affine[:3, 3]
    return float(x), float(y), float(z)
