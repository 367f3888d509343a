"""Helpers for lists of words that are written with bars between the entries."""

from __future__ import annotations

# Those that training uses, and those that it never does.
Words = tuple[tuple[str, ...], tuple[str, ...]]

_SIDES = (
    {"side": "left", "other": "right", "sd": "lt", "letter": "L", "latin": "sinister"},
    {"side": "right", "other": "left", "sd": "rt", "letter": "R", "latin": "dexter"},
)


def split_words(text: str) -> tuple[str, ...]:
    """Split a list that is written with bars between its entries."""
    return tuple(word.strip() for word in text.split("|"))


def either(training: str, held_out: str) -> Words:
    """Split the words that training uses, and those that it never does."""
    return split_words(training), split_words(held_out)


def sided(key: str, training: str, held_out: str) -> dict[str, Words]:
    """Write the same words for the left and for the right, under ``key`` filled in likewise.

    Args:
        key: with the field {side}.
        training: with the fields {side}, {other}, {sd}, {letter} and {latin}.
        held_out: likewise.
    """
    return {
        key.format(**names): either(training.format(**names), held_out.format(**names))
        for names in _SIDES
    }
