"""Reads a text into a query, and lists the words that were not read.

The reader uses rules over a vocabulary, so that every reading can be explained and takes one or
two milliseconds. The steps: tokens, corrected typing mistakes, phrases, joined phrases, clauses,
and here the combination of the clauses. The reader never guesses: where the rules do not decide
(two sizes, a side and its opposite), the words are listed as not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from lsms_core.anatomy.laterality import Side
from lsms_core.language.absorbing import absorbed
from lsms_core.language.clause_groups import (
    grouped,
    inherit_place,
    is_answer,
    is_named,
    names_place,
    rank_named_anew,
    says,
)
from lsms_core.language.clauses import Clause, clauses
from lsms_core.language.contradictions import (
    SEGMENTS_OF,
    are_listed,
    cannot_be_sized,
    opposite_densities,
    opposite_sides,
    outside_its_lobe,
    sizes_that_cannot_be,
    strange_sections,
)
from lsms_core.language.foreign import is_foreign
from lsms_core.language.items import KNOWN_WORDS, Item, items, put_right
from lsms_core.language.normalise import Token, tokens
from lsms_core.language.phrases import Kind
from lsms_core.language.query import Query, Reading, Span
from lsms_core.language.size_order import ordered_by_size
from lsms_core.language.understanding import is_understood

_LONGEST_TEXT = 2000
_SIDES: tuple[Side, ...] = ("left", "right")
_ALL_SEGMENTS = ("1", "2", "3", "4", "5", "6", "7", "8")
# The organ itself may be like this and still be meant as a whole.
_OF_ORGANS = frozenset("fatty cirrhotic steatotic enlarged atrophic fibrotic normal".split())


@lru_cache(maxsize=512)
def read(text: str) -> Reading:
    """Return the reading of a text; one that is not understood has an empty query."""
    typed = tokens(text[:_LONGEST_TEXT])
    if is_foreign(typed, KNOWN_WORDS):
        return Reading(text, unread=_words(typed), understood=False)
    put = put_right(typed)
    found = ordered_by_size(items(put))
    if not is_understood(found):
        return Reading(text, unread=_words(typed), understood=False)
    return _Sum(text, put, clauses(absorbed(found))).reading()


def _words(typed: Sequence[Token]) -> tuple[str, ...]:
    return tuple(t.text for t in typed if t.kind != "sign")


class _Sum:
    """The meaning of a text's clauses together."""

    def __init__(self, text: str, put: Sequence[Token], parts: list[Clause]) -> None:
        self.text = text
        self.tokens = put
        self.parts = [p for p in parts if p.items]
        self.unread: list[Item] = []
        self.spans: list[Span] = []

    def reading(self) -> Reading:
        organ = self._organ()
        if organ == "other":
            return Reading(self.text, Query(organ="other"))
        meant, denials = self._meant()
        nothing = not meant and bool(denials)
        chosen = denials if nothing else meant
        for part in self.parts:
            if part not in chosen and not part.denied:
                self.unread += part.unread
        entries: dict[str, Any] = {"nothing": nothing}
        if not nothing and self._takes_out_opposite_sides(chosen):
            entries["contradictory"] = True
        entries.update(self._places(chosen))
        if not nothing and outside_its_lobe(entries):
            entries["contradictory"] = True
        entries.update(self._values(chosen))
        entries["whole_organ"] = not nothing and self._is_whole(chosen)
        for part in chosen:
            self.unread += part.unread
        if not nothing:
            self._denied_details(denials)
        query = Query(**entries)
        return Reading(self.text, query, self._unread_words(), spans=tuple(self.spans))

    def _organ(self) -> str:
        """Return "other" where another organ is spoken of, and the liver nowhere."""
        others: list[Clause] = []
        for part in self.parts:
            on_topic = part.liver or (part.lobe and not part.organ)
            # "Kidneys: cysts on both sides" goes on about the kidneys.
            goes_on = bool(others) and others[-1].sentence == part.sentence
            if not on_topic and (part.organ or goes_on):
                others.append(part)
        if not others:
            return "liver"
        rest = [p for p in self.parts if p not in others]
        about_liver = [p for p in rest if p.liver or (p.lobe and (p.sides or p.head))]
        if not about_liver:
            return "other"
        for part in others:
            self.unread += part.items
        self.parts = rest
        return "liver"

    def _meant(self) -> tuple[list[Clause], list[Clause]]:
        """Return the clauses that say what is meant, and those that deny."""
        meant: list[Clause] = []
        denials: list[Clause] = []
        waiting: list[Clause] = []
        last: list[Clause] | None = None
        for n, part in enumerate(self.parts):
            if part.denied and is_answer(part, meant):
                denials += [*meant, part]
                meant, last = [], denials
            elif part.denied:
                if not meant or (waiting and self._is_heading(n - 1)):
                    denials += waiting
                else:
                    meant += waiting
                denials.append(part)
                waiting, last = [], denials
            elif part.head:
                inherit_place(part, denials)
                if self._is_aside(part, meant):
                    self.unread += [i for i in part.items if i.kind is not Kind.ARTICLE]
                    part.unread = []
                    continue
                meant += [*waiting, part]
                waiting, last = [], meant
            elif part.empty:
                self.unread += part.unread
                part.unread = []
            elif (
                last is None
                or self._is_heading(n)
                or (last is denials and part.placed and any(d.placed for d in denials))
            ):
                waiting.append(part)
            else:
                last.append(part)
        if waiting and (meant or not denials or any(w.placed or w.values for w in waiting)):
            meant += waiting
        added = [d for d in denials if d.added]
        if added and not meant and len(added) < len(denials):
            denials = [d for d in denials if not d.added] or denials
        return meant, denials

    def _is_heading(self, n: int) -> bool:
        """Whether a clause is the place of the next one: "on the right, nothing"."""
        part, after = self.parts[n], self.parts[n + 1 : n + 2]
        first = n == 0 or self.parts[n - 1].sentence != part.sentence
        return bool(
            first
            and part.placed
            and after
            and after[0].sentence == part.sentence
            and (after[0].head or after[0].denied)
            and not after[0].placed
        )

    def _is_aside(self, part: Clause, meant: list[Clause]) -> bool:
        """Whether "the largest measuring 4 cm" only describes one of several."""
        if not any(m.plural for m in meant):
            return False
        ranked = any(name == "rank" for name, _, _ in part.values)
        told = part.placed or any(name.startswith("size") for name, _, _ in part.values)
        lesion = any(i.kind is Kind.LESION for i in part.items)
        return ranked and told and not lesion and not part.excluded

    def _denied_details(self, denials: Sequence[Clause]) -> None:
        for part in denials:
            if not part.added:
                self.unread += [i for i in part.unread if i not in self.unread]

    def _takes_out_opposite_sides(self, chosen: Sequence[Clause]) -> bool:
        """Leave the sides of "left lobe lesion in the right lobe" unread; whether there are any."""
        for part in chosen:
            strange = strange_sections(part)
            part.unread += strange
            part.segments = [pair for pair in part.segments if pair[1] not in strange]
        found = [part for part in chosen if opposite_sides(part) is not None]
        for part in found:
            part.unread += [item for _, item in part.sides]
            part.sides = []
        for part in chosen if found else ():
            part.unread += [item for _, item in part.without_sides]
            part.without_sides = []
        return bool(found)

    def _places(self, chosen: Sequence[Clause]) -> dict[str, Any]:
        """Return the sides and segments of all clauses together."""
        placed = [self._place_of(group) for group in grouped(chosen)]
        spots = [s for s in placed if s is not None]
        if not spots:
            return {}
        sides: tuple[Side, ...]
        if all(not segments for _, segments in spots):
            sides = tuple(s for s in _SIDES if any(s in sides for sides, _ in spots))
            return {"sides": sides}
        if len(spots) == 1:
            return {"sides": spots[0][0], "segments": spots[0][1]}
        if all(not sides for sides, _ in spots):
            named = {n for _, segments in spots for n in segments}
            return {"segments": tuple(s for s in _ALL_SEGMENTS if s in named)}
        named = set()
        for spot_sides, segments in spots:
            named |= set(segments) or {n for s in spot_sides for n in SEGMENTS_OF[s]}
        return {"segments": tuple(s for s in _ALL_SEGMENTS if s in named)}

    def _place_of(self, group: Sequence[Clause]) -> tuple[tuple[Side, ...], tuple[str, ...]] | None:
        """Return sides and segments of clauses about one thing; None where they name none."""
        named = [pair for c in group for pair in c.sides]
        without = [pair for c in group for pair in c.without_sides]
        numbered = [pair for c in group for pair in c.segments]
        left_out = [pair for c in group for pair in c.without_segments]
        if not (named or without or numbered or left_out):
            return None
        sides: set[str] = {s for s, _ in named}
        out = {s for s, _ in without}
        if sides & out and not sides - out:
            # "On the left, not on the left": neither is believed.
            self.unread += [i for _, i in (*named, *without)]
            sides, named, without = set(), [], []
        elif sides:
            sides -= out
        elif len(out) == 1 and not left_out:
            sides = {s for s in _SIDES if s not in out}
        elif out and not left_out:
            self.unread += [i for _, i in without]
        for side, item in (*named, *without):
            self._mark("sides", item, side)
        segments = {n for n, _ in numbered}
        gone = {n for n, _ in left_out}
        if left_out:
            if out and not named:
                gone |= {n for s in out for n in SEGMENTS_OF[s]}
            ground = segments or {n for s in sides for n in SEGMENTS_OF[s]} or set(_ALL_SEGMENTS)
            segments = ground - gone
        for _, item in (*numbered, *left_out):
            self._mark("segments", item)
        if any(are_listed(part) for part in group):
            # "The left lobe and the right posterior section."
            segments |= {n for s in sides for n in SEGMENTS_OF[s]}
            sides = set()
        return (
            tuple(s for s in _SIDES if s in sides),
            tuple(s for s in _ALL_SEGMENTS if s in segments),
        )

    def _values(self, chosen: Sequence[Clause]) -> dict[str, Any]:
        """Return what is said of lesions; what clauses contradict each other in is not read."""
        said: dict[str, list[tuple[Any, Item, int]]] = {}
        groups = grouped(chosen)
        own = {n for n, group in enumerate(groups) if is_named(group) or n == 0}
        named_anew = rank_named_anew(chosen)
        for n, group in enumerate(groups):
            for part in group:
                for name, value, item in part.values:
                    if name in ("rank", "place", "count") and part is named_anew:
                        continue
                    said.setdefault(name, []).append((value, item, n))
        several = len(groups) > 1 and sum(names_place(g) for g in groups) > 1
        entries: dict[str, Any] = {}
        for name, found in said.items():
            values = {v for v, _, _ in found}
            if name == "attenuation" and values == {"hypodense", "cystic"}:
                either = several or any(i.kind is Kind.OR for p in chosen for i in p.items)
                either = either or any(p.joined for p in chosen)
                values = {"hypodense"} if either else {"cystic"}
            partly = several and not own <= {n for _, _, n in found}
            partly = partly or self._is_of_one_alternative(name, chosen)
            if several and name in ("rank", "count"):
                partly = partly or any(names_place([p]) for p in chosen if says(p, name))
            if len(values) > 1 or partly:
                self.unread += [i for _, i, _ in found]
                if name == "attenuation" and opposite_densities([i for _, i, _ in found]):
                    entries["contradictory"] = True
                continue
            entries[name] = values.pop()
            for _, item, _ in found:
                self._mark(name, item)
        return self._checked(entries, said, chosen)

    def _is_of_one_alternative(self, name: str, chosen: Sequence[Clause]) -> bool:
        """Whether only one of "a cyst or a metastasis" is said to be like this."""
        alternatives = [
            (a, b)
            for a, b in pairwise(chosen)
            if b.joined and is_named([a]) and is_named([b]) and not b.definite
        ]
        return any(says(a, name) != says(b, name) for a, b in alternatives)

    def _checked(
        self,
        entries: dict[str, Any],
        said: dict[str, list[tuple[Any, Item, int]]],
        chosen: Sequence[Clause],
    ) -> dict[str, Any]:
        wrong = sizes_that_cannot_be(entries, len(chosen) == 1)
        for name in wrong:
            self.unread += [i for _, i, _ in said[name]]
            del entries[name]
        if wrong and cannot_be_sized(chosen):
            entries["contradictory"] = True
        if "rank" not in entries:
            if "place" in entries:
                del entries["place"]
                self.unread += [i for _, i, _ in said["place"]]
            if "rank" in said:
                entries.pop("count", None)
        else:
            entries["excluded"] = any(
                c.excluded for c in chosen if c is not rank_named_anew(chosen)
            )
            entries["per_lobe"] = self._is_per_lobe(chosen)
        if entries.get("rank") and entries.get("count") == 1:
            entries["count"] = None
        return entries

    def _is_per_lobe(self, chosen: Sequence[Clause]) -> bool:
        """Whether a rank is meant in each lobe; in each segment it is not read."""
        each = [item for part in chosen for item in part.items if item.value == "each"]
        self.unread += [item for item in each if item.kind is not Kind.BOTH]
        return any(item.kind is Kind.BOTH for item in each)

    def _is_whole(self, chosen: Sequence[Clause]) -> bool:
        """Whether the liver or a lobe itself is meant."""
        parts = [c for c in chosen if not c.empty]
        if not parts or any(c.head or not c.whole or c.without_sides for c in parts):
            return False
        if any(item.kind is Kind.LESION for item in self.unread):
            # "Lesion with biliary dilatation, right lobe."
            return False
        details = [u.words for c in chosen for u in c.unread if u.kind is not Kind.LIVER]
        if any(d not in _OF_ORGANS for d in details):
            return False
        if any(c.items[0].kind is Kind.SIDE and c.items[-1].words == "only" for c in parts):
            # "Right lobe only" says where; "only the right lobe" and the like may mean itself.
            return False
        return any(c.liver or (c.lobe and c.sides) for c in parts)

    def _mark(self, name: str, item: Item, value: str = "") -> None:
        start, end = self._ends(item)
        span = Span(name, start, end, value)
        if span not in self.spans:
            self.spans.append(span)

    def _ends(self, item: Item) -> tuple[int, int]:
        return self.tokens[item.first].start, self.tokens[item.last - 1].end

    def _unread_words(self) -> tuple[str, ...]:
        """Return what was not read, in order, as it was typed."""
        words: list[str] = []
        seen: set[int] = set()
        for item in sorted(self.unread, key=lambda i: (i.first, -i.last)):
            if item.first in seen or not any(c.isalnum() for c in item.words):
                continue
            small = item.kind in (Kind.ARTICLE, Kind.PREPOSITION, Kind.SKIP, Kind.AND, Kind.OR)
            if small and item.value != "each":
                continue
            seen.update(range(item.first, item.last))
            start, end = self._ends(item)
            partly = item.kind is Kind.SEGMENTS and item.value
            words.append(item.words if partly else _typed(self.text[start:end], item.words))
            self.spans.append(Span("unread", start, end))
        return tuple(words)


def _typed(written: str, words: str) -> str:
    """Return a phrase as it was typed, in small letters and with one space between words."""
    lower = " ".join(written.lower().split())
    return lower if lower.isascii() else words
