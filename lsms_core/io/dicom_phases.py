"""Several images at one position: identical copies are dropped, one of several phases is chosen."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pydicom

from lsms_core.errors import InputError
from lsms_core.io.dicom_geometry import ROUNDING_MM, heights_mm
from lsms_core.io.dicom_header import DICOM_ERRORS, quietly
from lsms_core.io.dicom_objects import DicomSlice

# Entries that tell phases apart, the surest first, with their names.
_KEYS = {
    "temporal": "temporal position", "acquisition": "acquisition", "trigger": "trigger time",
    "time": "time", "stack": "stack", "kernel": "kernel", "kvp": "kVp",
}  # fmt: skip
_SAME_MM = ROUNDING_MM / 5


@dataclass(frozen=True)
class Phase:
    """The images of one phase.

    Attributes:
        key: the entry that tells it apart, a key of ``_KEYS``; "place" for the order of images
            at one place.
        value: that entry.
        slices: its images.
    """

    key: str
    value: str
    slices: tuple[DicomSlice, ...]

    @property
    def title(self) -> str:
        """For a list."""
        times = sorted({s.tags.get("time", "") for s in self.slices} - {""})
        time = f", {_clock(times[0])}" if times and self.key != "time" else ""
        value = _clock(self.value) if self.key == "time" else self.value
        name = f"{_KEYS[self.key]} {value}" if self.key in _KEYS else f"position {value} in order"
        count = len(self.slices)
        return f"{name}, {count} image{'s' if count > 1 else ''}{time}"


def without_copies(slices: Sequence[DicomSlice]) -> tuple[list[DicomSlice], int]:
    """Drop images that lie at the same place with the same pixels, times and acquisition.

    Returns:
        The images that are left, and how many were dropped.
    """
    kept: list[DicomSlice] = []
    dropped = 0
    for group in _places(slices):
        if len(group) == 1:
            kept += group
            continue
        seen: set[bytes] = set()
        # A complete copy is preferred to a damaged one.
        for item in sorted(group, key=lambda s: bool(s.damage)):
            same = [k for k in kept if k.instance and k.instance == item.instance]
            if item.damage and same and item.frame is None:
                dropped += 1
                continue
            digest = _digest(item)
            if digest in seen:
                dropped += 1
                continue
            seen.add(digest)
            kept.append(item)
    return kept, dropped


def choose_phase(
    slices: Sequence[DicomSlice], title: str, wanted: str | None
) -> tuple[list[DicomSlice], str]:
    """Pick the images of one phase.

    Args:
        slices: without copies.
        title: the series' name, for messages.
        wanted: a time, an acquisition number, or the place in the list (from 1); with
            "time:", "acquisition:" or "position:" in front where that is not clear; None where
            the series must have one phase only.

    Returns:
        The images, and the phase's title; "" where there was nothing to choose.

    Raises:
        InputError: listing the phases, when none or several fit.
    """
    doubled = any(len(group) > 1 for group in _places(slices))
    if wanted is None and not doubled:
        return list(slices), ""
    phases = _phases(slices, doubled)
    if not phases:
        if wanted is not None and not doubled:
            raise InputError(f"The {title} has only one phase: leave --phase out.")
        raise InputError(
            f"The {title} has several images at the same place, and nothing tells their "
            "phases apart: put the files of one phase into a folder of their own."
        )
    listing = "; ".join(f"{n}: {p.title}" for n, p in enumerate(phases[:12], 1))
    if len(phases) > 12:
        listing += f"; and {len(phases) - 12} more"
    kind = _KEYS.get(phases[0].key, "position")
    several = f"{len(phases)} {kind}s (phases)"
    if wanted is None:
        raise InputError(
            f"The {title} has images at the same place, from {several}: choose one with "
            f"--phase: {listing}."
        )
    fitting = _fitting(phases, wanted.strip())
    if len(fitting) != 1:
        many = f"{len(fitting)} phases fit" if fitting else "no phase fits"
        raise InputError(f"For --phase {wanted!r} {many} in {title}: {listing}.")
    return list(fitting[0].slices), fitting[0].title


def list_phases(slices: Sequence[DicomSlice]) -> list[Phase]:
    """Return the phases of a series; none where its images lie at places of their own."""
    kept, _ = without_copies(slices)
    if all(len(group) == 1 for group in _places(kept)):
        return []
    return _phases(kept, True)


def _places(slices: Sequence[DicomSlice]) -> list[list[DicomSlice]]:
    """Group images by their place along the normal."""
    heights = heights_mm(slices)
    groups: list[list[DicomSlice]] = []
    last = -np.inf
    for index in np.argsort(heights, kind="stable"):
        if heights[index] - last < _SAME_MM:
            groups[-1].append(slices[index])
        else:
            groups.append([slices[index]])
        last = heights[index]
    return groups


def _digest(item: DicomSlice) -> bytes:
    known = {k: v for k, v in item.tags.items() if k != "expected"}
    digest = hashlib.sha256(repr((item.position, item.coding, sorted(known.items()))).encode())
    if item.frame is not None:
        digest.update(f"{item.path}\n{item.frame}".encode())
        return digest.digest()
    try:
        with quietly():
            header = pydicom.dcmread(item.path, force=True, specific_tags=["PixelData"])
            digest.update(bytes(header.get("PixelData") or b""))
    except DICOM_ERRORS:
        digest.update(str(item.path).encode())
    return digest.digest()


def _phases(slices: Sequence[DicomSlice], doubled: bool) -> list[Phase]:
    for key in _KEYS:
        groups: dict[str, list[DicomSlice]] = defaultdict(list)
        for item in slices:
            groups[item.tags.get(key, "")].append(item)
        if len(groups) < 2 or "" in groups:
            continue
        if len(slices) > len(groups) > len(slices) / 2:
            continue  # each image has its own time
        if all(len(place) == 1 for group in groups.values() for place in _places(group)):
            ordered = sorted(groups.items(), key=lambda g: _order(g[0]))
            return [Phase(key, value, tuple(group)) for value, group in ordered]
    places = _places(slices)
    count = len(places[0])
    if not doubled or any(len(place) != count for place in places):
        return []
    sorted_places = [sorted(p, key=lambda s: _order(s.tags.get("number", ""))) for p in places]
    return [Phase("place", str(n + 1), tuple(p[n] for p in sorted_places)) for n in range(count)]


def _order(value: str) -> tuple[float, str]:
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value


def _fitting(phases: Sequence[Phase], wanted: str) -> list[Phase]:
    kind, colon, rest = wanted.partition(":")
    kind = kind.strip().casefold()
    kinds = {"acquisition", "time", "position", "phase", *_KEYS}
    if not colon or kind not in kinds:
        kind, rest = "", wanted
    rest = rest.strip()

    def by(key: str) -> list[Phase]:
        return [p for p in phases if _values(p, key) & {_plain(rest)}]

    def by_time() -> list[Phase]:
        digits = rest.replace(":", "")
        if not re.fullmatch(r"\d{4,}(\.\d*)?", digits):
            return []
        return [p for p in phases if any(v.startswith(digits) for v in _values(p, "time"))]

    def by_position() -> list[Phase]:
        place = int(rest) if rest.isdecimal() and len(rest) < 6 else 0
        return [phases[place - 1]] if 1 <= place <= len(phases) else []

    if kind in ("position", "phase"):
        return by_position()
    if kind == "time":
        return by_time()
    if kind:
        return by(kind)
    ways = [by(phases[0].key), by("acquisition"), by_time(), by_position()]
    return next((way for way in ways if len(way) == 1), max(ways, key=len))


def _values(phase: Phase, key: str) -> set[str]:
    return {_plain(s.tags.get(key, "")) for s in phase.slices} - {""}


def _plain(value: str) -> str:
    return str(int(value)) if value.isdecimal() and len(value) < 6 else value.casefold()


def _clock(time: str) -> str:
    digits = time.partition(".")[0]
    return ":".join((digits[:2], digits[2:4], digits[4:6])) if len(digits) >= 6 else time
