"""Leaves out what lies in another part of the lobe than the words name.

"Segment 6" and "right posterior section" name parts whose borders a slice shows by the position of
the lobes and the spine alone (:mod:`lsms_core.anatomy.sections`). So they are measured on what was
found, and what lies close to a border stays. A segment's height is not looked at: one slice does
not show it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.laterality import Side, midline_column
from lsms_core.anatomy.regions import bounding_box, grown, label_components
from lsms_core.anatomy.sections import Section, section_of

ELSEWHERE = (
    "What fits the other words lies in another part of the lobe, as far as a slice can tell: "
    "name the lobe alone to see it."
)
# From here on, findings are looked at one by one; a threshold that is chosen lies higher.
_FAINT = 0.15
# The faint edge of a finding goes with it.
_EDGE = 3
# A lobe's map has holes at lesions: this far around, mm, its lobe is looked for.
_AROUND_MM = 10.0


def leave_out_other_sections(
    probability: NDArray[np.float32],
    lobes: NDArray[np.float32],
    hu: NDArray[np.float32],
    spacing_mm: float,
    wanted: Collection[Section],
) -> NDArray[np.float32]:
    """Return the probabilities without the findings that clearly lie in another section.

    Where nothing is left out, it is the same array.

    Args:
        probability: (rows, columns), canonical axial slice on the model's grid.
        lobes: (2, rows, columns) how probably a pixel is of the right and of the left lobe.
        hu: (rows, columns).
        spacing_mm: of the grid.
        wanted: the sections that the words name.
    """
    labels, count = label_components(probability >= _FAINT)
    if not count:
        return probability
    spacing = (spacing_mm, spacing_mm)
    right = np.nonzero((lobes[0] > 0.5) & (lobes[0] > lobes[1]))[0]
    right_mm = float(right.mean()) * spacing_mm if len(right) else None
    midline_mm = midline_column(hu, spacing) * spacing_mm
    margin = [round(_AROUND_MM / spacing_mm)] * 2
    lost = np.zeros(labels.shape, bool)
    for number in range(1, count + 1):
        mask = labels == number
        box = bounding_box(mask, margin)
        shares = lobes[:, box[0], box[1]].sum(axis=(1, 2))
        side: Side = "right" if shares[0] > shares[1] else "left"
        rows, columns = np.nonzero(mask)
        centre_mm = float(rows.mean()) * spacing_mm, float(columns.mean()) * spacing_mm
        section = section_of(side, centre_mm, right_mm, midline_mm)
        if section is not None and section not in wanted:
            lost |= mask
    if not lost.any():
        return probability
    edge = grown(lost, (_EDGE, _EDGE)) & (labels == 0)
    return np.where(lost | edge, np.float32(0.0), probability)
