"""Makes candidates from an existing segmentation, of any program. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.liver_map import LiverMap, with_heights, with_lobes
from lsms_core.anatomy.named_outlines import NamedMask, Outlines, recognise
from lsms_core.anatomy.plausibility import liver_notes
from lsms_core.errors import InputError
from lsms_core.inference.candidates import CandidateSet, Search

_NO_LIVER = (
    "No liver is outlined, so sides, segments and attenuation against the liver are not known: "
    "give a liver, too."
)


def candidates_of(
    volume: CTVolume,
    lesions: Sequence[NamedMask],
    liver: Sequence[NamedMask] | LiverMap | None = None,
    *,
    slices: Sequence[int] | None = None,
    plane: str | int = "axial",
    source: str = "given outlines",
) -> CandidateSet:
    """Return candidates from outlines in place of a network's.

    Liver, lobes and Couinaud's segments are taken from ``liver`` where it has them, else from
    ``lesions``. Lobes that nobody outlined come from the segments, else Cantlie's line divides
    the liver.

    Args:
        volume: the CT.
        lesions: outlines on its grid, the lesions among them.
        liver: outlines on its grid with the liver, or the liver as a network sees it.
        slices: the slices to look at along the plane's axis; default: all.
        plane: as for ``Predictor.segment``.
        source: where the outlines come from, shown as the model.

    Raises:
        InputError: when there is no lesion among the outlines.
    """
    seen = SlicePlane.of(volume, plane)
    chosen = tuple(range(seen.count(volume.shape))) if slices is None else tuple(sorted(slices))
    voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000.0
    found = recognise(lesions, voxel_ml, expected="lesions")
    if found.lesions is None and found.liver is None:
        raise InputError(
            f"{source} holds no lesion, only {', '.join(found.left_out) or 'other outlines'}: "
            "name the segment with the lesions, such as 'liver lesions'."
        )
    labels = np.zeros(volume.shape, np.int32) if found.lesions is None else found.lesions
    known = _liver(found, liver, voxel_ml)
    notes = []
    if known is None:
        notes.append(_NO_LIVER)
    else:
        known = _completed(volume, known, seen, chosen)
        if not isinstance(liver, LiverMap):  # a network's was looked at when it was drawn
            notes += liver_notes(volume, known.liver)
    if found.lesions is None:
        notes.append("The segmentation outlines a liver without any lesion.")
    search = Search(volume, chosen, seen.axis, seen.plane, engine="labels", model=source,
                    warnings=tuple(notes))  # fmt: skip
    return CandidateSet.from_labels(search, labels, known)


def _liver(
    found: Outlines, liver: Sequence[NamedMask] | LiverMap | None, voxel_ml: float
) -> LiverMap | None:
    if liver is None:
        return found.liver
    if isinstance(liver, LiverMap):
        return liver
    given = recognise(liver, voxel_ml, expected="liver").liver
    if given is None:
        names = ", ".join(one.name for one in liver)
        raise InputError(f"No liver was recognised among {names}: name its segment 'liver'.")
    return given


def _completed(
    volume: CTVolume, known: LiverMap, seen: SlicePlane, chosen: Sequence[int]
) -> LiverMap:
    """Add heights and lobes, these only in the slices that are looked at."""
    known = known if known.heights is not None else with_heights(volume, known)
    if known.lobes is not None or known.segments is not None:
        return with_lobes(volume, known)
    inside = np.zeros(seen.count(volume.shape), bool)
    inside[list(chosen)] = True
    shape = [1, 1, 1]
    shape[seen.axis] = -1
    part = with_lobes(volume, replace(known, liver=known.liver & inside.reshape(shape)))
    return replace(part, liver=known.liver)
