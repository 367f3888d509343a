"""Corrections in words, after an answer: "not the one in segment 7", "2 mm larger", "undo".

A correction is one operation on the answer and what it is done to: lesions by their numbers, or
those that a query means, read as any other text is. A text that names no operation, two of them,
or a lesion by words that nothing measures ("drop the calcified one") is not understood, so that
nothing is changed by a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from lsms_core.language.foreign import is_foreign
from lsms_core.language.items import KNOWN_WORDS, put_right
from lsms_core.language.normalise import Token, tokens
from lsms_core.language.query import Query
from lsms_core.language.read import read
from lsms_core.language.size_phrases import find_sizes
from lsms_core.language.spelling import distance


class Operation(Enum):
    """The operation of a correction."""

    KEEP = "keep"
    DROP = "drop"
    ADD = "add"
    GROW = "grow"
    SHRINK = "shrink"
    FILL_HOLES = "fill holes"
    SMOOTH = "smooth"
    UNDO = "undo"


@dataclass(frozen=True)
class Correction:
    """The meaning of a correction.

    Attributes:
        text: as typed.
        operation: None where the text is not understood.
        query: the lesions that it is done to; of all of them where it says nothing.
        numbers: the lesions by their numbers in the answer's list; () where none are given.
        amount_mm: how far to grow or shrink, mm; None where no amount is given.
        unread: words that change nothing.
    """

    text: str
    operation: Operation | None = None
    query: Query = field(default_factory=Query)
    numbers: tuple[int, ...] = ()
    amount_mm: float | None = None
    unread: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        """Whether there is anything to do."""
        return self.operation is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the correction for JSON."""
        return {
            "text": self.text,
            "understood": self.understood,
            "operation": None if self.operation is None else self.operation.value,
            "query": self.query.to_dict(),
            "numbers": list(self.numbers),
            "amount_mm": self.amount_mm,
            "unread": list(self.unread),
        }


