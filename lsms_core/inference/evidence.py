"""The evidence of LSMS for appearances that are not measured, for each candidate.

A text such as "rim-enhancing lesion" names an appearance that is not measured
(:mod:`lsms_core.language.unmeasured`). LSMS, if it was trained on such words, is run on up to three
slices of each candidate. The evidence is the difference of its map S for the text and for "lesion",
averaged inside the candidate and calibrated to a probability. No lesion is dropped for it; little
evidence is given as a doubt. The calibration of a model holds only appearances that were better
than chance on left-out patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.inference.engine import Engine
from lsms_core.inference.lsms_engine import logit
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView
from lsms_core.language.unmeasured import PLAIN, WORDS

if TYPE_CHECKING:
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.inference.pipeline import Run

# Of a candidate, the slices where it is largest.
MOST_SLICES = 3


def see_looks(
    found: CandidateSet, engine: Engine, preprocessing: PreprocessingConfig, run: Run
) -> CandidateSet:
    """Return the same candidates with the evidence for each look that the model was taught.

    Args:
        found: the candidates; their configuration holds the calibration.
        engine: the model.
        preprocessing: how slices reach it.
        run: how the run goes on; raises CancelledError when it was cancelled.
    """
    calibration = found.config.evidence
    if calibration is None:
        return found
    search, looks = found.search, tuple(calibration.looks)
    plane = SlicePlane.of(search.volume, search.axis)
    view = SliceView(search.volume, plane, search.slices, search.flat, search.plane)
    places = _places(found)
    slices = sorted({index for some in places.values() for index in some})
    maps = SliceMaps(engine, view, preprocessing)
    texts = [engine.encode(text) for text in (*(WORDS[look].asked for look in looks), PLAIN)]
    sums = {one.number: np.zeros(len(looks)) for one in found.lesions}
    pixels = dict.fromkeys(sums, 0)

    def work(start: int, stop: int) -> None:
        for index in slices[start:stop]:
            drawn = maps.for_texts([(index, text) for text in texts])
            place = maps.prepared(index)[1]
            on_grid = place.to_grid(plane.extract(found.labels, index), fill=0, nearest=True)
            for number in (n for n, some in places.items() if index in some):
                inside = on_grid == number
                told = logit(drawn[:, inside]).sum(axis=1, dtype=np.float64)
                sums[number] += told[:-1] - told[-1]
                pixels[number] += int(np.count_nonzero(inside))

    run.batches(len(slices), len(slices), work)
    return found.changed(
        looks={
            number: {
                look: calibration.looks[look].probability(total / pixels[number])
                for look, total in zip(looks, sums[number], strict=True)
            }
            for number in sums
            if pixels[number]
        }
    )


def _places(found: CandidateSet) -> dict[int, list[int]]:
    """Return, for each candidate, the slices where it is largest, of those that were searched."""
    axis, searched = found.search.axis, set(found.search.slices)
    others = tuple(a for a in range(3) if a != axis)
    places = {}
    for one in found.lesions:
        areas = np.count_nonzero(found.labels == one.number, axis=others)
        largest = [int(i) for i in np.argsort(-areas, kind="stable") if i in searched and areas[i]]
        places[one.number] = largest[:MOST_SLICES]
    return places
