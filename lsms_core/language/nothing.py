"""Training texts without a target: findings of other organs, and unrelated texts.

Half are written by hand (other_words.py), half are composed here: a few hundred fixed texts would
be learnt by heart, many thousands teach what they have in common.
"""

from __future__ import annotations

import string

import numpy as np

from lsms_core.language.other_words import (
    ACTIONS,
    ELSEWHERE,
    EVERYDAY,
    ORGAN_FINDINGS,
    OTHER_ORGANS,
    PAIRED_ORGANS,
    QUALITIES,
    STATES,
    UNRELATED,
)
from lsms_core.language.typing_noise import add_noise
from lsms_core.language.vocabulary import WORDS

_BY_HAND = 0.5


def elsewhere(rng: np.random.Generator, noise: float = 0.0) -> str:
    """Return a text about another organ, such as "small cyst of the left kidney"."""
    if rng.random() < _BY_HAND:
        return _one(ELSEWHERE, rng)
    finding = _one(ORGAN_FINDINGS, rng)
    if rng.random() < 0.5:
        kind = _one(("hypodense", "hyperdense", "cystic", "well-defined", "round"), rng)
        finding = f"{_one(WORDS[kind][0], rng)} {finding}"
    if rng.random() < 0.2:
        finding = f"{int(rng.integers(3, 60))} mm {finding}"
    if rng.random() < 0.4:
        organ = f"{_one(('left', 'right'), rng)} {_one(PAIRED_ORGANS, rng)}"
    else:
        organ = _one(OTHER_ORGANS, rng)
    draw = rng.random()
    if draw < 0.2:
        state = _one(STATES, rng)
        text = (f"{organ} {state}", f"{state} {organ}", f"is the {organ} {state}?")[
            int(rng.integers(3))
        ]
    elif draw < 0.35:
        text = f"{organ} {finding}"
    elif draw < 0.45:
        text = f"{_one(ACTIONS, rng)} the {organ}"
    else:
        text = f"{finding} {_one(('in', 'of', 'within', 'near', 'in part of'), rng)} the {organ}"
    return add_noise(text, rng, noise)


def unrelated(rng: np.random.Generator, noise: float = 0.0) -> str:
    """Return an unrelated text, such as "green chairs" or "wqxtr"."""
    draw = rng.random()
    if draw < _BY_HAND:
        return _one(UNRELATED, rng)
    if draw < 0.65:
        return " ".join(_letters(rng) for _ in range(int(rng.integers(1, 4))))
    thing, other = _one(EVERYDAY, rng), _one(EVERYDAY, rng)
    form = int(rng.integers(4))
    if form == 0:
        text = f"{_one(QUALITIES, rng)} {thing}"
    elif form == 1:
        text = f"{_one(ACTIONS, rng)} the {thing}"
    elif form == 2:
        text = f"{thing} {_one(('and', 'with', 'near', 'under', 'without'), rng)} {other}"
    else:
        text = thing
    return add_noise(text, rng, noise)


def _letters(rng: np.random.Generator) -> str:
    letters = string.ascii_lowercase if rng.random() < 0.8 else string.digits
    return "".join(rng.choice(list(letters), int(rng.integers(2, 9))))


def _one(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
