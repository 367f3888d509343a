"""Labels for what a text asks of whole lesions, in the order of a head's outputs.

The head is kept for older weights. The answers do not use it: the text is read by
:mod:`lsms_core.language.read`, and whole lesions are measured (:mod:`lsms_core.language.select`).
"""

from __future__ import annotations

from lsms_core.language.expression import RANKS

NOTHING = "nothing"
LIMITS = ("smaller", "larger", "about")
# In the order of the head's outputs.
ASKED = (NOTHING, *LIMITS, *RANKS)