_HOLES = r"(?:holes?|gaps?|cavit(?:y|ies)|voids?|hollows?|insides?)"
_LESION = r"(?:lesions?|numbers?|nr|no|nodules?|masses|mass|finding|findings|candidates?|#)"
_N = r"(?:\d{1,3}(?:st|nd|rd|th)?)"
_NUMBERS = rf"{_N}(?: ?(?:,|and|&|\+|or|-|to|/) ?(?:and )?(?:{_LESION} ?)*{_N})*"
_MORE = r"(?:larger|bigger|wider|thicker|broader|greater|fatter|looser)"
_FEWER = r"(?:smaller|thinner|narrower|tighter|slimmer)"
_POLITE = (
    r"(?:(?:please|pls|now|ok|okay|and|then|can you|could you|you can|let us|i want to)(?: ,)? )*"
)
# What a text does, by the words that say so: the first that is found in it counts.
_WORDS: tuple[tuple[Operation, str], ...] = (
    (Operation.UNDO, r"^(?:undo|revert|go back|step back|take (?:that|it|this) back|back|cancel "
     r"(?:that|this|it)|roll back|rollback|restore the last|as before|oops)\b"),
    (Operation.FILL_HOLES, rf"\b(?:fill|close|plug|remove|no|without|seal|fill in"
     rf"|fill up)\b(?: \w+)"
     rf"{{0,3}} {_HOLES}\b|\b{_HOLES} (?:filled|closed)\b|^fill(?: (?:it|them|in|up|this|that))*$"
     r"|\bhole filling\b|^make (?:it|them) solid$"),
    (Operation.SMOOTH, r"^(?:smooth|smoothen|smoother|smoothing|even out|round off|polish"
     r"|soften)\b|"
     r"\b(?:make|let) (?:\w+ ){1,3}(?:smooth|smoother|rounder|less jagged)\b|^less jagged$|"
     r"^(?:a bit|a little|slightly|much) smoother$"),
)  # fmt: skip
_SIZING: tuple[tuple[Operation, str], ...] = (
    (Operation.GROW, rf"\b(?:grow|expand|dilate|enlarge|extend|inflate|thicken|widen|increase|"
     rf"broaden|swell|pad)\b|\b{_MORE}\b(?! than)|\badd(?: an?)? MM\b|\bmargin of MM\b|\bplus MM\b"
     r"|^\+ ?MM\b|\bMM (?:more|further out|outwards?|outward)\b|\bout(?:wards?)? by MM\b"),
    (Operation.SHRINK, rf"\b(?:shrink|erode|contract|reduce|decrease|narrow|tighten|deflate"
     rf"|trim)\b|"
     rf"\b{_FEWER}\b(?! than)|\b(?:remove|take off|subtract|cut off|take away|peel off"
     rf"|shave off) MM\b"
     r"|\bminus MM\b|^- ?MM\b|\bMM (?:less|inwards?|further in)\b|\bin(?:wards)? by MM\b"),
)  # fmt: skip
_CHOOSING: tuple[tuple[Operation, str], ...] = (
    (Operation.KEEP, r"^(?:only|just|keep only|keep just|keep|retain|leave only|leave just|nothing "
     r"but|restrict (?:it |them )?to|limit (?:it |them )?to|show only|show just|select only"
     r"|stick to|"
     r"i (?:only|just) want|i want only|solely|merely|hold on to|preserve|leave)\b"),
    (Operation.DROP, r"^(?:not|without|w/o|drop|remove|delete|discard|exclude|excluding|except for|"
     r"except|leave out|omit|skip|get rid of|erase|minus|forget about|forget|ignore|take out|throw "
     r"(?:out|away)|reject|no|lose|clear|eliminate|hide|unselect|deselect|cut|kill|dismiss"
     r"|leave off|"
     r"i (?:don't|do not) want|(?:don't|do not) (?:include|want|show|keep|count|need)|strip|toss"
     r"|less|"
     r"scrap|wipe|cancel|apart from|all but|everything but|bin)\b"),
    (Operation.ADD, r"^(?:also|add|include|plus|and also|additionally|bring back|put back"
     r"|restore|as "
     r"well as|with|too|in addition|extra|append|take in|reinclude|re include|you (?:missed"
     r"|forgot)|"
     r"(?:and )?what about|bring in|missing|don't forget|do not forget|together with)\b"),
)  # fmt: skip
_BEHIND: tuple[tuple[Operation, str], ...] = (
    (Operation.KEEP, r"\b(?:only|alone|and nothing else|nothing else)$"),
    (Operation.ADD, r"\b(?:too|also|as well|in addition|additionally|back in|to be added)$"),
    (Operation.DROP, r"\b(?:is|are|was|were) (?:wrong|not (?:a |an )?lesions?|no lesions?|false"
     r"|false "
     r"positives?|(?:an? )?(?:artefacts?|artifacts?|vessels?|mistakes?|incorrect))$|\b(?:out|off"
     r"|away|"
     r"must go|should go|can go|not needed)$"),
)  # fmt: skip
# Typing mistakes in these are put right; the others must be written as they are.
_OPERATION_WORDS = frozenset(
    "only keep remove delete drop without exclude include smooth shrink grow expand undo larger "
    "smaller bigger holes discard enlarge reduce revert smoother".split()
)
_OWN_WORDS = (
    _OPERATION_WORDS
    | frozenset(
        word
        for _, pattern in (*_WORDS, *_SIZING, *_CHOOSING, *_BEHIND)
        for word in re.findall(r"[a-z']{3,}", pattern)
    )
    | frozenset("correction step change previous outline mask margin please everything".split())
)
_PLAIN = {"by": "for", "margin": "edge"}
_SPELT = dict(
    zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True)
)
_ORDINALS = dict(
    zip(
        "first second third fourth fifth sixth seventh eighth ninth tenth".split(),
        range(1, 11),
        strict=True,
    )
)


