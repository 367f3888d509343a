"""What words ask of an answer as a whole, in the order of a head's outputs.

The head is kept for weights that have it. No answer reads it: what a text asks of whole lesions is
read by :mod:`lsms_core.language.read` and measured (:mod:`lsms_core.language.select`).
"""

from __future__ import annotations

from typing import get_args

from lsms_core.language.slice_query import Rank

NOTHING = "nothing"
LIMITS = ("smaller", "larger", "about")
RANKS: tuple[Rank, ...] = get_args(Rank)
# In the order of the head's outputs.
ASKED = (NOTHING, *LIMITS, *RANKS)
