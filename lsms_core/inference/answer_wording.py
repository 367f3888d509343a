"""One-sentence summaries of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.language.query import Query
    from lsms_core.language.select import Selection


def said_of(whole: Answer, query: Query, found: Selection) -> str:
    """Say in one sentence what a text was answered with."""
    if query.organ == "other":
        return (
            f'"{whole.text}" asks about another organ: only the liver and its lesions are outlined.'
        )
    if query.nothing:
        return found.notes[0] if found.contradicting else (
            "The text says there is nothing, and the search found nothing against it."
        )  # fmt: skip
    if query.contradictory:
        return f'"{whole.text}" contradicts itself: no lesion is kept. Say it in other words.'
    return outcome(whole)


def outcome(whole: Answer) -> str:
    """Say in one sentence how many lesions are kept."""
    count, total = sum(v.kept for v in whole.verdicts), len(whole.verdicts)
    if count:
        of = f" of {total}" if count < total else ""
        return f'Found "{whole.text}": {_lesions(count)}{of}.'
    if not total:
        return f'Nothing found for "{whole.text}": the search found no lesion.'
    return f'Nothing found for "{whole.text}": {_lesions(total)} dropped.'


def _lesions(count: int) -> str:
    return "1 lesion" if count == 1 else f"{count} lesions"