def read_correction(text: str) -> Correction:
    """Return what a correction says to do.

    Example:
        >>> correction = read_correction("not the one in segment 7")
        >>> correction.operation, correction.query.segments
        (<Operation.DROP: 'drop'>, ('7',))
    """
    typed = tokens(text)
    if not typed or is_foreign(typed, KNOWN_WORDS | _OWN_WORDS):
        return Correction(text, unread=tuple(t.text for t in typed if t.kind != "sign"))
    meant = [_meant(token) for token in typed]
    put = [t for m in meant for t in ([m] if m.text in _OWN_WORDS else put_right([m]))]
    amount, words = _without_amount(put)
    words = re.sub(rf"^{_POLITE}", "", words.strip(" .!")).strip()
    found = _shaped(words) or _sized(words) or _chosen(words)
    if found is None:
        return _not_understood(text)
    operation, rest = found
    if operation in (Operation.GROW, Operation.SHRINK):
        return _with_target(Correction(text, operation, amount_mm=amount), rest, needed=False)
    if operation is Operation.UNDO:
        again = re.search(r"\w", re.sub(r"\b(?:that|it|this|the|last|one|correction|step|change|"
                                        r"please|to|previous|again)\b", "", rest))  # fmt: skip
        return _not_understood(text) if again else Correction(text, operation)
    if operation in (Operation.FILL_HOLES, Operation.SMOOTH):
        return _with_target(Correction(text, operation), rest, needed=False)
    # "Keep lesions over 1 cm": a size is part of what is meant.
    return _with_target(Correction(text, operation), _rest_with_sizes(put, rest), needed=True)


def _not_understood(text: str) -> Correction:
    return Correction(text, unread=read(text).unread)


def _shaped(words: str) -> tuple[Operation, str] | None:
    for operation, pattern in _WORDS:
        match = re.search(pattern, words)
        if match:
            rest = f"{words[: match.start()]} {words[match.end() :]}"
            return None if _names_another(rest) else (operation, rest)
    return None


def _names_another(rest: str) -> bool:
    """Whether a second operation is named, which no single correction can do."""
    rest = rest.strip()
    rest = re.sub(r"^(?:and|then|,|it|them|the|edges?|this|that| )+", "", rest)
    return any(re.search(p, rest) for _, p in (*_WORDS, *_SIZING)) or any(
        re.search(p, rest) for o, p in _CHOOSING if o is not Operation.ADD
    )


def _sized(words: str) -> tuple[Operation, str] | None:
    chosen = any(re.search(p, words) for o, p in _CHOOSING if o is not Operation.ADD)
    for operation, pattern in _SIZING:
        match = re.search(pattern, words)
        if match is None:
            continue
        if chosen and "MM" not in match.group():
            continue
        if re.search(rf"\bthe {match.group()} (?:one|lesion|of)\b", words):
            continue
        rest = f"{words[: match.start()]} {words[match.end() :]}".replace("MM", " ")
        rest = re.sub(r"\b(?:make|by|it|them|all|a|an|bit|little|slightly|much|somewhat|margin|of|"
                      r"to|the mask|mask|segment|outline|everything|around|on every side|sides?|"
                      r"all around|all round|radius|each|every|so"
                      r"|in size)\b", " ", rest)  # fmt: skip
        return None if _names_another(rest) else (operation, rest)
    return None


def _chosen(words: str) -> tuple[Operation, str] | None:
    for operation, pattern in _CHOOSING:
        match = re.search(pattern, words)
        if match is None:
            continue
        rest = words[match.end() :].strip()
        if operation is Operation.DROP and match.group() in ("all but", "everything but"):
            return Operation.KEEP, rest
        if operation is Operation.DROP and match.group() in ("not", "no"):
            if rest.startswith(("only", "just")):
                return None
            # "Not the left one, the right one": what is meant is said, too.
            if re.search(r", (?:but |only |just )?(?:the|rather)\b|\bbut (?:the|only)\b", rest):
                return Operation.KEEP, words
        return operation, rest
    for operation, pattern in _BEHIND:
        match = re.search(pattern, words)
        if match is not None:
            return operation, re.sub(
                r"^(?:take|put|bring|throw|show|and) ", "", words[: match.start()]
            )
    return None


