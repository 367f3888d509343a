"""The voxels of a segment, read one by one without lsms_core."""

from __future__ import annotations


def labelmap_of(segmentation, segment_id):
    """The segment's labelmap, which it may share with others, and its value there."""
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    return segment.GetRepresentation("Binary labelmap"), segment.GetLabelValue()


def voxels_in(segmentation, segment_id):
    """The (i, j, k) of a segment's voxels."""
    labelmap, label = labelmap_of(segmentation, segment_id)
    low = labelmap.GetExtent()
    return [
        (i, j, k)
        for k in range(low[4], low[5] + 1)
        for j in range(low[2], low[3] + 1)
        for i in range(low[0], low[1] + 1)
        if labelmap.GetScalarComponentAsDouble(i, j, k, 0) == label
    ]
