"""Writes masks to segments, which are addressed by ID, never by their place in the list.

An empty mask changes nothing. Locked segments, and other segments on the same layer,
are never changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import (
    LABELMAP,
    Patch,
    add_segment,
    fill_segment,
    find_segment,
    labelmap_image,
    mask_patch,
    segment_ids,
    segment_patch,
)
from lsms_core.mrml.locks import is_locked, set_locked, unlocked_segment
from lsms_core.mrml.options import WriteOptions
from lsms_core.mrml.placing import (
    choose_segments,
    choose_targets,
    merged,
    outside_others,
    segments_of_prompt,
    separate_lesions,
    slices_region,
)
from lsms_core.mrml.provenance_tags import SegmentMeta, read_tags, write_tags
from lsms_core.mrml.segment_terminology import lesion_colours, segment_colour, set_terminology
from lsms_core.mrml.volume_nodes import check_mask, check_volume

__all__ = [
    "SegmentMeta",
    "WriteOptions",
    "is_locked",
    "read_meta",
    "replace_mask",
    "segment_ids",
    "set_locked",
    "slices_region",
    "write_mask",
]


def write_mask(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    mask: NDArray[Any],
    meta: SegmentMeta,
    options: WriteOptions | None = None,
    segment_id: str | None = None,
    region: NDArray[Any] | None = None,
    lesions: NDArray[Any] | None = None,
    box: tuple[slice, ...] | None = None,
) -> list[str]:
    """Write an answer to segments, wherever volume and segmentation are in the world.

    A segmentation without any voxels is put under the volume's transform first, so that
    even a non-linear one changes nothing in the mask.

    Args:
        segmentation_node: where to.
        volume_node: the volume that the mask was made on.
        mask: (slices, rows, columns) on the volume's grid; empty: nothing at all is done.
        meta: how it was made, kept in the segments' tags.
        options: new, update or overwrite; overlap; one segment a lesion; a name.
        segment_id: the segment to update or overwrite; None for those that the same prompt
            has made (a new one where there is none).
        region: bool, broadcasts to the mask's shape: the voxels that the model has seen.
            "update" empties these before it adds the mask; default: it only adds.
        lesions: of the shape of ``box``: the numbers of the lesions in it, for one segment a
            lesion; default: each connected part is a lesion.
        box: outside of it the mask is known to be empty; a large volume is written faster.
            Default: the whole volume.

    Returns:
        The segments' IDs; none for an empty mask, also where other segments cover all of it.

    Raises:
        InputError: when a node or the segment is gone, the segment is locked or kept as a
            surface, or the mask is not on the volume's grid.
    """
    options = options or WriteOptions()
    check_volume(volume_node)
    _check_nodes(segmentation_node, volume_node)
    mask = check_mask(volume_node, mask)
    inside = mask if box is None else mask[box]
    if not inside.any():
        return []
    corner = (0, 0, 0) if box is None else _corner(box)
    whole = mask_patch(volume_node, inside, corner).cropped()
    seen = None if region is None else np.broadcast_to(np.asarray(region, np.bool_), mask.shape)
    meta = meta.completed()
    targets = choose_targets(segmentation_node, meta.prompt, options.policy, segment_id)
    if options.overlap == "mask-others":
        whole = outside_others(segmentation_node, whole, targets)
        if not whole.array.any():
            return []
    split = options.split_lesions and segment_id is None
    numbers = None if lesions is None else np.asarray(lesions)[_within(whole, corner)]
    parts = separate_lesions(whole, numbers) if split else [whole]
    chosen = choose_segments(segmentation_node, parts, targets, options.policy, split=split)
    others = _other_colours(segmentation_node, meta.prompt)
    colours = lesion_colours(segment_colour(meta.prompt, others), len(parts), others)
    name = options.name or meta.prompt
    written: list[str] = []
    was_modifying = segmentation_node.StartModify()
    try:
        _prepare(segmentation_node, volume_node)
        for index, (part, known) in enumerate(zip(parts, chosen, strict=True)):
            lesion = index + 1 if split else 0
            if known is None:
                label = f"{name} {lesion}" if len(parts) > 1 else name
                place = _add(segmentation_node, part, label, colours[index])
            else:
                place = known
                again = place in written
                keep = options.policy == "update" or again
                _fill(segmentation_node, place, part, None if again else seen, keep=keep)
                if options.name is not None:
                    find_segment(segmentation_node, place).SetName(options.name)
            segment = find_segment(segmentation_node, place)
            write_tags(segment, replace(meta, lesion=lesion))
            set_terminology(segment, meta.prompt)
            if place not in written:
                written.append(place)
        # Lesions that an earlier answer to the prompt had and this one hasn't.
        stale = [s for s in targets if s not in written and options.policy == "overwrite"]
        for old in stale:
            segmentation_node.GetSegmentation().RemoveSegment(old)
    finally:
        segmentation_node.EndModify(was_modifying)
    return written


def replace_mask(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    segment_id: str,
    mask: NDArray[Any],
    region: NDArray[Any] | None = None,
    threshold: float | None = None,
) -> None:
    """Replace a segment's voxels by another cut of the same probability map.

    An empty mask empties the segment, so that moving the threshold back fills it again.

    Args:
        segmentation_node: the segmentation.
        volume_node: the volume that the mask was made on.
        segment_id: the segment.
        mask: (slices, rows, columns) on the volume's grid.
        region: bool, broadcasts to the mask's shape: replace only what lies in it.
        threshold: the new threshold, kept in the tags.

    Raises:
        InputError: when a node or the segment is gone, or the segment is locked.
    """
    check_volume(volume_node)
    _check_nodes(segmentation_node, volume_node)
    mask = check_mask(volume_node, mask)
    segment = unlocked_segment(segmentation_node, segment_id)
    patch = mask_patch(volume_node, mask)
    patch = patch.cropped() if mask.any() else patch
    seen = None if region is None else np.broadcast_to(np.asarray(region, np.bool_), mask.shape)
    _fill(segmentation_node, segment_id, patch, seen, keep=seen is not None)
    meta = read_tags(segment)
    if meta is not None and threshold is not None:
        write_tags(segment, replace(meta, threshold=threshold))


def _within(patch: Patch, corner: tuple[int, int, int]) -> tuple[slice, ...]:
    """Return a patch's place in a box that starts at a corner (i, j, k)."""
    shifted = zip(patch.box, corner[::-1], strict=True)
    return tuple(slice(side.start - low, side.stop - low) for side, low in shifted)


