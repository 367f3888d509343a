"""The steps from a CT to candidates and answers, in the order in which they run.

1. ``SliceMaps.text_free``: slices as the model sees them, and its maps of them (the mean of
   neighbouring slices): right lobe, left lobe, lesions. No text takes part.
2. ``SliceMaps.lobes_and_lesions``: the maps on the CT's grid; rims of lesions follow the picture.
3. ``liver_map``: the liver in one or a few large pieces, and its lobes.
4. ``CandidateSet.from_map``: the lesions' map is cut; what lies in the liver is a candidate, and
   is measured.
5. ``answer``: the text is read, and each candidate is kept or dropped, with reasons.

An engine without text-independent maps (MedCLIP-SAM) looks for each text by itself:
``run_texts`` takes the place of steps 1 to 4, and all that it finds is the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.liver_map import LiverMap, with_heights
from lsms_core.anatomy.plausibility import liver_notes
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import CancelledError
from lsms_core.inference.devices import is_out_of_memory
from lsms_core.inference.engine import Engine
from lsms_core.inference.liver_outline import liver_map, lobe_codes, shows_liver_whole
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.view import SliceView

Progress = Callable[[int, int, float | None], None]
"""Called with slices done, slices in all, and the seconds left (None at the start)."""


@dataclass(frozen=True)
class Run:
    """The batches of a run, with progress and cancellation.

    Attributes:
        batch_size: how many images, or pairs of image and text, now go at once.
        shrink: called when memory ran out, with the size of the batch and the error; makes the
            next batch smaller, or raises.
        progress: told before the first and after each batch.
        cancelled: asked before each batch.
    """

    batch_size: Callable[[], int]
    shrink: Callable[[int, BaseException], None]
    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None

    def check(self) -> None:
        """Raise CancelledError when the run was cancelled."""
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("Cancelled; nothing was changed.")

    def batches(self, count: int, slices: int, work: Callable[[int, int], None]) -> None:
        """Do ``count`` pieces of work in batches, [start, stop) each; a failed one once more."""
        done, started = 0, time.monotonic()
        if self.progress:
            self.progress(0, slices, None)
        while done < count:
            self.check()
            size = self.batch_size()
            stop = min(done + size, count)
            try:
                work(done, stop)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self.shrink(size, error)
                continue
            done = stop
            if self.progress:
                left = (time.monotonic() - started) * (count - done) / done
                self.progress(done * slices // count, slices, left)
        self.check()


def run_maps(
    engine: Engine,
    view: SliceView,
    preprocessing: PreprocessingConfig,
    config: PostprocessingConfig,
    run: Run,
) -> tuple[NDArray[np.float16], LiverMap, list[str]]:
    """Steps 1 to 3: the lesions' map, the liver, and notes on the image."""
    maps = SliceMaps(engine, view, preprocessing, run.check)
    lesions = np.zeros(view.volume.shape, np.float16)
    codes = np.zeros(view.volume.shape, np.uint8)
    marked = np.zeros(view.volume.shape, bool)

    def work(start: int, stop: int) -> None:
        indices = view.slices[start:stop]
        for index, found in zip(indices, maps.text_free(indices), strict=True):
            lobes, drawn = maps.lobes_and_lesions(index, found, config)
            stored = drawn.astype(np.float16)
            view.plane.restore_into(lesions, index, stored)
            view.plane.restore_into(marked, index, stored >= config.mask_threshold)
            view.plane.restore_into(codes, index, lobe_codes(lobes))

    run.batches(len(view.slices), len(view.slices), work)
    liver = liver_map(codes, marked, view.slices, view.plane.axis, view.spacing_mm)
    notes = maps.notes()
    if shows_liver_whole(view.slices, view.plane.thickness_mm):
        liver = with_heights(view.volume, liver)
        notes += liver_notes(view.volume, liver.liver)
    return lesions, liver, notes


def run_texts(
    engine: Engine,
    view: SliceView,
    preprocessing: PreprocessingConfig,
    texts: Sequence[str],
    run: Run,
) -> tuple[list[NDArray[np.float16]], list[str]]:
    """Return a map a text, from an engine without text-independent maps, and notes."""
    maps = SliceMaps(engine, view, preprocessing)
    found = [np.zeros(view.volume.shape, np.float16) for _ in texts]
    pairs = [(index, t) for index in view.slices for t in range(len(texts))]

    def work(start: int, stop: int) -> None:
        batch = pairs[start:stop]
        # Encoded anew after the model moved to another device; else they are remembered.
        given = maps.for_texts([(index, engine.encode(texts[t])) for index, t in batch])
        for (index, t), one in zip(batch, given, strict=True):
            canonical = maps.restored(index, one)
            view.plane.restore_into(found[t], index, canonical.astype(np.float16))

    run.batches(len(pairs), len(view.slices), work)
    return found, maps.notes()
