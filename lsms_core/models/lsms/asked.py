"""What words ask of an answer as a whole, in the order of a head's outputs.

The head is kept for weights that have it. No answer reads it: what a text asks of whole lesions is
read by :mod:`lsms_core.language.read` and measured (:mod:`lsms_core.language.select`).
"""

from __future__ import annotations

from lsms_core.language.expression import RANKS

NOTHING = "nothing"
LIMITS = ("smaller", "larger", "about")
# In the order of the head's outputs.
ASKED = (NOTHING, *LIMITS, *RANKS)
