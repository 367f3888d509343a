"""Segments as the tests make and compare them: names, colours, tags and every voxel."""

from __future__ import annotations

import numpy as np
from segment_voxels import voxels_in

from lsms_core.mrml.labelmaps import read_mask, segment_ids
from lsms_core.mrml.segment_writing import (
    SegmentMeta,
    read_meta,
    write_mask,
)

META = SegmentMeta(
    "left lobe hypodense lesion",
    model="lsms-tiny 1",
    engine="lsms",
    score=0.87,
    threshold=0.5,
    plane="axial",
    slices="4-6",
    date="2025-03-04T05:06:07",
)


def snapshot(segmentation):
    """Everything of every segment."""
    found = {}
    for segment_id in segment_ids(segmentation):
        segment = segmentation.GetSegmentation().GetSegment(segment_id)
        voxels = voxels_in(segmentation, segment_id)
        tags = {}
        segment.GetTags(tags) if hasattr(segment, "GetTags") else None
        meta = read_meta(segmentation, segment_id)
        found[segment_id] = (segment.GetName(), segment.GetColor(), meta, tags, voxels)
    return found


def shared_pair(world, volume, segmentation):
    """Two segments in one layer, as painting in Segment Editor leaves them."""
    left, right = np.zeros(world.shape, bool), np.zeros(world.shape, bool)
    left[2:5, 3:8, 2:9] = True
    right[3:7, 3:9, 11:15] = True
    ids = [
        write_mask(segmentation, volume, mask, SegmentMeta(name))[0]
        for mask, name in ((left, "one"), (right, "two"))
    ]
    segmentation.GetSegmentation().CollapseBinaryLabelmaps(True)
    assert segmentation.GetSegmentation().GetNumberOfLayers() == 1
    assert np.array_equal(read_mask(segmentation, volume, ids[0]), left)
    assert np.array_equal(read_mask(segmentation, volume, ids[1]), right)
    return ids, left, right
