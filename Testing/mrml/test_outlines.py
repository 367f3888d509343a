"""Somebody's segments as candidates, wherever the nodes are in the world."""

from __future__ import annotations

import numpy as np
import pytest

from lsms_core.errors import InputError
from lsms_core.mrml.labelmaps import find_segment
from lsms_core.mrml.segment_terminology import set_terminology
from lsms_core.mrml.segment_writing import SegmentMeta, WriteOptions, write_mask
from lsms_core.mrml.segmentation_candidates import candidates_of_segmentation, named_masks


def outlines(world, volume, **masks):
    node = world.segmentation()
    for name, mask in masks.items():
        write_mask(node, volume, mask, SegmentMeta(name), WriteOptions(name=name))
    return node


def remove_terminology(node):
    import slicer

    inner = node.GetSegmentation()
    for index in range(inner.GetNumberOfSegments()):
        tag = slicer.vtkSegment.GetTerminologyEntryTagName()
        inner.GetNthSegment(index).RemoveTag(tag)


@pytest.mark.parametrize("parent", ["none", "chained"])
def test_lesions_and_liver_are_taken_by_their_names(world, parent):
    volume = world.volume(parent=world.parent(parent))
    liver = np.zeros(world.shape, bool)
    liver[1:9, 2:16, 2:20] = True
    lesions = world.lesion(radius=2.0)
    node = outlines(world, volume, liver=liver, liver_tumor=lesions)
    remove_terminology(node)
    found = candidates_of_segmentation(node, volume)
    assert np.array_equal(found.labels > 0, lesions)
    assert found.liver is not None
    assert found.liver.liver[liver].all()
    assert [one.number for one in found.answer("largest lesion").kept] == [1]


def test_a_terminology_says_what_a_name_does_not(world):
    volume = world.volume()
    node = outlines(world, volume, A=world.lesion(), spleen=world.lesion(centre=(7, 4, 17)))
    remove_terminology(node)
    (first, _second) = [one.name for one in named_masks(node, volume)]
    assert first == "A"
    with pytest.raises(InputError, match="holds no lesion, only A, spleen"):
        candidates_of_segmentation(node, volume)
    inner = node.GetSegmentation()
    set_terminology(find_segment(node, inner.GetNthSegmentID(0)), "liver cyst")
    found = candidates_of_segmentation(node, volume)
    assert np.array_equal(found.labels > 0, world.lesion())


def test_only_the_slices_that_are_asked_for(world):
    volume = world.volume()
    mask = world.lesion(radius=3.0)
    node = outlines(world, volume, lesion=mask, liver=np.ones(world.shape, bool))
    index = int(np.argwhere(mask)[:, 0].mean())
    found = candidates_of_segmentation(node, volume, 0, (index,))
    assert np.flatnonzero(found.labels.any(axis=(1, 2))).tolist() == [index]


def test_an_empty_or_deleted_segmentation_says_so(world):
    volume = world.volume()
    with pytest.raises(InputError, match="no outline on this CT"):
        candidates_of_segmentation(world.segmentation(), volume)
    gone = outlines(world, volume, lesion=world.lesion())
    world.scene.RemoveNode(gone)
    with pytest.raises(InputError, match="was deleted"):
        candidates_of_segmentation(gone, volume)
