"""Scores the reader on a file of texts with their expected meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lsms_core.errors import InputError
from lsms_core.language.query import Query
from lsms_core.language.read import read

_FIELDS = frozenset({*Query().to_dict(), "understood", "unread", "sides_not"})
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Mistake:
    """An entry of a text that was read otherwise than expected."""

    text: str
    name: str
    expected: Any
    got: Any


@dataclass
class ReadingScores:
    """How many texts were read rightly.

    Attributes:
        texts: how many there are.
        right: those with every expected entry as expected.
        wrong_sides: texts whose reading speaks of a side that is not meant.
        by_field: entry -> (right, expected).
        by_kind: kind of text, where the file names kinds -> (right, texts).
        mistakes: every entry that was read otherwise.
    """

    texts: int = 0
    right: int = 0
    wrong_sides: list[str] = field(default_factory=list)
    by_field: dict[str, tuple[int, int]] = field(default_factory=dict)
    by_kind: dict[str, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the texts that were read rightly."""
        return self.right / self.texts if self.texts else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the scores for JSON."""
        return {**asdict(self), "share": self.share}


def score_readings(path: str | Path) -> ReadingScores:
    """Read the texts of a file and compare them with their expected meaning.

    Args:
        path: JSON lines with ``text`` and ``expect``: entries of a reading. Of ``unread`` each
            expected phrase's words must be among the words that were not read, [] stands for
            none; ``sides_not`` is what the sides must not be. ``kind`` is optional.

    Raises:
        InputError: when the file cannot be read, or a line is no such record.
    """
    scores = ReadingScores()
    for record in _records(Path(path)):
        _score(record, scores)
    return scores


def _score(record: Mapping[str, Any], scores: ReadingScores) -> None:
    text, expected = record["text"], record["expect"]
    got = read(text).to_dict()
    right = True
    for name, value in expected.items():
        good = _as_expected(name, value, got)
        done, of = scores.by_field.get(name, (0, 0))
        scores.by_field[name] = (done + good, of + 1)
        if not good:
            shown = got["sides"] if name == "sides_not" else got[name]
            scores.mistakes.append(Mistake(text, name, value, shown))
        right = right and good
    if _side_is_wrong(expected, got["sides"]):
        scores.wrong_sides.append(text)
    scores.texts += 1
    scores.right += right
    kind = record.get("kind")
    if kind is not None:
        done, of = scores.by_kind.get(kind, (0, 0))
        scores.by_kind[kind] = (done + right, of + 1)


def _as_expected(name: str, value: Any, got: Mapping[str, Any]) -> bool:  # noqa: ANN401
    if name == "sides_not":
        return bool(got["sides"] != value)
    if name != "unread":
        return bool(got[name] == value)
    unread = _words(got["unread"])
    if not value:
        return not unread
    return all(_words([phrase]) <= unread for phrase in value)


def _side_is_wrong(expected: Mapping[str, Any], sides: list[str]) -> bool:
    if "sides_not" in expected:
        return bool(sides == expected["sides_not"])
    meant = expected.get("sides")
    return meant is not None and bool(sides) and (not meant or not set(meant) <= set(sides))


def _words(phrases: Iterable[str]) -> set[str]:
    return {word for phrase in phrases for word in _WORD.findall(phrase.lower())}


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number} is no JSON: {error}") from error
        if not isinstance(record, dict) or not isinstance(record.get("text"), str):
            raise InputError(f"{path}, line {number}: a record needs a text.")
        if not isinstance(record.get("expect"), dict):
            raise InputError(f"{path}, line {number}: a record needs what to expect of its text.")
        unknown = sorted(set(record["expect"]) - _FIELDS)
        if unknown:
            raise InputError(f"{path}, line {number}: unknown entries {unknown}.")
        records.append(record)
    if not records:
        raise InputError(f"{path} holds no texts.")
    return records
