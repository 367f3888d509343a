"""Slices as the model sees them, what it draws in them whatever the words are, and its answers.

A slice by itself can hide a lesion in noise, or show one where a vessel is cut across. Its
neighbours are drawn, too, each with neighbours of its own, and the mean counts: a lesion lies in
more than one of them, what noise makes does not (docs/history/up-to-0.9.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.preprocessing import (
    PreprocessingConfig,
    SliceTransform,
    from_window,
    prepare_slice,
)
from lsms_core.inference.edges import follow_edges
from lsms_core.inference.engine import EncodedText, Engine
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.sections import leave_out_other_sections
from lsms_core.inference.view import HounsfieldCheck, SliceView
from lsms_core.models.lsms.outline import LESIONS, LOBES


@dataclass(frozen=True)
class SliceAnswer:
    """An answer on the model's grid of a slice.

    Attributes:
        probability: (H, W), 0 to 1.
        elsewhere: whether something was left out because it lies in another section.
    """

    probability: NDArray[np.float32]
    elsewhere: bool


# What is drawn of each tissue, whatever the words are.
_TISSUES = {"liver": slice(LOBES), "lesions": slice(LESIONS, LESIONS + 1)}


class Drawing:
    """Prepares slices, draws in them, each once as long as it is needed, and asks about them.

    Args:
        engine: the model.
        view: the slices of the request.
        config: how slices reach the model.
    """

    def __init__(self, engine: Engine, view: SliceView, config: PreprocessingConfig) -> None:
        self._engine = engine
        self._view = view
        self._config = config
        # Only a window of pictures (0 to 255, say) begins at 0.
        self._scale = HounsfieldCheck(expected=config.window_hu[0] < 0)
        self._prepared: dict[int, tuple[NDArray[np.float32], SliceTransform]] = {}
        self._drawn: dict[int, NDArray[np.float32]] = {}
        self._means: dict[int, NDArray[np.float32]] = {}
        self._tissues: dict[tuple[int, str], NDArray[np.float32]] = {}

    def prepared(self, index: int) -> tuple[NDArray[np.float32], SliceTransform]:
        """Return slice ``index`` as the model sees it, (C, H, W), and where that lies."""
        if index not in self._prepared:
            slab = self._scale.clean(self._view.slab(index, self._config.slice_offsets_mm))
            self._prepared[index] = prepare_slice(slab, self._view.plane.spacing_mm, self._config)
        return self._prepared[index]

    def drawn(self, indices: Sequence[int]) -> NDArray[np.float32] | None:
        """Return what is drawn in slices, (N, K, H, W) probabilities; None if nothing ever is.

        What lies before all that these slices need is forgotten: the next ones had better follow.
        """
        votes = {i: self._view.neighbours(i, self._config.votes_mm) for i in indices}
        needed = {j for voters in votes.values() for j in voters}
        self._forget(min(needed | set(indices)))
        missing = sorted(needed - self._drawn.keys())
        if missing:
            maps = self._engine.draw(np.stack([self.prepared(j)[0] for j in missing]))
            if maps is None:
                return None
            self._drawn.update(zip(missing, maps, strict=True))
        for i in indices:
            if i not in self._means:  # the texts about a slice share it
                self._means[i] = self._mean(i, votes[i])
        return np.stack([self._means[i] for i in indices])

    def ask(self, batch: Sequence[tuple[int, EncodedText]]) -> list[SliceAnswer]:
        """Ask about slices, each with its own text."""
        indices = sorted({index for index, _ in batch})
        maps = self.drawn(indices)
        drawn = None if maps is None else np.stack([maps[indices.index(i)] for i, _ in batch])
        images = np.stack([self.prepared(i)[0] for i, _ in batch])
        found = self._engine.probabilities(images, [text for _, text in batch], drawn)
        return [
            self._answer(index, text, found[n], None if drawn is None else drawn[n, :LOBES])
            for n, (index, text) in enumerate(batch)
        ]

    def on_slice(
        self, index: int, answer: SliceAnswer, config: PostprocessingConfig
    ) -> NDArray[np.float32]:
        """Return an answer's map on the canonical slice, (rows, columns), its rims as configured.

        Args:
            index: of the slice.
            answer: about that slice.
            config: the model's own, whatever threshold the user chose: a map is made once.
        """
        _, place = self.prepared(index)
        found = place.restore(answer.probability)
        if not config.edges_mm or found.max(initial=0.0) < config.mask_threshold:
            return found
        liver, lesions = (self.tissue(index, name) for name in ("liver", "lesions"))
        if liver is None or lesions is None:
            return found
        return follow_edges(
            found,
            self._scale.clean(self._view.slab(index, (0.0,)))[0],
            self._view.plane.spacing_mm,
            threshold=config.mask_threshold,
            reach_mm=config.edges_mm,
            min_area_mm2=config.min_area_mm2,
            liver=liver,
            lesions=lesions,
        )

    def tissue(self, index: int, name: str) -> NDArray[np.float32] | None:
        """Return how probably each pixel of a canonical slice is of a tissue, (rows, columns).

        The texts about a slice share it. None where the model draws nothing.

        Args:
            index: of a slice that was just asked about.
            name: "liver" or "lesions" of whatever kind.
        """
        if index not in self._means:
            return None
        if (index, name) not in self._tissues:
            _, place = self.prepared(index)
            drawn = self._means[index][_TISSUES[name]].max(axis=0)
            self._tissues[index, name] = place.restore(drawn)
        return self._tissues[index, name]

    def notes(self) -> list[str]:
        """Return what the user should know of the image, in sentences."""
        return self._scale.notes()

    def _answer(
        self,
        index: int,
        text: EncodedText,
        found: NDArray[np.float32],
        lobes: NDArray[np.float32] | None,
    ) -> SliceAnswer:
        # Only an axial slice shows where a part of a lobe ends.
        if lobes is None or not text.sections or self._view.plane_name != "axial":
            return SliceAnswer(found, False)
        picture, place = self.prepared(index)
        hu = from_window(picture[len(picture) // 2], self._config.window_hu)
        inside = leave_out_other_sections(found, lobes, hu, place.grid_spacing_mm, text.sections)
        return SliceAnswer(inside, inside is not found)

    def _mean(self, index: int, voters: Sequence[int]) -> NDArray[np.float32]:
        _, place = self.prepared(index)
        total = np.zeros_like(self._drawn[voters[0]])
        for j in sorted(set(voters)):
            _, other = self.prepared(j)
            total += voters.count(j) * other.onto(place, self._drawn[j])
        return np.asarray(total / len(voters), dtype=np.float32)

    def _forget(self, before: int) -> None:
        self._prepared = {j: v for j, v in self._prepared.items() if j >= before}
        self._drawn = {j: v for j, v in self._drawn.items() if j >= before}
        self._means = {j: v for j, v in self._means.items() if j >= before}
        self._tissues = {key: v for key, v in self._tissues.items() if key[0] >= before}
