"""Ranks answers by the need for a human check, with the reasons.

Points order the gallery; they are no probability. They are highest for texts that were not
understood and for denials that the search contradicts, then for doubtful lesions, words that were
not read, and scores far from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_UNDERSTOOD = 100.0
CONTRADICTED = 60.0
DOUBTFUL_LESION = 15.0
UNREAD_WORD = 8.0
LOW_SCORE = 10.0
NOTHING_FOUND = 2.0


def doubt_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the points of an answer and their reasons.

    Args:
        answer: as ``Answer.to_dict`` gives it.
    """
    points, reasons = 0.0, []
    reading = answer.get("reading") or {}
    if reading and not reading["understood"]:
        points += NOT_UNDERSTOOD
        reasons.append("not understood")
    contradicted = sum("the text says there is nothing" in x["reasons"] for x in answer["dropped"])
    if contradicted:
        points += CONTRADICTED
        reasons.append("the text says there is nothing, the search found something")
    doubtful = [lesion for lesion in answer["kept"] if lesion["decision"] == "doubtful"]
    points += DOUBTFUL_LESION * len(doubtful)
    reasons += [f"{x['longest_mm']:.0f} mm: {'; '.join(x['reasons'])}" for x in doubtful]
    unread = reading.get("unread", ())
    points += UNREAD_WORD * len(unread)
    if unread:
        reasons.append(f"not read: {', '.join(unread)}")
    lowest = min((lesion["score"] for lesion in answer["kept"]), default=None)
    if lowest is not None:
        points += LOW_SCORE * (1.0 - lowest)
    elif not answer["present"]:
        points += NOTHING_FOUND
        reasons.append("nothing found")
    return {"points": round(points, 2), "reasons": reasons}
