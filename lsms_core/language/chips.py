"""Short phrases that show a reading on the screen: "left lobe", "under 10 mm", "2 largest"."""

from __future__ import annotations

from dataclasses import dataclass

from lsms_core.language.query import Query, Reading

NOT_UNDERSTOOD = "not understood"
_ATTENUATION = {
    "hypodense": "darker than liver",
    "hyperdense": "brighter than liver",
    "isodense": "as dense as liver",
    "cystic": "as dense as water",
}
_PLACES = {2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth",
           9: "ninth", 10: "tenth"}  # fmt: skip


@dataclass(frozen=True)
class Chip:
    """One thing that was read.

    Attributes:
        text: a short phrase.
        names: the entries of the query that it stands for.
        spans: (start, end) of the characters that it was read from; () where none say it.
    """

    text: str
    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()


def chips(reading: Reading) -> tuple[Chip, ...]:
    """Return the phrases for what was read; () for a text that was not understood.

    Example:
        >>> from lsms_core.language.read import read
        >>> [chip.text for chip in chips(read("left lobe cyst under 1 cm"))]
        ['left lobe', 'as dense as water', 'under 10 mm']
    """
    if not reading.understood:
        return ()
    return tuple(
        Chip(text, names, tuple((s.start, s.end) for s in reading.spans if s.name in names))
        for text, names in _phrases(reading.query)
    )


def describe(reading: Reading) -> str:
    """Return a reading in one line: "left lobe · under 10 mm; not read: calcified"."""
    if not reading.understood:
        return NOT_UNDERSTOOD
    line = " · ".join(chip.text for chip in chips(reading))
    if reading.unread:
        line += f"; not read: {', '.join(reading.unread)}"
    return line


def _phrases(query: Query) -> list[tuple[str, tuple[str, ...]]]:
    if query.organ == "other":
        return [("another organ", ("organ",))]
    found = [*_places(query), *_sizes(query), *_ranks(query)]
    found += [
        (str(getattr(query, name)), (name,))
        for name in ("magnitude", "location", "shape", "margin", "texture")
        if getattr(query, name) is not None
    ]
    if query.nothing:
        found.append(("nothing expected", ("nothing",)))
    if query.contradictory:
        found.append(("contradicts itself", ("contradictory",)))
    return found or [("all lesions", ())]


def _places(query: Query) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []
    if query.sides:
        lobe = "both lobes" if len(query.sides) > 1 else f"{query.sides[0]} lobe"
        found.append((f"whole {lobe}" if query.whole_organ else lobe, ("sides", "whole_organ")))
    elif query.whole_organ and not query.segments:
        found.append(("whole liver", ("whole_organ",)))
    if query.segments:
        word = "segment" if len(query.segments) == 1 else "segments"
        found.append((f"{word} {', '.join(query.segments)}", ("segments",)))
    if query.attenuation is not None:
        found.append((_ATTENUATION[query.attenuation], ("attenuation",)))
    return found


def _sizes(query: Query) -> list[tuple[str, tuple[str, ...]]]:
    low, high, about = query.size_min_mm, query.size_max_mm, query.size_about_mm
    found: list[tuple[str, tuple[str, ...]]] = []
    if low is not None and high is not None:
        found.append((f"{low:g} to {high:g} mm", ("size_min_mm", "size_max_mm")))
    elif low is not None:
        found.append((f"over {low:g} mm", ("size_min_mm",)))
    elif high is not None:
        found.append((f"under {high:g} mm", ("size_max_mm",)))
    if about is not None:
        found.append((f"about {about:g} mm", ("size_about_mm",)))
    return found


def _ranks(query: Query) -> list[tuple[str, tuple[str, ...]]]:
    if query.rank is None:
        if query.count is None:
            return []
        return [(f"{query.count} lesion{'s' * (query.count > 1)}", ("count",))]
    words: list[str] = []
    if query.count is not None and query.count > 1:
        words.append(str(query.count))
    if query.place > 1:
        words.append(_PLACES.get(query.place, f"{query.place}th"))
    words.append(query.rank)
    phrase = " ".join(words)
    if query.excluded:
        phrase = f"all but the {phrase}"
    if query.per_lobe:
        phrase = f"{phrase} in each lobe"
    return [(phrase, ("rank", "place", "count", "excluded", "per_lobe"))]
