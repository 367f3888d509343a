"""Which voxels go to which segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode

from lsms_core.anatomy.regions import label_components
from lsms_core.mrml.labelmaps import (
    Bool3D,
    Patch,
    find_segment,
    mask_patch,
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
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    mask: Bool3D,
    except_for: Sequence[str],
) -> Bool3D:
    """Return the mask without the voxels whose centres lie in other segments."""
    grid = mask_patch(volume_node, mask)
    result = mask.copy()
    for segment_id in segment_ids(segmentation_node):
        if segment_id not in except_for:
            patch = segment_patch(segmentation_node, segment_id)
            if patch is not None:
                result &= ~resample(patch, grid.affine, grid.parent).onto(mask.shape)
    return result


def separate_lesions(mask: Bool3D) -> list[Bool3D]:
    """Return the connected lesions of a mask, largest first."""
    labels, count = label_components(mask)
    return [np.asarray(labels == n) for n in range(1, count + 1)]


def merged(
    segmentation_node: vtkMRMLSegmentationNode,
    segment_id: str,
    patch: Patch,
    region: NDArray[Any] | None,
) -> Patch:
    """Return a segment's voxels and those of a patch together, on the segment's own grid.

    Args:
        segmentation_node: the segmentation.
        segment_id: one of its segments.
        patch: what to add; may be empty.
        region: bool, broadcasts to the patch's shape: take the segment's voxels out of it
            first.
    """
    old = segment_patch(segmentation_node, segment_id)
    if old is None:
        return patch
    if region is not None:
        seen = np.broadcast_to(np.asarray(region, np.bool_), patch.array.shape)
        if seen.any():
            there = resample(replace(patch, array=seen).cropped(), old.affine, old.parent)
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
