"""Messages of a comparison of two studies, packed and unpacked; see ``docs/worker-protocol.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.alignment import Alignment
from lsms_core.anatomy.follow_up import FollowUp, LesionChange
from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.named_outlines import NamedMask
from lsms_core.anatomy.target_lesions import TargetLesions
from lsms_core.inference.outlined_follow_up import OutlinedStudy

Arrays = dict[str, NDArray[Any]]


def compare_message(
    before: OutlinedStudy, after: OutlinedStudy
) -> tuple[dict[str, Any], Mapping[str, NDArray[Any]]]:
    """Return the entries and the arrays of a "compare" message."""
    studies, arrays = [], {}
    for number, study in enumerate((before, after)):
        fields, more = _study_message(study)
        studies.append(fields)
        arrays.update({f"{name}{number}": array for name, array in more.items()})
    return {"studies": studies}, arrays


def _study_message(study: OutlinedStudy) -> tuple[dict[str, Any], Arrays]:
    fields = {
        "affine": np.asarray(study.ct.affine, np.float64).tolist(),
        "source": study.source,
        "outlines": [
            {"name": one.name, "code": one.code, "region": one.region, "value": one.value}
            for one in study.masks
        ],
        "border_mm": None if study.liver is None else study.liver.border_mm,
    }
    arrays: Arrays = {"ct": study.ct.array}
    for index, one in enumerate(study.masks):
        # A bit a voxel: a segmentation may have a hundred outlines.
        arrays[f"outline{index}_"] = np.packbits(one.mask.reshape(-1))
    if study.liver is not None:
        arrays["liver"] = np.packbits(study.liver.liver.reshape(-1))
        for name in ("lobes", "heights"):
            array = getattr(study.liver, name)
            if array is not None:
                arrays[name] = array
    if study.numbers is not None:
        arrays["numbers"] = study.numbers
    return fields, arrays


def studies_from(
    fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[OutlinedStudy, OutlinedStudy]:
    """Make the two studies again from a "compare" message."""
    before, after = (
        _study_from(study, arrays, number) for number, study in enumerate(fields["studies"])
    )
    return before, after


def _study_from(
    fields: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], number: int
) -> OutlinedStudy:
    ct = CTVolume(arrays[f"ct{number}"], np.asarray(fields["affine"], np.float64))

    def mask(name: str) -> NDArray[np.bool_]:
        bits = np.unpackbits(arrays[f"{name}{number}"], count=ct.array.size)
        return bits.view(np.bool_).reshape(ct.shape)

    liver = None
    if f"liver{number}" in arrays:
        lobes, heights = (arrays.get(f"{name}{number}") for name in ("lobes", "heights"))
        liver = LiverMap(mask("liver"), lobes, None, float(fields["border_mm"]), heights)
    masks = [
        NamedMask(one["name"], mask(f"outline{index}_"), one["code"], one["region"], one["value"])
        for index, one in enumerate(fields["outlines"])
    ]
    return OutlinedStudy(ct, masks, fields["source"], liver, arrays.get(f"numbers{number}"))


def follow_up_message(found: FollowUp) -> dict[str, Any]:
    """Return the entries of a "follow_up" message."""
    targets = found.targets_before
    return {
        "changes": [
            {
                "fate": one.fate,
                "before": None if one.before is None else one.before.to_dict(exact=True),
                "after": None if one.after is None else one.after.to_dict(exact=True),
                "gap_mm": one.gap_mm,
                "partner": one.partner,
            }
            for one in found.changes
        ],
        "matrix": found.alignment.matrix.tolist(),
        "overlap": found.alignment.overlap,
        "targets": [one.number for one in targets.lesions],
        "sum_before_mm": targets.sum_mm,
        "measurable_mm": targets.measurable_mm,
        "sum_after_mm": found.sum_after_mm,
    }


def follow_up_from(fields: Mapping[str, Any]) -> FollowUp:
    """Make the comparison again from a "follow_up" message."""

    def lesion(values: dict[str, Any] | None) -> Lesion | None:
        return None if values is None else Lesion.from_dict(values)

    changes = tuple(
        LesionChange(
            one["fate"], lesion(one["before"]), lesion(one["after"]), one["gap_mm"], one["partner"]
        )
        for one in fields["changes"]
    )
    known = {one.before.number: one.before for one in changes if one.before is not None}
    targets = TargetLesions(
        tuple(known[number] for number in fields["targets"]),
        fields["sum_before_mm"],
        fields["measurable_mm"],
    )
    alignment = Alignment(np.asarray(fields["matrix"], np.float64), fields["overlap"])
    return FollowUp(changes, alignment, targets, fields["sum_after_mm"])
