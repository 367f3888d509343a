"""Perfect selection: keeps the components of a model's map that belong to the named lesion.

It gives an upper bound for a model that draws every lesion and cannot read texts. It uses the true
answer, so it is no model.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.regions import label_components
from lsms_core.errors import InputError

# What a report says of itself, under "about".
NOTE = (
    "An oracle that knows the named lesions chose among the connected components of each answer. "
    "Left and right and what is answered where nothing is named are the oracle's doing."
)


def keep_named(
    answer: NDArray[np.bool_], lesions: NDArray[Any], named: Collection[int]
) -> NDArray[np.bool_]:
    """Keep the components of an answer that lie on the named lesions more than on all others.

    A component that touches no lesion is dropped: a perfect selector takes it for nothing.

    Args:
        answer: (rows, columns).
        lesions: (rows, columns), every lesion of the slice as 1..n.
        named: numbers of those that the text names.

    Raises:
        InputError: when the shapes differ.
    """
    if answer.shape != lesions.shape:
        raise InputError(f"Masks of shapes {answer.shape} and {lesions.shape} do not compare.")
    components, count = label_components(answer)
    on_lesion = lesions > 0
    on_named = on_lesion & np.isin(lesions, list(named))
    total = np.bincount(components[on_lesion], minlength=count + 1)
    chosen = np.bincount(components[on_named], minlength=count + 1)
    keep = 2 * chosen > total
    keep[0] = False
    kept: NDArray[np.bool_] = keep[components]
    return kept
