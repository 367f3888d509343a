"""What words ask of an answer as a whole, read from their mean; pixels cannot tell it.

That nothing is there ("no lesion in the left lobe") empties the answer at once. A size and a rank
are measured on the answer's components (:mod:`lsms_core.language.selection`). The text
itself states a size's millimetres, and whether they are a limit where that is put in the usual
words; what is put otherwise the head reads.
"""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from lsms_core.language.selection import Selection
from lsms_core.language.sizes import stated_limit, stated_place, stated_size
from lsms_core.language.slice_query import Rank

NOTHING = "nothing"
LIMITS = ("smaller", "larger", "about")
RANKS: tuple[Rank, ...] = get_args(Rank)
# In the order of the head's outputs.
ASKED = (NOTHING, *LIMITS, *RANKS)


def read_selection(text: str, logits: Tensor) -> Selection | None:
    """Return what a text asks of whole lesions, None for nothing.

    Args:
        text: as it was typed.
        logits: (8,) of ASKED.
    """
    said = dict(zip(ASKED, logits.float().tolist(), strict=True))
    rank = max(RANKS, key=lambda name: said[name])
    size = stated_size(text)
    smaller = larger = about = None
    if size is not None:
        low, high = size
        stated = stated_limit(text)
        limit: str = stated or max(LIMITS, key=lambda name: said[name])
        if low < high:
            smaller, larger = high, low or None
        elif stated or said[limit] > 0:
            smaller = high if limit == "smaller" else None
            larger = high if limit == "larger" else None
            about = high if limit == "about" else None
    asked = rank if said[rank] > 0 else None
    selection = Selection(smaller, larger, about, asked, stated_place(text) if asked else 1)
    return None if selection == Selection() else selection
