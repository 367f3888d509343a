"""Decides which voxels are written to which segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLSegmentationNode

from lsms_core.anatomy.regions import boxes_of, label_components
from lsms_core.mrml.labelmaps import (
    Bool3D,
    Patch,
    find_segment,
    resample,
    segment_ids,
    segment_patch,
)
from lsms_core.mrml.locks import is_locked, unlocked_segment
from lsms_core.mrml.options import Policy
from lsms_core.mrml.provenance_tags import read_tags


def segments_of_prompt(segmentation_node: vtkMRMLSegmentationNode, prompt: str) -> list[str]:
    """Return the IDs of the segments that a prompt has made, in the list's order."""
    wanted = _folded(prompt)
    found = []
    for segment_id in segment_ids(segmentation_node):
        meta = read_tags(find_segment(segmentation_node, segment_id))
        if meta is not None and _folded(meta.prompt) == wanted:
            found.append(segment_id)
    return found


def choose_targets(
    segmentation_node: vtkMRMLSegmentationNode,
    prompt: str,
    policy: Policy,
    segment_id: str | None,
) -> list[str]:
    """Return the segments that an answer may change.

    Raises:
        InputError: when ``segment_id`` is gone or locked.
    """
    if policy == "new":
        return []
    if segment_id is not None:
        unlocked_segment(segmentation_node, segment_id)
        return [segment_id]
    made = segments_of_prompt(segmentation_node, prompt)
    return [s for s in made if not is_locked(segmentation_node, s)]


def choose_segments(
    segmentation_node: vtkMRMLSegmentationNode,
    parts: Sequence[Patch],
    targets: Sequence[str],
    policy: Policy,
    *,
    split: bool,
) -> list[str | None]:
    """Return the segment for each part, None for a new one.

    "overwrite" fills the targets in turn. "update" adds each part to the target that it
    touches most, and makes a new one where it touches none; an answer that is not split
    goes to its prompt's segment in any case.
    """
    if policy == "new" or not targets:
        return [None] * len(parts)
    if policy == "overwrite":
        return [targets[n] if n < len(targets) else None for n in range(len(parts))]
    chosen: list[str | None] = []
    for part in parts:
        contact = [_contact(segmentation_node, target, part) for target in targets]
        best = int(np.argmax(contact))
        chosen.append(targets[best] if contact[best] or not split else None)
    return chosen


def outside_others(
    segmentation_node: vtkMRMLSegmentationNode, patch: Patch, except_for: Sequence[str]
) -> Patch:
    """Return a patch without the voxels whose centres lie in other segments."""
    free = patch.array.copy()
    for segment_id in segment_ids(segmentation_node):
        if segment_id not in except_for:
            other = segment_patch(segmentation_node, segment_id)
            if other is not None:
                there = resample(other, patch.affine, patch.parent)
                free &= ~there.onto(free.shape, patch.start)
    return replace(patch, array=free)


def separate_lesions(patch: Patch, lesions: NDArray[Any] | None = None) -> list[Patch]:
    """Return the lesions of a patch one by one, largest first.

    Args:
        patch: all of them.
        lesions: their numbers in the patch's box; default: each connected part is one.
    """
    if lesions is None:
        lesions, _ = label_components(patch.array)
    numbers = np.where(patch.array, lesions, 0)
    parts = []
    for number, box in boxes_of(numbers).items():
        k, j, i = (s.start for s in box)
        start = (patch.start[0] + i, patch.start[1] + j, patch.start[2] + k)
        parts.append(replace(patch, array=np.asarray(numbers[box] == number), start=start))
    return sorted(parts, key=lambda part: -np.count_nonzero(part.array))


def merged(
    segmentation_node: vtkMRMLSegmentationNode,
    segment_id: str,
    patch: Patch,
    region: NDArray[np.bool_] | None,
) -> Patch:
    """Return a segment's voxels and those of a patch together, on the segment's own grid.

    Args:
        segmentation_node: the segmentation.
        segment_id: one of its segments.
        patch: what to add; may be empty.
        region: bool, (slices, rows, columns) of the patch's grid: take the segment's voxels out
            of it first.
    """
    old = segment_patch(segmentation_node, segment_id)
    if old is None:
        return patch
    if region is not None:
        seen = _seen_of(old, patch, region)
        if seen is not None:
            there = resample(seen, old.affine, old.parent)
            old = replace(old, array=old.array & ~there.onto(old.array.shape, old.start))
    if not patch.array.any():
        return old
    new = resample(patch.cropped(), old.affine, old.parent)
    low = np.minimum(old.start, new.start)
    high = np.maximum(
        np.add(old.start, old.array.shape[::-1]), np.add(new.start, new.array.shape[::-1])
    )
    start = (int(low[0]), int(low[1]), int(low[2]))
    shape = (high - low)[::-1].tolist()
    return Patch(old.onto(shape, start) | new.onto(shape, start), old.affine, old.parent, start)


def _seen_of(old: Patch, patch: Patch, region: NDArray[np.bool_]) -> Patch | None:
    """Return the region on the patch's grid as far as it may reach into a segment."""
    there = resample(old, patch.affine, patch.parent)
    box = tuple(
        slice(max(first - 1, 0), max(min(first + size + 1, count), 0))
        for first, size, count in zip(
            there.start[::-1], there.array.shape, region.shape, strict=True
        )
    )
    seen = region[box]
    if not seen.any():
        return None
    k, j, i = (one.start for one in box)
    return Patch(seen, patch.affine, patch.parent, (i, j, k)).cropped()


def slices_region(shape: Sequence[int], axis: int, slices: Sequence[int]) -> Bool3D:
    """Return a bool array of ``shape`` that is set in the slices that were run."""
    region = np.zeros(tuple(shape), np.bool_)
    np.moveaxis(region, axis, 0)[list(slices)] = True
    return region


def _contact(segmentation_node: vtkMRMLSegmentationNode, segment_id: str, part: Patch) -> int:
    """How many voxels of the part lie in the segment or beside it."""
    segment = segment_patch(segmentation_node, segment_id)
    if segment is None:
        return 0
    part = part.cropped()
    i, j, k = (first - 1 for first in part.start)
    slices, rows, columns = (size + 2 for size in part.array.shape)
    there = resample(segment, part.affine, part.parent)
    around = there.onto((slices, rows, columns), (i, j, k))
    near = around[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for shift in (-1, 1):
            near |= np.roll(around, shift, axis)[1:-1, 1:-1, 1:-1]
    return int((near & part.array).sum())


def _folded(prompt: str) -> str:
    return " ".join(prompt.casefold().split())
