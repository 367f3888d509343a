"""Finds the phrases among the tokens of a text, in order, and corrects typing mistakes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from lsms_core.language import segment_phrases, size_phrases
from lsms_core.language.context_phrases import CONTEXT
from lsms_core.language.finding_phrases import COMPARATIVES, FINDINGS
from lsms_core.language.function_phrases import FUNCTION
from lsms_core.language.normalise import Token
from lsms_core.language.phrases import Kind, Phrase, Vocabulary
from lsms_core.language.place_phrases import PLACES
from lsms_core.language.spelling import corrected

PHRASES: Vocabulary = {**CONTEXT, **PLACES, **FINDINGS, **FUNCTION}
_LONGEST = max(len(key) for key in PHRASES)
_STARTS: dict[str, int] = {}
for _key in PHRASES:
    _STARTS[_key[0]] = max(_STARTS.get(_key[0], 0), len(_key))
# Words of sizes and of segments, which are no phrases by themselves.
_OTHER_WORDS = (
    frozenset(
        "than least between point half quarter sub mm cm centimeter centimetre centimeters "
        "centimetres millimeter millimetre millimeters millimetres inch inches up to equal "
        "exceeding exceed exceeds minimum maximum maximal minimal min max relative subcentimeter "
        "subcentimetre subcentimetric submillimetre subcm centimetric millimetric thirty forty "
        "fifty sixty twenty fifteen eighteen thirteen fourteen sixteen seventeen nineteen eighty "
        "ninety zero ii iii iv v vi vii viii ix i above below larger smaller bigger greater "
        "lesser higher longer shorter tinier bulkier wider "
        "upper lower sized ago hundred".split()
    )
    | segment_phrases.WORDS
)
KNOWN_WORDS = frozenset(word for key in PHRASES for word in key) | _OTHER_WORDS
_MEANINGS = {
    word: frozenset({f"{PHRASES[(word,)].kind} {PHRASES[(word,)].value}"})
    if (word,) in PHRASES
    else frozenset({word})
    for word in KNOWN_WORDS
    if word.isalpha() and word.isascii()
}
# "sIVa", "segVII".
_NUMERAL = re.compile(r"(s|sg|seg|segm|segment)((?:i{1,3}|iv|vi{0,3})[ab]?)")
_JOINED = (Kind.SIDE, Kind.LOBE, Kind.LIVER, Kind.LESION, Kind.ATTENUATION, Kind.MAGNITUDE)
# Before one lesion "larges" is no "large".
_CUT_SUPERLATIVES = frozenset({"larges", "bigges", "smalles"})
_LETTER_SIDES = {"l": "left", "r": "right"}
_AFTER_LETTER = frozenset(
    "lobe hepatic liver sided side hemiliver lob lobar lobes hep half hl parenchyma".split()
)


@dataclass(frozen=True)
class Item:
    """A phrase in a text.

    Attributes:
        phrase: what it says.
        first: index of its first token.
        last: index after its last one.
        words: its tokens, typing mistakes put right, with spaces between them.
    """

    phrase: Phrase
    first: int
    last: int
    words: str

    @property
    def kind(self) -> Kind:
        """What it does."""
        return self.phrase.kind

    @property
    def value(self) -> Any:  # noqa: ANN401
        """What it says."""
        return self.phrase.value


@lru_cache(maxsize=8192)
def _spelt(word: str) -> str | None:
    # While somebody types, the same words come again with every letter.
    return corrected(word, _MEANINGS)


def put_right(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with typing mistakes put right and joined words apart."""
    found: list[Token] = []
    tokens = segment_phrases.lists_apart(tokens)
    for n, token in enumerate(tokens):
        after = tokens[n + 1].text if n + 1 < len(tokens) else ""
        if token.text in _CUT_SUPERLATIVES and after in KNOWN_WORDS and after[-1] != "s":
            found.append(replace(token, text=token.text + "t"))
            continue
        if token.text == "." and found and found[-1].text == "number" and _is_number(tokens, n + 1):
            continue
        if token.text == "no" and after == "." and _is_number(tokens, n + 2):
            found.append(replace(token, text="number"))
            continue
        if token.text == "let" and after in _AFTER_LETTER:
            found.append(replace(token, text="left"))
            continue
        if token.kind != "word" or token.text in KNOWN_WORDS or token.text in size_phrases.UNITS:
            found.append(token)
            continue
        numeral = _NUMERAL.fullmatch(token.text)
        if numeral is not None:
            middle = token.start + len(numeral[1])
            found.append(replace(token, text=numeral[1], end=middle))
            found.append(replace(token, text=numeral[2], start=middle, glued=True, capital=True))
            continue
        word = _spelt(token.text)
        if word is not None:
            found.append(replace(token, text=word))
        else:
            found += _apart(token)
    return found


def _is_number(tokens: Sequence[Token], n: int) -> bool:
    return n < len(tokens) and tokens[n].kind == "number"