def _corner(box: tuple[slice, ...]) -> tuple[int, int, int]:
    k, j, i = (side.start for side in box)
    return i, j, k


def read_meta(segmentation_node: vtkMRMLSegmentationNode, segment_id: str) -> SegmentMeta | None:
    """Return how a segment was made, None when it is gone or was made otherwise."""
    segment = segmentation_node.GetSegmentation().GetSegment(segment_id)
    return None if segment is None else read_tags(segment)


def _check_nodes(
    segmentation_node: vtkMRMLSegmentationNode | None, volume_node: vtkMRMLScalarVolumeNode
) -> None:
    if segmentation_node is None or segmentation_node.GetScene() is None:
        raise InputError("The segmentation was deleted: select another and run again.")
    # Outside of a scene a node has lost its transforms, and so its place.
    if volume_node.GetScene() is not segmentation_node.GetScene():
        raise InputError("The volume was deleted: select another and run again.")
    segmentation = segmentation_node.GetSegmentation()
    source = segmentation.GetSourceRepresentationName()
    if segmentation.GetNumberOfSegments() and source != LABELMAP:
        raise InputError(
            f'"{segmentation_node.GetName()}" is kept as {source.lower()}: in the Segmentations '
            "module, make the binary labelmap its source representation, or use a new one."
        )


def _prepare(
    segmentation_node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode
) -> None:
    """Bring a segmentation without voxels to the volume's place; give it a display."""
    segmentation = segmentation_node.GetSegmentation()
    present = segment_ids(segmentation_node)
    if not present and segmentation.GetSourceRepresentationName() != LABELMAP:
        segmentation_node.SetSourceRepresentationToBinaryLabelmap()
    if all(segment_patch(segmentation_node, s) is None for s in present):
        segmentation_node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        segmentation_node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    if segmentation_node.GetDisplayNode() is None:
        segmentation_node.CreateDefaultDisplayNodes()


def _other_colours(
    segmentation_node: vtkMRMLSegmentationNode, prompt: str
) -> list[tuple[float, float, float]]:
    mine = segments_of_prompt(segmentation_node, prompt)
    others = [s for s in segment_ids(segmentation_node) if s not in mine]
    return [find_segment(segmentation_node, s).GetColor() for s in others]


def _add(
    segmentation_node: vtkMRMLSegmentationNode,
    patch: Patch,
    name: str,
    colour: tuple[float, float, float],
) -> str:
    image = labelmap_image(patch, segmentation_node)
    if image is None:
        raise InputError("The lesion is smaller than a voxel under the segmentation's transform.")
    taken = {find_segment(segmentation_node, s).GetName() for s in segment_ids(segmentation_node)}
    free, number = name, 2
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return add_segment(segmentation_node, image, free, colour)


def _fill(
    segmentation_node: vtkMRMLSegmentationNode,
    segment_id: str,
    patch: Patch,
    region: NDArray[np.bool_] | None,
    *,
    keep: bool,
) -> None:
    """Write to a segment that exists, in place of its voxels or (``keep``) beside them."""
    whole = merged(segmentation_node, segment_id, patch, region) if keep else patch
    fill_segment(segmentation_node, segment_id, labelmap_image(whole, segmentation_node))
