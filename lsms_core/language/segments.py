"""Couinaud's segments as people type them: "segment 6", "seg VI", "S8", "segments II/III"."""

from __future__ import annotations

import re

from lsms_core.anatomy.sections import SEGMENTS, Section

_ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8}
_ONE = rf"(?:{'|'.join(sorted(_ROMAN, key=len, reverse=True))}|[1-8])[ab]?"
_MORE = rf"(?:\s*(?:/|,|-|–|\+|&|and|or)\s*{_ONE})*"
# Not a size ("segment 2 cm lesion"), and not a command to draw several ("segment 2 lesions").
_NEXT = r"(?![\w.]*\w)(?!\s*(?:mm|cm|millim|centim))"
_STATED = re.compile(
    rf"\b(?:segments?|segm?s?\.?|s)\s*({_ONE}{_MORE}){_NEXT}|\b({_ONE})\s+segment\b",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"\bsegment\s+[1-8]\s+(?:\w+\s+)*?(?:\w+[^\Ws]s|metastases|foci)\b", re.I)
_NUMERAL = re.compile(_ONE, re.IGNORECASE)


def stated_sections(text: str) -> tuple[Section, ...] | None:
    """Return the sections of the segments that a text states by number; None where it states none.

    () where the caudate lobe, segment I, is among them: it is a part of no section.
    """
    found = _STATED.search(text)
    if found is None or _COMMAND.search(text):
        return None
    written = _NUMERAL.findall(found.group(1) or found.group(2))
    numbers = [_number(one.upper().rstrip("AB")) for one in written]
    if 1 in numbers:
        return ()
    return tuple(
        section
        for section, segments in SEGMENTS.items()
        if any(_number(s.rstrip("ab")) in numbers for s in segments)
    )


def _number(numeral: str) -> int:
    return _ROMAN[numeral] if numeral in _ROMAN else int(numeral)
