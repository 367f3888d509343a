"""A phrase of the vocabulary: its words, its kind and its meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lsms_core.language.normalise import tokens


class Kind(Enum):
    """The function of a phrase in a text."""

    SIDE = "a lobe, left or right"
    BOTH = "both lobes"
    LOBE = "the word lobe"
    LIVER = "the liver"
    SEGMENTS = "segments by number or by section"
    LESION = "a lesion, by whatever name"
    ONE = "a lesion, by a pronoun"
    ATTENUATION = "attenuation"
    SIZE = "a diameter or a limit of it"
    MAGNITUDE = "large or small"
    RANK = "the first by diameter or position"
    ORDINAL = "second, third"
    COUNT = "a number of lesions"
    LOCATION = "at the surface or deep"
    SHAPE = "shape"
    MARGIN = "margin"
    TEXTURE = "texture"
    NORMAL = "nothing is wrong here"
    NONE = "nothing, none"
    NO = "no, without evidence of"
    WITHOUT = "without"
    NOT = "not"
    NOT_ONLY = "not only"
    EXCEPT = "all but"
    NOT_SEEN = "is not seen"
    NEAR = "beside something"
    THAN = "compared with something"
    FROM = "where it comes from"
    SINCE = "a time or an event"
    ORGAN = "another organ, or a finding outside the liver's lesions"
    PRIMARY = "a cancer, by its organ"
    BESIDES = "a word of radiology that nothing measures"
    PROCEDURE = "what was done to the patient"
    ALL = "all of them"
    PREPOSITION = "in, of, on"
    ARTICLE = "an article"
    SKIP = "a word that says nothing by itself"
    ASK = "the start of a question"
    AND = "and"
    OR = "or"
    BUT = "but"
    COMMA = "a comma"
    STOP = "the end of a sentence"
    QUESTION = "a question mark"
    UNKNOWN = "a word that nobody knows"


@dataclass(frozen=True)
class Phrase:
    """An entry of the vocabulary.

    Attributes:
        kind: what it does in a text.
        value: what it says, by kind.
        unread: whether its words change nothing, too ("haemangioma" is a lesion).
        plural: whether it speaks of several.
        weak: whether it could as well be about something else ("area", "round").
    """

    kind: Kind
    value: Any = None
    unread: bool = False
    plural: bool = False
    weak: bool = False


# Nothing but words: thousands of phrases are split when the vocabulary is loaded.
_PLAIN = re.compile(r"[A-Za-z \-]*[A-Za-z]\s*")
Vocabulary = dict[tuple[str, ...], Phrase]


def key_of(phrase: str) -> tuple[str, ...]:
    """Return the tokens of a phrase, as they stand in a text."""
    if _PLAIN.fullmatch(phrase):
        return tuple(phrase.lower().replace("-", " ").split())
    return tuple(token.text for token in tokens(phrase)) or (phrase.strip(),)


def entries(
    kind: Kind,
    written: str,
    value: Any = None,  # noqa: ANN401
    **more: bool,
) -> Iterable[tuple[tuple[str, ...], Phrase]]:
    """Yield the phrases that are written with bars between them.

    Args:
        kind: of all of them.
        written: the phrases.
        value: what they say.
        more: further attributes of :class:`Phrase`.
    """
    phrase = Phrase(kind, value, **more)
    for words in written.split("|"):
        yield key_of(words), phrase


def by_value(
    kind: Kind, table: Mapping[Any, str], **more: bool
) -> Iterable[tuple[tuple[str, ...], Phrase]]:
    """Yield the phrases of a table from what is said to the phrases that say it."""
    for value, written in table.items():
        yield from entries(kind, written, value, **more)
