"""The rows of the lesion list, one for each candidate; no Qt."""

from dataclasses import dataclass, replace
from typing import Any

from lsms_core.session.translation import tr as _

_ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@dataclass(frozen=True)
class LesionRow:
    """One candidate.

    Attributes:
        number: its number in the list.
        place: Couinaud's segment where it is known, else the lobe.
        size: longest diameter and its perpendicular, mm.
        attenuation: mean HU.
        kept: whether it is in the answer.
        why: why it was dropped, what is in doubt, or how it was added.
        lesion: the measured Lesion, with its number among its candidates.
        source: which of the answers it belongs to; None where they share their candidates.
        byHand: whether a reader moved a diameter; its size is marked with a star.
        doubtful: whether it was kept because the text does not decide; never one that was added.
    """

    number: int
    place: str
    size: str
    attenuation: str
    kept: bool
    why: str
    lesion: Any
    source: int = None
    byHand: bool = False
    doubtful: bool = False

    @property
    def state(self):
        """Return in words whether it is in the answer."""
        if not self.kept:
            return _("dropped")
        return _("kept, in doubt") if self.doubtful else _("kept")

    def withLesion(self, lesion, byHand=False):
        """Return a row that shows other measurements of the same lesion."""
        return replace(self, lesion=lesion, size=_sizeText(lesion, byHand), byHand=byHand)


def rowsOf(answers):
    """Return the rows of a run's answers, in the order of the candidates' numbers.

    Answers to several prompts share their candidates as a rule: then a lesion is kept that any of
    them keeps. Of an engine that looks for one text at a time each answer has its own.
    """
    known = [(n, answer) for n, answer in enumerate(answers) if answer is not None]
    if not known:
        return []
    first = known[0][1].candidates
    if all(answer.candidates.labels is first.labels for _n, answer in known):
        mine = [answer for _n, answer in known]
        return [_row(one, mine, one.number) for one in _asEdited(first.lesions, mine)]
    rows = []
    for source, answer in known:
        for one in answer.lesions:
            rows.append(_row(one, [answer], len(rows) + 1, source))
    return rows


def _asEdited(lesions, answers):
    """Return lesions with the measurements of their outlines after "2 mm larger" and the like."""
    edited = {}
    for answer in answers:
        if answer.edits:
            edited |= {one.number: one for one in answer.lesions if one.number in answer.edits}
    return [edited.get(one.number, one) for one in lesions]


def _row(lesion, answers, number, source=None):
    verdicts = [answer.verdict(lesion.number) for answer in answers]
    kept = [verdict for verdict in verdicts if verdict.kept]
    return LesionRow(
        number=number,
        place=placeText(lesion),
        size=_sizeText(lesion),
        attenuation=f"{lesion.mean_hu:.0f}",
        kept=bool(kept),
        why="; ".join((kept or verdicts)[0].reasons),
        lesion=lesion,
        source=source,
        doubtful=bool(kept) and kept[0].decision == "doubtful",
    )


def _sizeText(lesion, byHand=False):
    return f"{lesion.longest_mm:.0f} × {lesion.perpendicular_mm:.0f}" + ("*" if byHand else "")


def placeText(lesion):
    """Return where a lesion lies, as short as a table needs it: "VII", "V/VIII", "right lobe"."""
    if lesion.segments and len(lesion.segments) <= 2:
        return "/".join(_ROMAN[int(number)] for number in lesion.segments)
    return "both lobes" if len(lesion.sides) == 2 else lesion.place


def reportLine(lesion, name=""):
    """Return a lesion for a report: "Segment VII: 18 x 14 mm hypodense lesion, 62 HU"."""
    if lesion.segments and len(lesion.segments) <= 2:
        word = "Segment" if len(lesion.segments) == 1 else "Segments"
        place = f"{word} {placeText(lesion)}"
    else:
        place = (lesion.place or "liver").capitalize()
    size = f"{lesion.longest_mm:.0f} x {lesion.perpendicular_mm:.0f} mm"
    kind = f"{lesion.attenuation} lesion" if lesion.attenuation else "lesion"
    named = f" ({name})" if name else ""
    return f"{place}: {size} {kind}, {lesion.mean_hu:.0f} HU{named}"


def findingsOf(row, findings):
    """Return the findings that a row's lesion may belong to."""
    return findings if row.source is None else [findings[row.source]]


def segmentOf(finding, number):
    """Return the ID of the segment that holds a candidate of a finding, None for none."""
    from lsms_core.session.segment_writer import isInScene

    answer, node = finding.answer, finding.segmentationNode
    if answer is None or not isInScene(node) or not finding.segmentIDs:
        return None
    if not answer.verdict(number).kept:
        return None
    inner = node.GetSegmentation()
    present = [s for s in finding.segmentIDs if inner.GetSegment(s) is not None]
    if len(finding.segmentIDs) == 1 or not finding.parts:
        return present[0] if present else None
    box = answer.candidates.boxes[number]
    mine = answer.candidates.labels[box] == number
    overlaps = {s: int((finding.parts[s][box] & mine).sum()) for s in present if s in finding.parts}
    best = max(overlaps, key=overlaps.get, default=None)
    return best if best is not None and overlaps[best] else None


_CSV_HEADINGS = (
    "number", "name", "place", "longest_mm", "perpendicular_mm", "area_mm2", "volume_ml",
    "mean_hu", "sd_hu", "first_slice", "last_slice", "kept", "why", "diameters",
)  # fmt: skip


def csvText(rows, names=None):
    """Return rows as CSV, with a heading.

    Args:
        rows: LesionRows.
        names: number -> the name that a reader gave.
    """
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEADINGS)
    for row in rows:
        one = row.lesion
        writer.writerow(
            [
                row.number,
                (names or {}).get(row.number, ""),
                row.place,
                f"{one.longest_mm:.1f}",
                f"{one.perpendicular_mm:.1f}",
                f"{one.area_mm2:.1f}",
                f"{one.volume_ml:.3f}",
                f"{one.mean_hu:.1f}",
                f"{one.sd_hu:.1f}",
                *one.slices,
                "yes" if row.kept else "no",
                row.why,
                "by hand" if row.byHand else "computed",
            ]
        )
    return out.getvalue()