def _with_target(correction: Correction, rest: str, *, needed: bool) -> Correction:
    """Return the correction with the lesions that it speaks of; not understood without any."""
    rest = rest.strip(" ,.!")
    numbers, left = _numbers(rest)
    if numbers:
        wrong = left and not re.fullmatch(
            r"(?:the|and|from|list|answer|of|in|,|again|back| )*", left
        )
        unread = read(left).unread if wrong else ()
        return replace(correction, numbers=numbers, unread=unread)
    if not re.search(r"\w", re.sub(r"\b(?:the|edges?|outline|outlines|borders?|contours?|surface"
     r"|it|"
                                   r"mask|them|please|all|this|that|by|in|of|up|out|segment|a|bit|"
                                   r"little|more|again|everything)\b", "", rest)):  # fmt: skip
        return (
            correction
            if not needed or re.search(r"\b(?:all|everything|it|them)\b", rest)
            else (Correction(correction.text))
        )
    reading = read(rest)
    query = replace(reading.query, whole_organ=False)
    nameless = query == Query() and bool(reading.unread)
    if not reading.understood or nameless or query.nothing or query.organ == "other":
        return Correction(correction.text, unread=reading.unread)
    return replace(correction, query=query, unread=reading.unread)


def _numbers(rest: str) -> tuple[tuple[int, ...], str]:
    """Return the lesions that are named by number, and the words that are left."""
    spelt = re.search(rf"\b{_LESION} ({'|'.join(_SPELT)})\b", rest)
    if spelt:
        return (_SPELT[spelt.group(1)],), rest.replace(spelt.group(), "")
    ordinal = re.fullmatch(rf"(?:the )?({'|'.join(_ORDINALS)}|{_N})(?: (?:one|lesion|ones))?", rest)
    if ordinal and ordinal.group(1) in _ORDINALS:
        return (_ORDINALS[ordinal.group(1)],), ""
    match = re.search(rf"(?:\b{_LESION} |# ?)+({_NUMBERS})\b(?! ?(?:mm|cm))", rest)
    if match is None:
        match = re.fullmatch(rf"(?:the )?({_NUMBERS})(?: (?:one|ones))?", rest)
    if match is None:
        return (), rest
    if re.search(r"\bsegments?\b|\bseg\b", rest[: match.start() + 1]):
        return (), rest
    listed: list[int] = []
    span = False
    for part in re.findall(r"\d+|-|\bto\b", match.group(1)):
        if not part.isdigit():
            span = True
            continue
        number = int(part)
        listed += range(listed[-1] + 1, number + 1) if span and listed else [number]
        span = False
    left = f"{rest[: match.start()]} {rest[match.end() :]}".strip()
    return tuple(dict.fromkeys(n for n in listed if n > 0)), left


def _meant(token: Token) -> Token:
    """Put right a typing mistake in the name of an operation."""
    if token.kind != "word" or len(token.text) < 3 or token.text in KNOWN_WORDS | _OWN_WORDS:
        return token
    near = [w for w in _OPERATION_WORDS if distance(token.text, w, 1) == 1]
    return replace(token, text=near[0]) if len(near) == 1 else token


def _without_amount(put: Sequence[Token]) -> tuple[float | None, str]:
    """Return a plain length of a text, mm, and the text with "MM" in its place."""
    # "Lesion 2 by 1 mm" is no 2 by 1 mm, and "a 5 mm margin" is as wide as it says.
    plain = [replace(t, text=_PLAIN.get(t.text, t.text)) for t in put]
    for size in find_sizes(plain):
        if size.about is None:
            continue
        words = [t.text for t in put[: size.first]] + ["MM"] + [t.text for t in put[size.last :]]
        return size.about, " ".join(words)
    return None, " ".join(t.text for t in put)


def _rest_with_sizes(put: Sequence[Token], rest: str) -> str:
    """Put the length that stood in a text back in its place."""
    if "MM" not in rest:
        return rest
    size = next(s for s in find_sizes(put) if s.about is not None)
    return rest.replace("MM", " ".join(t.text for t in put[size.first : size.last]))