def _apart(token: Token) -> list[Token]:
    """Return the words of "leftlobe" or "liverlesion"; the token itself for no such word."""
    text = token.text
    for i in range(3, len(text) - 3):
        pair = (text[:i],), (text[i:],)
        if all(key in PHRASES and PHRASES[key].kind in _JOINED for key in pair):
            if len(text) != token.end - token.start:
                return [replace(token, text=text[:i]), replace(token, text=text[i:], glued=True)]
            middle = token.start + i
            return [
                replace(token, text=text[:i], end=middle),
                replace(token, text=text[i:], start=middle, glued=True),
            ]
    return [token]


def items(tokens: Sequence[Token]) -> list[Item]:
    """Return the phrases among tokens, the longest ones first."""
    taken: dict[int, Item] = {}
    for size in size_phrases.find_sizes(tokens):
        phrase = Phrase(Kind.SIZE, size, weak=True) if size.read else Phrase(Kind.BESIDES)
        taken[size.first] = _item(tokens, phrase, size.first, size.last)
    covered = {i for item in taken.values() for i in range(item.first, item.last)}
    for named in segment_phrases.find_segments(tokens, lambda i: _names_lesion(tokens, i)):
        if covered.isdisjoint(range(named.first, named.last)):
            unread = bool(named.unread)
            phrase = Phrase(Kind.SEGMENTS, named.numbers, unread=unread)
            if not named.numbers:
                phrase = Phrase(Kind.SEGMENTS, (), unread=True)
            item = _item(tokens, phrase, named.first, named.last)
            if named.numbers and unread:
                # Of "segments 8 and 9" only the second is not read.
                item = replace(item, words=", ".join(named.unread))
            taken[named.first] = item
            covered |= set(range(named.first, named.last))
    found: list[Item] = []
    i = 0
    while i < len(tokens):
        item = taken.get(i) or _phrase(tokens, i, covered)
        found.append(item)
        i = item.last
    return [_in_context(found, n) for n in range(len(found))]


def _item(tokens: Sequence[Token], phrase: Phrase, first: int, last: int) -> Item:
    return Item(phrase, first, last, " ".join(t.text for t in tokens[first:last]))


def _phrase(tokens: Sequence[Token], i: int, covered: set[int]) -> Item:
    token = tokens[i]
    longest = min(_STARTS.get(token.text, 0), len(tokens) - i)
    for length in range(longest, 0, -1):
        key = tuple(t.text for t in tokens[i : i + length])
        if key in PHRASES and covered.isdisjoint(range(i, i + length)):
            return _item(tokens, PHRASES[key], i, i + length)
    if token.text == "\n":
        return _item(tokens, Phrase(Kind.STOP), i, i + 1)
    if token.text in _LETTER_SIDES and _is_letter_side(tokens, i):
        return _item(tokens, Phrase(Kind.SIDE, _LETTER_SIDES[token.text]), i, i + 1)
    return _item(tokens, Phrase(Kind.UNKNOWN), i, i + 1)


def _is_letter_side(tokens: Sequence[Token], i: int) -> bool:
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if following is not None and following.text in _AFTER_LETTER:
        return True
    if not tokens[i].capital or (following is not None and following.kind == "number"):
        return False
    before = tokens[i - 1].text if i else ""
    if following is None or following.kind == "sign":
        return before != "'"
    return before in ("in", "on", "the", ">", "<") or _names_lesion(tokens, i + 1)


def _names_lesion(tokens: Sequence[Token], i: int) -> bool:
    """Whether a lesion, a rank or what a lesion is like is named from a token on."""
    if i >= len(tokens):
        return False
    phrase = PHRASES.get((tokens[i].text,))
    return phrase is not None and phrase.kind in (
        Kind.LESION,
        Kind.RANK,
        Kind.MAGNITUDE,
        Kind.ATTENUATION,
    )


_ADJECTIVES = (
    Kind.ATTENUATION, Kind.SHAPE, Kind.MARGIN, Kind.TEXTURE, Kind.MAGNITUDE, Kind.LOCATION,
    Kind.SIDE, Kind.LIVER, Kind.LOBE, Kind.BESIDES, Kind.SKIP, Kind.SIZE, Kind.UNKNOWN, Kind.ALL,
    Kind.ORDINAL, Kind.BOTH, Kind.COMMA, Kind.SEGMENTS, Kind.COUNT,
)  # fmt: skip

_BEFORE_NOUN = (
    Kind.ATTENUATION, Kind.SHAPE, Kind.MARGIN, Kind.TEXTURE, Kind.MAGNITUDE, Kind.LOCATION,
    Kind.SIDE, Kind.LIVER, Kind.LOBE, Kind.BESIDES, Kind.SIZE, Kind.ARTICLE, Kind.SEGMENTS,
    Kind.RANK, Kind.COUNT,
)  # fmt: skip


