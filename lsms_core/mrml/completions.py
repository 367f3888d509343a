"""Texts that a radiologist may want to type, for completion in the prompt line.

Whole prompts in the words of the training expressions, the most usual first. None
promises that a model finds it.
"""

from __future__ import annotations

_ATTENUATIONS = ("hypodense lesion", "cystic lesion", "hyperdense lesion")
_LOBES = ("left lobe", "right lobe")

PROMPTS: tuple[str, ...] = (
    "all lesions",
    "largest lesion",
    "smallest lesion",
    *(f"{lobe} {lesion}" for lesion in _ATTENUATIONS for lobe in _LOBES),
    *_ATTENUATIONS,
    "left lobe lesion",
    "right lobe lesion",
    "all lesions in the left lobe",
    "all lesions in the right lobe",
    "all hypodense lesions",
    "all cystic lesions",
    "all hyperdense lesions",
    "largest lesion in the left lobe",
    "largest lesion in the right lobe",
    "largest hypodense lesion",
    "subcapsular lesion",
    "central lesion",
    "subcapsular lesion in the left lobe",
    "subcapsular lesion in the right lobe",
    "lesions smaller than 1 cm",
    "lesions larger than 1 cm",
    "lesions larger than 2 cm",
    "liver metastases",
    "liver cyst",
    "liver tumor",
    "liver",
)


def completions(
    typed: str,
    favourites: tuple[str, ...] | list[str] = (),
    history: tuple[str, ...] | list[str] = (),
    limit: int = 12,
) -> list[str]:
    """Return prompts that fit what was typed: favourites, then history, then the vocabulary.

    Prompts that begin with the text come before those that only hold all of its words.

    Args:
        typed: what stands in the prompt line; everything fits an empty one.
        favourites: the user's favourites.
        history: earlier prompts, newest first.
        limit: at most this many.
    """
    words = typed.casefold().split()
    start = " ".join(words)
    begins: dict[str, str] = {}
    holds: dict[str, str] = {}
    for prompt in (*favourites, *history, *PROMPTS):
        folded = " ".join(prompt.casefold().split())
        if folded.startswith(start):
            begins.setdefault(folded, prompt)
        elif all(any(w.startswith(word) for w in folded.split()) for word in words):
            holds.setdefault(folded, prompt)
    return [*begins.values(), *holds.values()][:limit]
