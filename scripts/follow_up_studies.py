"""Write two synthetic studies of one body, for docs/follow-up.md and for trying `lsms compare`.

    python scripts/follow_up_studies.py OUT
    lsms compare OUT/before_lesions.nii.gz OUT/after_lesions.nii.gz --before-ct OUT/before.nii.gz
        --after-ct OUT/after.nii.gz --picture docs/images/follow-up.png

The later study lies elsewhere in the scanner: one lesion has grown, one has shrunk, one is new and
one is gone. No patient's data are in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lsms_core.anatomy.regions import signed_distance_mm
from lsms_core.io.nifti import write_nifti
from lsms_core.phantom import Phantom, make_phantom

SHAPE = (40, 272, 368)
# (share of the way through the liver's box along slice, row, column), radius mm before and after
LESIONS = (
    ((0.50, 0.55, 0.25), 9.0, 13.0),
    ((0.62, 0.40, 0.40), 12.0, 8.0),
    ((0.40, 0.45, 0.18), 0.0, 7.0),
    ((0.70, 0.60, 0.22), 7.0, 0.0),
)


def write(folder: Path, name: str, phantom: Phantom, after: bool, shift: tuple[float, ...]) -> None:
    """Write a CT and its label map (1 liver, 2 lesion)."""
    ct, liver = phantom.ct, phantom.liver
    i, j, k = ct.spacing_mm
    hits = np.argwhere(liver)
    low, high = hits.min(axis=0), hits.max(axis=0)
    image, label = ct.array.astype(np.float32), liver.astype(np.uint8)
    place = np.indices(liver.shape, dtype=np.float32)
    for share, radius_before, radius_after in LESIONS:
        radius = radius_after if after else radius_before
        if not radius:
            continue
        wanted = low + np.array(share) * (high - low)
        # The nearest place that lies deep enough in the liver.
        depth = -signed_distance_mm(liver, (k, j, i))
        inside = np.argwhere(depth > 1.2 * max(radius_before, radius_after))
        centre = inside[((inside - wanted) ** 2 * np.array((k, j, i)) ** 2).sum(axis=1).argmin()]
        away = np.sqrt(sum(((place[a] - centre[a]) * mm) ** 2 for a, mm in enumerate((k, j, i))))
        soft = np.clip((radius - away) / 2.0 + 0.5, 0.0, 1.0)
        image -= 55.0 * soft
        label[away <= radius] = 2
    affine = ct.affine.copy()
    affine[:3, 3] += shift
    write_nifti(folder / f"{name}.nii.gz", np.rint(image).astype(np.int16), affine, "synthetic")
    write_nifti(folder / f"{name}_lesions.nii.gz", label, affine, "synthetic")


def main() -> None:
    """Write both studies to the folder that was named."""
    folder = Path(sys.argv[1])
    write(folder, "before", make_phantom(4, shape=SHAPE, lesions=0), False, (0.0, 0.0, 0.0))
    later = make_phantom(4, shape=SHAPE, lesions=0, noise_hu=14.0)
    write(folder, "after", later, True, (18.0, -10.0, 35.0))


if __name__ == "__main__":
    main()