def _in_context(found: Sequence[Item], n: int) -> Item:
    """Return an item as its neighbours have it read."""
    item = found[n]
    before = found[n - 1] if n else None
    if item.words in COMPARATIVES and item.kind in (Kind.UNKNOWN, Kind.BESIDES, Kind.RANK):
        return _comparative(found, n)
    if item.kind is Kind.MAGNITUDE and before is not None and before.words == "the":
        return _definite(found, n)
    if item.words == "next to" and n + 1 < len(found) and found[n + 1].kind is Kind.RANK:
        # "The next-to-largest lesion"; the lesion "next to the largest" lies beside it.
        return replace(item, phrase=Phrase(Kind.ORDINAL, 2))
    if item.words == "focus on" and before is not None and before.kind in _BEFORE_NOUN:
        # The noun; "focus on the left lobe" begins with the verb.
        return replace(item, phrase=Phrase(Kind.LESION, weak=True))
    if item.words == "than" and any(
        earlier.kind is Kind.NO and earlier.value == "otherwise" for earlier in found[:n]
    ):
        # "No other lesion than the cyst in segment 8".
        return replace(item, phrase=Phrase(Kind.EXCEPT))
    if item.words == "one" and _head_follows(found, n, (Kind.LESION,)):
        definite = before is not None and before.words in ("the", "that", "this")
        if not definite:
            return replace(item, phrase=Phrase(Kind.COUNT, 1))
    if item.kind is Kind.UNKNOWN and _excludes(found, n):
        return replace(item, phrase=Phrase(Kind.EXCEPT))
    if item.kind is Kind.UNKNOWN and item.words.isdigit():
        return _number(found, n)
    return item


def _excludes(found: Sequence[Item], n: int) -> bool:
    """Whether a word that nobody knows can only be the "other" of "other than the left"."""
    after = [item for item in found[n + 1 : n + 5] if item.kind is not Kind.ARTICLE]
    if not after or after[0].words != "than":
        return False
    places = [item.kind for item in after[1:] if item.kind is not Kind.PREPOSITION]
    return bool(places) and places[0] in (Kind.SIDE, Kind.BOTH, Kind.SEGMENTS)


def _comparative(found: Sequence[Item], n: int) -> Item:
    """Return "the larger of the two" and "larger lesion" as a rank, "larger lesions" as no rank."""
    item = found[n]
    before = found[n - 1] if n else None
    after = found[n + 1] if n + 1 < len(found) else None
    rank = COMPARATIVES[item.words]
    definite = before is not None and before.words in ("the", "which")
    definite = definite or any(earlier.words == "whichever" for earlier in found[:n])
    head = _next_head(found, n)
    of_two = after is not None and after.words.startswith("of")
    if rank.startswith("most"):
        near = after is None or of_two or after.kind in (Kind.LESION, Kind.ONE)
        if definite and near:
            return replace(item, phrase=Phrase(Kind.RANK, rank, weak=True))
        return replace(item, phrase=Phrase(Kind.BESIDES))
    if after is not None and after.words == "than":
        return replace(item, phrase=Phrase(Kind.BESIDES))
    one = head is not None and not head.phrase.plural and head.words != "ones"
    if one or of_two or (definite and (after is None or head is not None)):
        return replace(item, phrase=Phrase(Kind.RANK, rank, weak=True))
    magnitude = "large" if rank == "largest" else "small"
    return replace(item, phrase=Phrase(Kind.MAGNITUDE, magnitude, weak=True))


def _definite(found: Sequence[Item], n: int) -> Item:
    """Return "the small one" as a rank; "the small lesion" may be the only one."""
    item = found[n]
    head = _next_head(found, n)
    if head is None or head.words != "one":
        return item
    rank = "largest" if item.value == "large" else "smallest"
    return replace(item, phrase=Phrase(Kind.RANK, rank, weak=True))


def _next_head(found: Sequence[Item], n: int) -> Item | None:
    """Return the lesion whose noun stands behind adjectives."""
    for item in found[n + 1 : n + 9]:
        if item.kind in (Kind.LESION, Kind.ONE):
            return item
        if item.kind not in _ADJECTIVES:
            return None
    return None


def _head_follows(found: Sequence[Item], n: int, heads: tuple[Kind, ...]) -> bool:
    for item in found[n + 1 : n + 9]:
        if item.kind in heads:
            return True
        if item.kind not in _ADJECTIVES:
            return False
    return False


def _number(found: Sequence[Item], n: int) -> Item:
    item = found[n]
    number = int(item.words)
    before = found[n - 1] if n else None
    count = 1 <= number <= 30 and (
        _head_follows(found, n, (Kind.LESION, Kind.RANK, Kind.ONE))
        or (before is not None and (before.kind is Kind.RANK or before.words in ("x", "top")))
    )
    if count:
        return replace(item, phrase=Phrase(Kind.COUNT, number))
    if before is not None and before.kind in (Kind.BESIDES, Kind.SINCE, Kind.ORGAN):
        return replace(item, phrase=Phrase(Kind.BESIDES))
    return item
