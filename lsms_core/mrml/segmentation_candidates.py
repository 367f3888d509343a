"""Makes candidates from the lesions of an existing segmentation node."""

from __future__ import annotations

from collections.abc import Sequence

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkSegment

from lsms_core.anatomy.named_outlines import NamedMask
from lsms_core.errors import InputError
from lsms_core.inference.candidates import CandidateSet
from lsms_core.inference.outlined_candidates import candidates_of
from lsms_core.mrml.labelmaps import find_segment, read_mask, segment_ids
from lsms_core.mrml.provenance_tags import tag_of
from lsms_core.mrml.volume_nodes import read_ct


def named_masks(
    segmentation_node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode
) -> list[NamedMask]:
    """Return the segments that are not empty on a volume's grid, with names and codes.

    Raises:
        InputError: when a segment is kept as a surface only.
    """
    masks = []
    for segment_id in segment_ids(segmentation_node):
        mask = read_mask(segmentation_node, volume_node, segment_id)
        if mask.any():
            segment = find_segment(segmentation_node, segment_id)
            code, region = _codes(segment)
            masks.append(NamedMask(segment.GetName(), mask, code, region))
    return masks


def candidates_of_segmentation(
    segmentation_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    plane: str | int = "axial",
    slices: Sequence[int] | None = None,
) -> CandidateSet:
    """Make candidates from the lesions of a segmentation, under any transforms.

    Its liver, lobes and Couinaud's segments are used where it has them; they are recognised by
    names and terminology codes. Missing lobes are divided as on the command line.

    Args:
        segmentation_node: an existing segmentation.
        volume_node: the CT.
        plane: "axial", "coronal", "sagittal" or an array axis.
        slices: indices along it; None for the whole volume.

    Raises:
        InputError: when it holds no lesion, or a node cannot be used.
    """
    ct = read_ct(volume_node)
    if segmentation_node.GetScene() is None:
        raise InputError("The segmentation with the lesions was deleted: select another.")
    masks = named_masks(segmentation_node, volume_node)
    name = segmentation_node.GetName()
    if not masks:
        raise InputError(f'"{name}" holds no outline on this CT: select another.')
    found = candidates_of(ct, masks, slices=slices, plane=plane, source=name)
    if not found.scores:
        others = ", ".join(f'"{one.name}"' for one in masks[:5])
        raise InputError(
            f'"{name}" holds no lesion, only {others}: name a segment "lesion", '
            '"metastasis", "cyst" or the like, or give it such a terminology.'
        )
    return found


def _codes(segment: vtkSegment) -> tuple[str, str]:
    """Return the code values of type and region in Slicer's terminology entry."""
    entry = tag_of(segment, vtkSegment.GetTerminologyEntryTagName()) or ""
    parts = [part.split("^") for part in entry.split("~")]
    if len(parts) < 6:
        return "", ""
    code, region = (part[1] if len(part) > 1 else "" for part in (parts[2], parts[5]))
    return code, region
