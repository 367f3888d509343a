"""Makes named segments from answers, ready to be written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from lsms_core.anatomy.terminology import colours_of, terminology_of
from lsms_core.io.named_masks import Segment
from lsms_core.language.chips import chips

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer


def segments_of(answers: Sequence[Answer]) -> list[Segment]:
    """The masks that are there; a text that fits nothing gives no segment."""
    date = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    colours = colours_of([a.text for a in answers])
    segments = []
    for answer, colour in zip(answers, colours, strict=True):
        if not answer.present:
            continue
        terms = terminology_of(answer.text)
        run = answer.slices
        kept, dropped = answer.lines()
        tags = {
            "prompt": answer.text,
            "model": answer.model,
            "engine": answer.engine,
            "score": f"{answer.score:.4f}",
            "threshold": f"{answer.threshold:g}",
            "plane": answer.plane,
            "slices": str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}",
            "date": date,
            "laterality": terms.laterality.meaning if terms.laterality else "",
            "finding": terms.type.meaning,
            "region": terms.region.meaning if terms.region else "",
            "reading": reading_text(answer),
            "kept": "; ".join(kept),
            "dropped": "; ".join(dropped),
        }
        # The names that the Slicer module reads back (lsms_core.mrml.provenance_tags).
        named = {f"LSMS.{name}": value for name, value in tags.items() if value}
        segments.append(Segment(answer.text, answer.mask, terms, colour, named))
    return segments


def reading_text(answer: Answer) -> str:
    """Return the reading in words, "" where there is none."""
    if answer.reading is None:
        return ""
    return " · ".join(chip.text for chip in chips(answer.reading))
