"""Candidates of ``lsms segment --lesions``: an existing segmentation, and the liver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lsms_core.anatomy.liver_map import LiverMap
    from lsms_core.anatomy.named_outlines import NamedMask
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.volumes import LoadedVolume
    from lsms_core.service.remote_predictor import RemotePredictor

NETWORK, NONE = "network", "none"
# The greatest depth of a lesion in the liver that is measured, mm.
_REACH_MM = 25.0


def given_candidates(
    loaded: LoadedVolume,
    lesions: Path,
    liver: Path | None,
    load: Callable[[], Predictor | RemotePredictor],
    plane: str | int,
    slices: Sequence[int] | None,
) -> tuple[CandidateSet, list[str]]:
    """Return candidates from an existing segmentation, and notes for the user.

    Args:
        loaded: the CT.
        lesions: a segmentation with the lesions.
        liver: one with the liver, "network" or "none"; None for what ``lesions`` has, else the
            network's.
        load: loads the network; called only where its liver is needed.
        plane: of the slices.
        slices: indices along it; None for all.

    Raises:
        InputError: when a file cannot be used.
    """
    from lsms_core.anatomy.named_outlines import recognise
    from lsms_core.errors import LsmsError
    from lsms_core.inference.outlined_candidates import candidates_of
    from lsms_core.io.segmentations import read_segmentation

    volume = loaded.volume
    masks, notes = read_segmentation(lesions, volume)
    known: Sequence[NamedMask] | LiverMap | None = None
    if liver is not None and str(liver) == NETWORK:
        known = _network_liver(loaded, load(), plane, slices)
    elif liver is not None and str(liver) != NONE:
        known, more = read_segmentation(liver, volume)
        notes += more
    elif liver is None:
        voxel_ml = abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1000.0
        found = recognise(masks, voxel_ml, expected="lesions")
        if found.liver is None and found.lesions is not None:
            near = _slices_around(loaded, found.lesions > 0, plane, slices)
            try:
                known = _network_liver(loaded, load(), plane, near)
                notes.append(
                    f"{lesions.name} outlines no liver; the network outlined it. Give one by "
                    "--liver FILE, or --liver none to do without."
                )
            except LsmsError as error:
                notes.append(f"{lesions.name} outlines no liver, and the network cannot: {error}")
    found_set = candidates_of(volume, masks, known, slices=slices, plane=plane, source=lesions.name)
    return found_set, notes


def _network_liver(
    loaded: LoadedVolume,
    predictor: Predictor | RemotePredictor,
    plane: str | int,
    slices: Sequence[int] | None,
) -> LiverMap | None:
    from lsms_core.cli.progress import bar

    with bar("slices") as progress:
        return predictor.search(loaded.volume, plane=plane, slices=slices, progress=progress).liver


def _slices_around(
    loaded: LoadedVolume, lesions: np.ndarray, plane: str | int, slices: Sequence[int] | None
) -> Sequence[int]:
    """Return the slices with lesions and those around that tell how deep they lie."""
    from lsms_core.anatomy.geometry import SlicePlane

    seen = SlicePlane.of(loaded.volume, plane)
    others = tuple(a for a in range(3) if a != seen.axis)
    hits = np.flatnonzero(lesions.any(axis=others))
    if slices is not None:
        hits = np.intersect1d(hits, np.asarray(slices))
    if not len(hits):
        return list(slices) if slices is not None else [seen.count(loaded.volume.shape) // 2]
    spacing = loaded.volume.spacing_mm[2 - seen.axis]
    around = int(np.ceil(_REACH_MM / spacing))
    last = seen.count(loaded.volume.shape) - 1
    return range(max(int(hits[0]) - around, 0), min(int(hits[-1]) + around, last) + 1)
