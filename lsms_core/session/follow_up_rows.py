"""Writes the rows of the list of changes, and the sentences above it; no Qt."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsms_core.session.lesion_rows import placeText
from lsms_core.session.translation import tr as _

# Livers that overlap less than this differ: surgery, or a part that is out of view.
_LIKE = 0.8


@dataclass(frozen=True)
class ChangeRow:
    """One lesion of the two studies.

    Attributes:
        numbers: "2 → 1": before and after.
        place: Couinaud's segment where it is known, else the lobe.
        size: longest diameter before and after, mm.
        change: by how much diameter and volume grew, or "new", "vanished", ...
        volume: before and after, mL.
        point: where it is in the later study, RAS mm.
    """

    numbers: str
    place: str
    size: str
    change: str
    volume: str
    point: Any


def changeRows(found):
    """Return the rows of a FollowUp, in its order."""
    return [_row(found, change) for change in found.changes]


def _row(found, change):
    old, new = change.before, change.after
    return ChangeRow(
        numbers=_pair(old, new, lambda one: str(one.number)),
        place=placeText(new or old),
        size=_pair(old, new, lambda one: f"{one.longest_mm:.0f}"),
        change=_changeText(change),
        volume=_pair(old, new, lambda one: f"{one.volume_ml:.1f}"),
        point=_point(found, change),
    )


def _pair(old, new, text):
    if old is None:
        return f"– → {text(new)}"
    return f"{text(old)} → –" if new is None else f"{text(old)} → {text(new)}"


def _changeText(change):
    if change.fate == "matched":
        text = _("{percent:+.0f} %, {volume:+.0f} %")
        return text.format(percent=change.size_change_percent, volume=change.volume_change_percent)
    return {
        "new": _("new"),
        "vanished": _("vanished"),
        "merged": _("merged into {number}"),
        "split": _("split off {number}"),
    }[change.fate].format(number=change.partner)


def _point(found, change):
    """Return the middle of the lesion in the later study; of a vanished one, where it would be."""
    if change.after is not None:
        return np.mean(change.after.longest_ends, axis=0)
    matrix = np.linalg.inv(found.alignment.matrix)
    return matrix[:3, :3] @ np.mean(change.before.longest_ends, axis=0) + matrix[:3, 3]


def followUpText(found):
    """Return (kind, text) for the status line: how many became what, and how it was aligned."""
    counts = dict.fromkeys(("matched", "merged", "split", "new", "vanished"), 0)
    for change in found.changes:
        counts[change.fate] += 1
    words = {
        "matched": _("{count} matched"),
        "merged": _("{count} merged"),
        "split": _("{count} split off"),
        "new": _("{count} new"),
        "vanished": _("{count} vanished"),
    }
    said = ", ".join(words[f].format(count=n) for f, n in counts.items() if n)
    lines = [said + "." if said else _("Neither study has a lesion.")]
    lines += _sumText(found)
    kind, text = _alignmentText(found.alignment)
    return kind, "\n".join([*lines, text])


def _sumText(found):
    if not found.targets_before.lesions:
        return []
    start = _("The two largest of the earlier study together, a proposal by size alone: ")
    if len(found.targets_before.lesions) == 1:
        start = _("The largest of the earlier study, a proposal by size alone: ")
    if found.sum_after_mm is None:
        return [start + _("not to be compared, for one of them merged or split.")]
    text = _("{before:.0f} → {after:.0f} mm ({percent:+.0f} %).")
    values = {"before": found.targets_before.sum_mm, "after": found.sum_after_mm}
    return [start + text.format(percent=found.sum_change_percent, **values)]


def _alignmentText(alignment):
    if alignment.overlap is None:
        return "warning", _(
            "The livers were not brought onto each other, for one is not known: the places are "
            "those in the scene. Search the whole volume of each study, or add a segment named "
            "liver."
        )
    text = _(
        "The later liver was moved by {shift:.0f} mm and turned by {turn:.0f}°; "
        "overlap {overlap:.2f}."
    ).format(shift=alignment.shift_mm, turn=alignment.turn_degrees, overlap=alignment.overlap)
    if alignment.overlap >= _LIKE:
        return "info", text
    return "warning", text + " " + _("So little that the matches should be looked at.")
