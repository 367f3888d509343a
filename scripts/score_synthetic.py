"""Score how many synthetic lesions of each appearance a model draws, in real livers.

    python scripts/score_synthetic.py TEST --slices SLICES --patients p031 p064

`TEST` and `SLICES` are folders of cases as docs/training.md describes them. One lesion is put into
a slice at a time, equally often into either lobe, and the slice is drawn by itself: neither
classifier nor rims. A lesion counts as drawn where a tenth of it is.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import AMBIGUOUS_BAND_MM, cantlie_offset_mm, midline_column
from lsms_core.anatomy.regions import LESION_LABEL, bounding_box
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import cases_of
from lsms_core.inference.engine import EngineOptions, open_engine
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.lsms.kinds import LESIONS
from lsms_core.phantom.synthesis.lesions import add_lesions
from lsms_core.phantom.synthesis.spec import Appearance, random_spec

TOUCHED = 0.1
DIAMETER_MM = (10.0, 35.0)
# Slices with less of the liver than this share of the largest have no room in both lobes.
SMALLEST_SHARE = 0.3
# A lesion reaches this far beyond its slice, and neighbours are looked at.
REACH_MM = 45.0
APPEARANCES: tuple[Appearance, ...] = get_args(Appearance)
SIDES = {"right": -1, "left": 1}


def main() -> None:
    """Add, draw and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", type=Path, help="single slices")
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--patients", nargs="*", help="of the single slices; default: all")
    parser.add_argument("--pixel-mm", type=float, help="of the grid; default: the weights'")
    parser.add_argument("--exophytic", action="store_true", help="lesions that bulge into fat")
    parser.add_argument("--every", type=int, default=6, help="slices between those of a volume")
    parser.add_argument("--threshold", type=float, default=0.4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    info = inspect_bundle(options.weights)
    engine = open_engine(info, options=EngineOptions("cpu"))
    grid = replace(PreprocessingConfig.from_dict(info.preprocessing), votes_mm=(0.0,))
    if options.pixel_mm is not None:
        grid = grid.at_pixel(options.pixel_mm)
    drawn: dict[tuple[str, str], list[bool]] = defaultdict(list)
    cases = cases_of([options.folder])
    if options.slices is not None:
        cases += cases_of([options.slices], options.patients)
    for case in cases:
        for slab, level in slabs(case.image, case.label, options.every):
            for appearance in APPEARANCES:
                for side in SIDES:
                    # The same lesions for every model.
                    key = (options.seed, len(drawn[appearance, side]), *case.name.encode())
                    rng = np.random.default_rng(key)
                    made = slab.with_lesion(appearance, side, level, rng, options.exophytic)
                    if made is None:
                        continue
                    ct, lesion = made
                    maps = SliceMaps(engine, SliceView.of(ct, "axial", [level], None), grid)
                    found = maps.restored(level, maps.text_free([level])[0][LESIONS])
                    hit = (found[lesion] >= options.threshold).mean() > TOUCHED
                    drawn[appearance, side].append(bool(hit))
    print(f"{info.name} {info.version}: {len({case.group for case in cases})} patients")
    for appearance in APPEARANCES:
        both = [np.array(drawn[appearance, side]) for side in SIDES]
        shares = ", ".join(
            f"{side} lobe {hits.mean():.0%} of {len(hits)}"
            for side, hits in zip(SIDES, both, strict=True)
        )
        print(f"{appearance}: {np.concatenate(both).mean():.0%} drawn ({shares})")


@dataclass(frozen=True)
class Slab:
    """Some slices of a liver, seen as usual: rows run posterior, columns to the patient's left.

    Attributes:
        hu: (slices, rows, columns), from inferior to superior.
        marks: likewise; 0 background, 1 liver, 2 lesion.
        spacing_mm: (slice, row, column).
    """

    hu: NDArray[np.int16]
    marks: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]

    def with_lesion(
        self,
        appearance: Appearance,
        side: str,
        level: int,
        rng: np.random.Generator,
        exophytic: bool,
    ) -> tuple[CTVolume, NDArray[np.bool_]] | None:
        """Return the slab with a lesion, and where it is in the slice; None without room."""
        spec = random_spec(rng, DIAMETER_MM)
        while spec.appearance != appearance:
            spec = random_spec(rng, DIAMETER_MM)
        spec = replace(spec, exophytic=exophytic)
        pixel = self.spacing_mm[1:]
        midline = midline_column(self.hu[level], pixel)
        offset = cantlie_offset_mm(midline, self.marks[level] > 0, pixel)
        where = np.zeros(self.hu.shape, bool)
        where[level] = SIDES[side] * offset > AMBIGUOUS_BAND_MM + 0.4 * spec.diameter_mm
        box = (slice(None), *bounding_box(self.marks.max(axis=0) > 0, (8, 8)))
        hu = self.hu.copy()
        hu[box], added = add_lesions(
            hu[box],
            self.marks[box] > 0,
            self.spacing_mm,
            [spec],
            rng,
            avoid=self.marks[box] == LESION_LABEL,
            where=where[box],
        )
        if not added[level].any():
            return None
        lesion = np.zeros(self.hu.shape[1:], bool)
        lesion[box[1:]] = added[level] > 0
        thickness, rows, columns = self.spacing_mm
        return CTVolume(hu, np.diag([-columns, -rows, thickness, 1.0])), lesion


def slabs(image: Path, label: Path, every: int) -> Iterator[tuple[Slab, int]]:
    """Yield slices with enough liver among their neighbours, and their index there."""
    ct = CTVolume.from_sitk(sitk.ReadImage(str(image)))
    plane = SlicePlane.of(ct, "axial")
    marks = plane.stack(CTVolume.from_sitk(sitk.ReadImage(str(label))).array)
    hu = plane.stack(ct.array)
    if plane.reverse_stack:
        hu, marks = hu[::-1], marks[::-1]
    areas = np.count_nonzero(marks, axis=(1, 2))
    reach = int(np.ceil(REACH_MM / plane.thickness_mm))
    for level in np.flatnonzero(areas > SMALLEST_SHARE * areas.max(initial=1))[::every].tolist():
        part = slice(max(level - reach, 0), level + reach + 1)
        slab = Slab(
            np.ascontiguousarray(hu[part], np.int16),
            np.ascontiguousarray(marks[part], np.uint8),
            (plane.thickness_mm, *plane.spacing_mm),
        )
        yield slab, level - part.start


if __name__ == "__main__":
    main()
