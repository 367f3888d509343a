"""Reads one clause from its first phrase to its last."""

from __future__ import annotations

from collections.abc import Callable

from lsms_core.language.clause import (
    FIELDS,
    HEADS,
    OPPOSITE,
    PLACES,
    Clause,
    has,
    is_organ_next,
    noun_behind,
)
from lsms_core.language.items import Item
from lsms_core.language.phrases import Kind

_NAMED = (Kind.LESION, Kind.ONE)
_SMALL_WORDS = (Kind.SKIP, Kind.ARTICLE, Kind.PREPOSITION, Kind.AND, Kind.OR, Kind.ASK)
_DETAILS = (Kind.BESIDES, Kind.ORGAN, Kind.UNKNOWN, Kind.PROCEDURE)
_INTO = frozenset({"in", "on", "within", "inside", "at", "into", "for", "among"})
_SEGMENTS = ("segments", "segs", "segment", "seg")
_SEGMENT_NUMBERS = tuple("12345678")
RATHER = ("rather than", "instead of", "as opposed to")
_ONLY_THE_REST = ("otherwise", "rest", "remain", "elsewhere", "background")


def scanned(clause: Clause) -> Clause:
    """Return the clause with what its phrases say."""
    _Scan(clause).run()
    return clause


class _Scan:
    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.items = clause.items
        self.excluding = False
        self.ignoring = False
        self.compared = False
        # Whether what is left out is only what a lesion is not like: "not calcified".
        self.adjective = False
        self.detail = False
        # Whether a word that nobody knows was among it: "not frm the left".
        self.doubtful = False
        self.states: dict[Kind, Callable[[int], int]] = {
            Kind.NOT_ONLY: self._not_only,
            Kind.NOT: self._not,
            Kind.EXCEPT: self._except,
            Kind.WITHOUT: self._without,
            Kind.NO: self._no,
            Kind.NONE: self._none,
            Kind.NOT_SEEN: self._not_seen,
            Kind.NORMAL: self._normal,
        }
        self.reading: dict[Kind, Callable[[int], None]] = {
            Kind.SIDE: self._side,
            Kind.BOTH: self._both,
            Kind.SEGMENTS: self._segments,
            Kind.LOBE: self._lobe,
            Kind.LIVER: self._liver,
            Kind.ORGAN: self._organ,
            Kind.SIZE: self._size,
            Kind.ORDINAL: self._ordinal,
            Kind.COUNT: self._count,
            **dict.fromkeys(HEADS, self._head),
        }
        self.excluded: dict[Kind, Callable[[int], None]] = {
            Kind.SIDE: self._without_side,
            Kind.SEGMENTS: self._without_segments,
            Kind.RANK: self._without_rank,
            Kind.COUNT: self._without_count,
            Kind.ORDINAL: self._without_count,
            Kind.SIZE: self._without_size,
            Kind.LESION: self._without_lesion,
            Kind.MARGIN: self._opposite,
            Kind.TEXTURE: self._opposite,
            Kind.LOBE: self._lobe,
            Kind.LIVER: self._nothing,
            Kind.ONE: self._nothing,
            Kind.ALL: self._nothing,
        }

    def run(self) -> None:
        clause, i = self.clause, 0
        clause.whole = not clause.question
        clause.head = clause.excepted
        while i < len(self.items):
            kind = self.items[i].kind
            state = self.states.get(kind)
            if state is not None:
                i = state(i)
                continue
            if self.items[i].words == ":":
                # "Other than in the left lobe: a cyst".
                self.excluding = self.detail = False
            if kind not in _SMALL_WORDS:
                self._content(i)
            i += 1
        if clause.normal and not clause.denied:
            clause.denied = not has(self.items, _NAMED)
        if clause.denied and clause.sides and self.compared:
            # "No lesion in the right rather than the left lobe."
            clause.without_sides, clause.without_segments = [], []
        if clause.denied and (clause.without_sides or clause.without_segments):
            # "No lesion except in the left lobe."
            clause.denied, clause.head = False, True
            clause.sides, clause.without_sides = clause.without_sides, []
            clause.segments, clause.without_segments = clause.without_segments, []
        if clause.question:
            clause.denied = False

    def _content(self, i: int) -> None:
        kind = self.items[i].kind
        if self.excluding and self.detail and kind in (*PLACES, Kind.LOBE, Kind.LIVER):
            # "Not calcified in the left lobe" is in the left lobe; where the cysts are left out
            # that lie there ("except the cysts in the left lobe"), no side is sure.
            if self.adjective and not self.doubtful:
                self.excluding = self.detail = False
            else:
                self.clause.unread.append(self.items[i])
                return
        if self.excluding and kind in (*FIELDS, Kind.SIZE, Kind.BESIDES) and self._is_over(i):
            self.excluding = False
        if not self.excluding:
            self.reading.get(kind, self._other)(i)
            return
        if self._is_segment(self.items[i]):
            item = self.items[i]
            self.clause.without_segments.append((item.words, item))
            return
        self.excluded.get(kind, self._other)(i)
        if kind not in (*PLACES, Kind.LOBE, Kind.LIVER, Kind.ONE, Kind.ALL, Kind.COUNT):
            item = self.items[i]
            plain = kind is Kind.LESION and item.value is None and not item.phrase.unread
            self.detail = self.detail or not plain
            self.doubtful = self.doubtful or kind is Kind.UNKNOWN

    def _is_segment(self, item: Item) -> bool:
        """Whether a bare number is the 3 of "segments 2 to 4 without 3"."""
        single = item.kind is Kind.UNKNOWN and item.words in _SEGMENT_NUMBERS
        named = self.clause.segments or self.clause.without_segments
        return single and (bool(named) or any(i.words in _SEGMENTS for i in self.items))

    def _is_over(self, i: int) -> bool:
        """Whether what is left out was a place, and the rest speaks of what is meant."""
        if not (self.clause.without_sides or self.clause.without_segments):
            return False
        return not has(self.items[i:], (*_NAMED, Kind.RANK, Kind.COUNT))

    # Phrases that change how the rest is read; each function returns where to go on.

    def _not_only(self, i: int) -> int:
        self.ignoring = True
        return i + 1

    def _not(self, i: int) -> int:
        following = [n for n in self.items[i + 1 :] if n.kind is not Kind.SKIP][:1]
        if following and following[0].kind in (Kind.NORMAL, Kind.NO, Kind.WITHOUT):
            return self.items.index(following[0], i) + 1
        self.excluding = self.adjective = True
        return i + 1

    def _except(self, i: int) -> int:
        words = self.items[i].words
        self.compared = words in RATHER
        self.excluding = True
        self.adjective = words.endswith("not")
        if words.endswith(("lesion but", "lesions but", "ones but", "one but")) or any(
            said in words for said in ("all but", "everything but", "anything but", "any but")
        ):
            self.clause.head = True
        return i + 1

    def _without(self, i: int) -> int:
        """Read "without": of a lesion it denies a detail, by itself the lesion."""
        noun = noun_behind(self.items, i)
        if has(noun, (Kind.SIDE, Kind.SEGMENTS)) and not has(noun, _NAMED):
            return self._except(i)
        if has(noun, (Kind.RANK,)):
            # "The others, without the largest".
            return self._except(i)
        if noun and self._is_segment(noun[0]):
            return self._except(i)
        if has(noun, (Kind.UNKNOWN,)) and not has(noun, (Kind.BESIDES, *_NAMED)):
            # "Without wht lies on the right": a side that may be left out is not believed.
            self.excluding = self.detail = self.doubtful = True
            self.clause.unread += [n for n in noun if n.kind is Kind.UNKNOWN]
            return i + 1 + len(noun)
        detail = has(noun, _DETAILS) and not has(noun, (Kind.SIDE, Kind.SEGMENTS, Kind.LESION))
        if self.clause.head and not detail:
            return self._except(i)
        return self._no(i)

    def _no(self, i: int) -> int:
        """Read a denial: of a lesion, or of something about one."""
        clause = self.clause
        noun = noun_behind(self.items, i)
        end = i + 1 + len(noun)
        if has(noun, PLACES) and any(n.words.endswith("elsewhere") for n in self.items[end:]):
            # As in "neither the left lobe nor segment 5: lesions elsewhere".
            return self._except(i)
        of_lesions = has(noun, _NAMED)
        if not of_lesions and not clause.head:
            detail = has(noun, _DETAILS)
            of_lesions = not detail or has(noun, (Kind.ATTENUATION, Kind.MAGNITUDE))
        if of_lesions:
            clause.denied = True
            clause.added = clause.added or self.items[i].value == "otherwise"
            return i + 1
        for item in noun:
            if item.kind is Kind.ORGAN and not clause.head:
                clause.organ.append(item)
            elif item.kind not in _SMALL_WORDS:
                clause.unread.append(item)
        return end

    def _none(self, i: int) -> int:
        self.clause.denied = True
        return i + 1

    def _not_seen(self, i: int) -> int:
        if has(self.items, _NAMED):
            self.clause.denied = True
        elif has(self.items[i:], PLACES):
            # "Lesion in the right lobe, not seen in the left lobe."
            return self._except(i)
        else:
            self.clause.unread.append(self.items[i])
        return i + 1

    def _normal(self, i: int) -> int:
        item, clause = self.items[i], self.clause
        clause.normal = True
        if item.value == "otherwise" or item.words.startswith(_ONLY_THE_REST):
            clause.added = True
        return i + 1

    # Entries of the query.

    def _side(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if self.ignoring:
            clause.unread.append(item)
        else:
            clause.sides.append((item.value, item))
            clause.lobe = clause.lobe or item.words.endswith(("lobe", "hl", "lobar"))
        self._placed(i)

    def _both(self, i: int) -> None:
        item = self.items[i]
        self.clause.sides += [("left", item), ("right", item)]
        self.clause.lobe |= any(w in item.words for w in ("lob", "hemiliver", "left", "halves"))
        self._placed(i)

    def _segments(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if self.ignoring or item.phrase.unread:
            clause.unread.append(item)
        if not self.ignoring:
            clause.segments += [(n, item) for n in item.value]
        clause.liver = True
        if "lobe" not in item.words and "caudate" not in item.words:
            clause.whole = False
        self._placed(i)

    def _lobe(self, i: int) -> None:
        self.clause.lobe = True
        if not self.excluding:
            self.clause.liver |= any(w in self.items[i].words for w in ("liver", "hepatic"))
            self._placed(i)

    def _liver(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        self._placed(i)
        clause.liver = True
        if item.value == "itself":
            clause.whole = True
            if item.phrase.unread:
                clause.unread.append(item)

    def _placed(self, i: int) -> None:
        """Note that "in the liver" is about what lies in it."""
        i -= 1
        while i >= 0 and self.items[i].kind is Kind.ARTICLE:
            i -= 1
        before = self.items[i] if i >= 0 else None
        if before is not None and before.kind is Kind.PREPOSITION and before.words in _INTO:
            self.clause.whole = False

    def _organ(self, i: int) -> None:
        clause = self.clause
        (clause.unread if clause.liver else clause.organ).append(self.items[i])

    def _head(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if item.kind is Kind.ALL and is_organ_next(self.items, i):
            return
        clause.head = True
        clause.plural = clause.plural or item.phrase.plural or item.words in ("ones", "those")
        if i and self.items[i - 1].words in ("the", "this", "that"):
            clause.definite = True
        if item.kind is Kind.LESION:
            if item.value is not None:
                clause.values.append(("attenuation", item.value, item))
            if item.phrase.unread:
                clause.unread.append(item)

    def _size(self, i: int) -> None:
        item = self.items[i]
        limits = (item.value.low, item.value.high, item.value.about)
        for name, value in zip(
            ("size_min_mm", "size_max_mm", "size_about_mm"), limits, strict=True
        ):
            if value is not None:
                self.clause.values.append((name, value, item))
        self.clause.whole = False

    def _ordinal(self, i: int) -> None:
        item = self.items[i]
        if has(self.items[i + 1 :], (Kind.RANK,)):
            self.clause.values.append(("place", item.value, item))
        else:
            self.clause.unread.append(item)

    def _count(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if item.words == "one" and has(self.items[i:], (Kind.RANK,)):
            return
        ranked = has(self.items[:i], (Kind.RANK,))
        if ranked and self.items[i - 1].kind is not Kind.RANK:
            # "The larger of the two": how many there are, not how many are meant.
            return
        clause.values.append(("count", item.value, item))
        clause.whole = False
        clause.head = clause.head or item.words in ("both", "the two")

    def _other(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if item.kind in FIELDS and not self.excluding:
            clause.values.append((FIELDS[item.kind], item.value, item))
            clause.whole = False
            clause.head = clause.head or item.kind is Kind.RANK
        else:
            clause.unread.append(item)

    # Exclusions.

    def _nothing(self, i: int) -> None:
        pass

    def _without_side(self, i: int) -> None:
        self.clause.without_sides.append((self.items[i].value, self.items[i]))

    def _without_segments(self, i: int) -> None:
        item = self.items[i]
        self.clause.without_segments += [(n, item) for n in item.value]
        self.clause.liver = True
        if item.phrase.unread:
            self.clause.unread.append(item)

    def _without_rank(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        clause.values.append(("rank", item.value, item))
        clause.excluded = clause.head = True
        self.excluding = False

    def _without_count(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        if has(self.items[i:], (Kind.RANK,)):
            name = "count" if item.kind is Kind.COUNT else "place"
            clause.values.append((name, item.value, item))
        elif item.words != "one":
            clause.unread.append(item)

    def _without_size(self, i: int) -> None:
        item, clause = self.items[i], self.clause
        low, high = item.value.low, item.value.high
        if low is not None and high is None:
            clause.values.append(("size_max_mm", low, item))
        elif high is not None and low is None:
            clause.values.append(("size_min_mm", high, item))
        else:
            clause.unread.append(item)

    def _without_lesion(self, i: int) -> None:
        item = self.items[i]
        if item.phrase.unread or item.value is not None:
            self.clause.unread.append(item)

    def _opposite(self, i: int) -> None:
        item = self.items[i]
        if self.items[i - 1].kind is Kind.NOT or self.items[i - 1].words.endswith("not"):
            other = OPPOSITE[item.value]
            self.clause.values.append((FIELDS[item.kind], other, item))
        else:
            self.clause.unread.append(item)
