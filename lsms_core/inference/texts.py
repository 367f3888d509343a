"""Checks of a prompt before it is given to a model."""

from __future__ import annotations

from collections.abc import Sequence

from lsms_core.errors import InputError

EXAMPLES = '"left lobe hypodense lesion", "largest lesion" or "all lesions"'
# Far beyond any prompt; keeps a pasted report from slowing down the tokenizer.
MAX_CHARACTERS = 4000


def clean_text(text: object) -> str:
    """Return a text with its white space tidied.

    Raises:
        InputError: when it is not a text, or holds nothing to look for.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        raise InputError(f"The text is empty: type what to outline, such as {EXAMPLES}.")
    if not isinstance(text, str):
        raise InputError(
            f"The text is a {type(text).__name__}: give words such as {EXAMPLES}, "
            "or a list of them."
        )
    tidy = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not any(c.isalnum() for c in tidy):
        raise InputError(f"The text {tidy[:40]!r} has no words: type, for example, {EXAMPLES}.")
    return tidy


def clean_texts(text: str | Sequence[str]) -> list[str]:
    """Return the checked texts of a request, one or several.

    Raises:
        InputError: for anything that is not a text, and for an empty list.
    """
    if isinstance(text, list | tuple):
        if not text:
            raise InputError(f"No text was given: type what to outline, such as {EXAMPLES}.")
        return [clean_text(t) for t in text]
    return [clean_text(text)]
