"""Explains an answer on one slice, in pictures with captions.

An engine with text-independent maps shows its map of lesions, the candidates that were cut from
it, and the reason why each was kept or dropped. An engine with stages shows each of them. For any
other engine its map for the text is shown, and how far the map changes when each word is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import CancelledError
from lsms_core.inference import explain_pictures as pictures
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.texts import clean_text
from lsms_core.inference.view import SliceView

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.inference.explain_pictures import StagePicture
    from lsms_core.inference.predictor import Predictor

MOST_WORDS = 12
"""Words that are left out in turn; a longer text's other words are not tried."""


@dataclass(frozen=True)
class WordEffect:
    """What a word does to the answer.

    Attributes:
        word: the word, as it was typed.
        change: mean absolute change of the probability, 0 to 1, over the pixels that either
            text picks out, when the word is left out.
    """

    word: str
    change: float


@dataclass(frozen=True)
class Explanation:
    """An answer on one slice, stage by stage.

    Attributes:
        text: what was asked.
        verdict: why something was found or not, in a sentence.
        pictures: each stage on the model's grid, as radiologists see a slice.
        words: the effect of each word, in the text's order; only where the engine reads the
            text by itself, and in one stage.
        maps: by name, (rows, columns) on the stored slice, as ``array.take(index, axis)``:
            "probability" (0 to 1); of an engine with stages "saliency" (0 to 1) and "coarse"
            (the mask after clean-up, 0 or 1), too.
        reasons: of each candidate on the slice, why it was kept or dropped; only of an engine
            with text-independent maps.
    """

    text: str
    verdict: str
    pictures: tuple[StagePicture, ...]
    words: tuple[WordEffect, ...]
    maps: Mapping[str, NDArray[np.float32]]
    reasons: tuple[str, ...] = ()

    def draw(self) -> NDArray[np.uint8]:
        """Draw all pictures side by side; (H, N W + gaps, 3)."""
        return pictures.side_by_side([one.picture for one in self.pictures])


def explain(
    predictor: Predictor,
    image: CTVolume | NDArray[Any],
    text: str,
    *,
    plane: str | int = "axial",
    index: int = 0,
    spacing_mm: tuple[float, float] | None = None,
    threshold: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Explanation:
    """Answer one text about one slice, and show what led to it, even if nothing is found.

    Args:
        predictor: the model.
        image: as for ``Predictor.segment``.
        text: one text.
        plane: as for ``Predictor.segment``.
        index: of the slice.
        spacing_mm: of a 2-D image.
        threshold: probability from which a pixel belongs to the answer; default: the model's.
        progress: called with passes done and in all.
        cancelled: asked before each pass.

    Raises:
        InputError: for an unusable request.
        CancelledError: when ``cancelled`` said so.
    """
    asked = clean_text(text)
    config = predictor.postprocessing.at_threshold(threshold)
    view = SliceView.of(image, plane, index, spacing_mm)
    maps_of = SliceMaps(predictor.model, view, predictor.preprocessing)
    prepared, transform = maps_of.prepared(index)

    def back(values: NDArray[Any]) -> NDArray[np.float32]:
        restored: NDArray[np.float32] = view.plane.restore(
            transform.restore(values.astype(np.float32))
        )
        return restored

    def step(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("Cancelled; nothing was changed.")
        if progress:
            progress(done, total)

    run = getattr(predictor.model, "stages", None)
    if run is not None:
        step(0, 1)
        stages = run(prepared, predictor.model.encode(asked), explain=True)
        maps = {
            "saliency": back(stages.saliency),
            "coarse": (back(stages.coarse) > 0.5).astype(np.float32),
            "probability": back(stages.probability),
        }
        step(1, 1)
        return Explanation(asked, stages.verdict, pictures.of_stages(stages), (), maps)
    if predictor.text_free:
        step(0, 1)
        found = predictor.search(
            image, plane=plane, slices=index, spacing_mm=spacing_mm, threshold=threshold
        ).answer(asked)
        step(1, 1)
        return _of_candidates(view, index, found)

    def ask(words: str) -> NDArray[np.float32]:
        return maps_of.for_texts([(index, predictor.model.encode(words))])[0]

    probability, words = _by_words(ask, asked, config.mask_threshold, step)
    return Explanation(
        text=asked,
        verdict=_verdict(probability, config.mask_threshold),
        pictures=pictures.of_map(prepared, probability, config.mask_threshold),
        words=words,
        maps={"probability": back(probability)},
    )


def _of_candidates(view: SliceView, index: int, found: Answer) -> Explanation:
    """Show the lesions' map, the candidates, and the reasons; all on the CT's own slice."""
    candidates = found.candidates
    assert candidates.probability is not None

    def seen(array: NDArray[Any]) -> NDArray[Any]:
        return view.plane.extract(array, index)

    probability = np.asarray(seen(candidates.probability), np.float32)
    hu = np.nan_to_num(seen(view.volume.array).astype(np.float32), nan=-1024.0)
    kept, dropped = found.lines()
    shown = pictures.of_candidates(
        hu, probability, seen(candidates.labels) > 0, seen(found.volume_mask), found.threshold
    )
    verdict = " ".join(dict.fromkeys((found.message, *found.notes)))
    maps = {"probability": view.plane.restore(probability)}
    return Explanation(found.text, verdict, shown, (), maps, (*kept, *dropped))


def _by_words(
    ask: Callable[[str], NDArray[np.float32]],
    text: str,
    threshold: float,
    step: Callable[[int, int], None],
) -> tuple[NDArray[np.float32], tuple[WordEffect, ...]]:
    """Ask the text, and the text without each of its words in turn.

    One by one: it can be cancelled in between, and needs no more memory than a slice.
    """
    words = text.split()
    shorter = {}
    for at in range(min(len(words), MOST_WORDS)):
        rest = " ".join(words[:at] + words[at + 1 :])
        if any(c.isalnum() for c in rest):  # else nothing is left to ask
            shorter[at] = rest
    total = 1 + len(shorter)
    step(0, total)
    probability = ask(text)
    effects = []
    for done, (at, without) in enumerate(shorter.items(), 1):
        step(done, total)
        effects.append(WordEffect(words[at], word_change(probability, ask(without), threshold)))
    step(total, total)
    return probability, tuple(effects)


def word_change(
    whole: NDArray[np.float32], without: NDArray[np.float32], threshold: float
) -> float:
    """Mean absolute difference of two maps where either picks something out, 0 to 1.

    Those are the pixels at or above the threshold, or above half of the highest probability
    where nothing reaches it: the dark rest of a slice would drown any change.
    """
    highest = np.maximum(whole, without)
    chosen = highest >= min(threshold, 0.5 * float(highest.max()))
    return float(np.abs(whole - without)[chosen].mean())


def _verdict(probability: NDArray[np.float32], threshold: float) -> str:
    highest = float(probability.max())
    told = f"The highest probability on this slice is {highest:.2f}"
    if highest >= threshold:
        return f"{told}; a pixel belongs to the finding from {threshold:.2f} on."
    return f"{told}, below the {threshold:.2f} from which a pixel belongs to a finding."
