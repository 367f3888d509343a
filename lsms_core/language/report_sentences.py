"""Splits the findings of a report into sentences, each with the organ of its heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SECTIONS = (
    r"findings?|impressions?|conclusions?|summary|techniques?|protocol|procedure|contrast|"
    r"(?:clinical )?(?:history|indications?|information|details|question|data)|"
    r"reasons? for (?:exam(?:ination)?|study)|comparisons?|exam(?:ination)?s?|study|"
    r"recommendations?|advice|opinion|addendum|dose|signed(?: by)?|dictated by|reported by"
)
_FINDINGS = re.compile(r"findings?", re.IGNORECASE)
_CONCLUSIONS = re.compile(r"impressions?|conclusions?|summary|opinion", re.IGNORECASE)
_SECTION = re.compile(
    rf"^[ \t#*_]*({_SECTIONS})[ \t*_]*(?::[ \t*_]*|$)", re.IGNORECASE | re.MULTILINE
)
# A heading of one organ inside the findings: "Liver:", "SPLEEN -", "Liver and bile ducts:".
_HEADING = re.compile(r"^([A-Za-z][A-Za-z /,&-]{2,48}?)(?::\s*$|:\s+| [-–]\s+)")
_BULLET = re.compile(r"^\s*(?:[-*•–·]|\(?\d{1,2}[.)])\s+(?=\S)")
_ENDS = re.compile(r"(?<=[.!?;])\s+(?=[A-Z0-9(\"'])")
# A shorter line was ended by its writer, not wrapped.
_WRAPPED = 60
_OPEN = re.compile(r"(?:,|\b(?:and|or|of|in|the|a|an|with|to|at|on|by|segments?))$", re.IGNORECASE)
_SEMICOLON = re.compile(r";\s+")
_ABBREVIATION = re.compile(
    r"\b(?:approx|segs?|e\.g|i\.e|vs|no|nos|imgs?|ims?|ser?|cf|dr|prof|fig|lt|rt|ca|max|min|ap|"
    r"resp|incl|diam|st|mr|mrs)\.$",
    re.IGNORECASE,
)

# What a heading may name besides the liver; also used for what a sentence speaks of.
OTHER_ORGANS = re.compile(
    r"\b(?:spleen|splenic|kidneys?|renal|pancrea\w*|adrenals?|suprarenal|gall ?bladder|"
    r"bile ducts?|biliary|bowels?|stomach|gastric|duoden\w*|colon\w*|colic|rect(?:um|al)|"
    r"appendix|appendiceal|jejun\w*|ile(?:um|al)|o?esophag\w*|"
    r"(?:urinary )?bladder|prostat\w*|uter(?:us|ine)|ovar\w+|adnex\w+|"
    r"lungs?|pulmonary|lung bases?|pleura\w*|heart|cardiac|pericard\w+|mediastin\w+|"
    r"bones?|osseous|skelet\w+|vertebra\w*|spine|ribs?|iliac|sacr\w+|muscul\w+|"
    r"lymph nodes?|nodal|lymphaden\w+|aort\w+|vessels?|vascular|vasculature|"
    r"portal veins?|perito\w+|retroperito\w+|mesent\w+|oment\w+|ascites|"
    r"thyroid|breasts?|abdominal wall|soft tissues?|hernias?)\b",
    re.IGNORECASE,
)
LIVER = re.compile(
    r"\b(?:liver|hepatic|hepato\w*|intrahepatic|couinaud|"
    r"seg(?:ment)?s?\.? ?(?:[1-8]|i{1,3}|iv|vi{0,3})[ab]?|caudate)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of the findings.

    Attributes:
        text: without bullet and heading.
        heading: the organ's heading that it stands under, "" for none.
    """

    text: str
    heading: str = ""


def findings_section(report: str) -> str:
    """Return the findings of a report.

    They are what stands under "Findings:"; else under "Impression:" or the like; else, in a
    report without headings, everything.
    """
    marks = list(_SECTION.finditer(report))
    if not marks:
        return report
    for wanted in (_FINDINGS, _CONCLUSIONS):
        parts = [
            report[mark.end() : after.start() if after else len(report)]
            for mark, after in zip(marks, [*marks[1:], None], strict=True)
            if wanted.fullmatch(mark[1])
        ]
        if any(part.strip() for part in parts):
            return "\n\n".join(parts)
    return report[: marks[0].start()]


def sentences(findings: str) -> list[Sentence]:
    """Cut findings into sentences.

    A full stop in a number or after an abbreviation ends nothing; a bullet, an empty line and
    a semicolon between two statements do.
    """
    found = []
    heading = ""
    for block in _blocks(findings):
        text = block
        name = _HEADING.match(block)
        if not block:
            heading = ""
        elif name and _names_organ(name[1]):
            heading, text = name[1].strip(), block[name.end() :]
        found += [Sentence(part, heading) for part in _cut(text)]
    return found


def _names_organ(heading: str) -> bool:
    """Tell "Liver:" from "Right lobe:" and "Segment 7:", which are parts of a statement."""
    if re.search(r"\b(?:lobe|segment)", heading, re.IGNORECASE):
        return False
    return bool(OTHER_ORGANS.search(heading) or LIVER.search(heading))


def _blocks(findings: str) -> Iterator[str]:
    """Join wrapped lines; "" stands for an empty line, which ends an organ's heading."""
    current = ""
    for raw in findings.splitlines():
        bullet = _BULLET.match(raw)
        line = (raw[bullet.end() :] if bullet else raw).strip()
        starts = bool(bullet) or bool(_HEADING.match(line)) or not line
        ended = current.endswith((".", "!", "?", ":", ";")) or (
            # A list without bullets and full stops, one finding a line.
            len(current) < _WRAPPED and line[:1].isupper() and not _OPEN.search(current)
        )
        if current and (starts or ended):
            yield current
            current = ""
        if line:
            current = f"{current} {line}".strip()
        else:
            yield ""
    if current:
        yield current


def _cut(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for match in _ENDS.finditer(text):
        if _ABBREVIATION.search(text[: match.start()]):
            continue
        parts.append(text[start : match.start()])
        start = match.end()
    parts.append(text[start:])
    cut = [piece.strip(" ;") for part in parts for piece in _SEMICOLON.split(part)]
    return [piece for piece in cut if re.search(r"\w", piece)]
