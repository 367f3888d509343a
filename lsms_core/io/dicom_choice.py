"""Chooses the series of a folder that is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsms_core.errors import InputError
from lsms_core.io.dicom_objects import DicomSeries

_LISTED = 12


def choose_series(folder: Path, found: Sequence[DicomSeries], wanted: str | None) -> DicomSeries:
    """Pick a series.

    Args:
        folder: for the message.
        found: what there is.
        wanted: DICOM's own SeriesNumber ("5", or "5.2" for the second stack of series 5), the
            UID, a part of the description, or "#2" for the place in the list; None takes the
            only stack, ignoring single images.

    Raises:
        InputError: listing the series, when none or several fit.
    """
    if wanted is None:
        stacks = [s for s in found if len(s.slices) > 1] or list(found)
        if len(stacks) == 1:
            return stacks[0]
        raise InputError(
            f"{folder} holds {len(found)} CT series: choose one with --series NUMBER (or its UID, "
            f"or a part of its name): {listing(found)}."
        )
    fitting = _fitting(found, wanted.strip())
    if len(fitting) > 1 and len({s.uid for s in fitting}) == 1:
        # One series in several stacks, of which all but one are single images.
        fitting = [s for s in fitting if len(s.slices) > 1] or fitting
    if len(fitting) == 1:
        return fitting[0]
    many = f"{len(fitting)} series fit" if fitting else "no series fits"
    shown = fitting if fitting else found
    raise InputError(f"For --series {wanted!r} {many} in {folder}: use one of {listing(shown)}.")


def listing(found: Sequence[DicomSeries]) -> str:
    """List series in one line."""
    shown = [s.title for s in found[:_LISTED]]
    if len(found) > _LISTED:
        shown.append(f"and {len(found) - _LISTED} more")
    return "; ".join(shown)


def _fitting(found: Sequence[DicomSeries], wanted: str) -> list[DicomSeries]:
    place = wanted.removeprefix("#")
    if place != wanted and place.isdecimal():
        return [found[int(place) - 1]] if 1 <= int(place) <= len(found) else []
    ways = [
        [s for s in found if s.uid and s.uid == wanted],
        [s for s in found if s.number and _same_number(s.number, wanted)],
        [s for s in found if s.label and s.label == wanted],
    ]
    if not any(s.number for s in found) and wanted.isdecimal():
        # No series has a number of its own, so the place in the list is meant.
        ways.append([found[int(wanted) - 1]] if 1 <= int(wanted) <= len(found) else [])
    plain = " ".join(wanted.casefold().split())
    ways.append([s for s in found if " ".join(s.description.casefold().split()) == plain])
    ways.append([s for s in found if plain and plain in s.description.casefold()])
    return next((way for way in ways if way), [])


def _same_number(number: str, wanted: str) -> bool:
    return number == wanted or (
        number.isdecimal() and wanted.isdecimal() and int(number) == int(wanted)
    )
