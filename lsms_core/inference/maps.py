"""Prepares the slices for the model, and runs its text-independent maps.

In a single slice noise can hide a lesion, and a vessel that is cut across can look like one. So
neighbouring slices are run, too, each with neighbours of its own, and the maps are averaged: a
lesion lies in several slices, noise does not (docs/history/up-to-0.9.md).

Some weights look only at the liver and a margin around it (:mod:`lsms_core.inference.focus`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.preprocessing import PreprocessingConfig, SliceTransform, prepare_slice
from lsms_core.inference.devices import batch_size
from lsms_core.inference.edges import follow_edges
from lsms_core.inference.engine import EncodedText, Engine
from lsms_core.inference.focus import Box, Part, anchors, liver_box, part_of_grid
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.inference.view import HounsfieldCheck, SliceView
from lsms_core.models.lsms.kinds import LESIONS, LOBES


class SliceMaps:
    """Prepares slices and outlines them, each once as long as it is needed.

    Args:
        engine: the model.
        view: the slices of the request.
        config: how slices reach the model.
        check: called before the model draws, a few slices at a time; raises to end that.
    """

    def __init__(
        self,
        engine: Engine,
        view: SliceView,
        config: PreprocessingConfig,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._check = check
        self._view = view
        self._config = config
        # Only a window of pictures (0 to 255, say) begins at 0.
        self._scale = HounsfieldCheck(expected=config.window_hu[0] < 0)
        self._prepared: dict[int, tuple[NDArray[np.float32], SliceTransform]] = {}
        self._outlined: dict[int, NDArray[np.float32]] = {}
        self._livers: dict[int, Box | None] = {}

    def prepared(self, index: int) -> tuple[NDArray[np.float32], SliceTransform]:
        """Return slice ``index`` as the model sees it, (C, H, W), and where that lies."""
        if index not in self._prepared:
            slab = self._scale.clean(self._view.slab(index, self._config.slice_offsets_mm))
            self._prepared[index] = prepare_slice(slab, self._view.plane.spacing_mm, self._config)
        return self._prepared[index]

    def text_free(self, indices: Sequence[int]) -> list[NDArray[np.float32]]:
        """Return the maps of slices that do not depend on a text, the mean of the neighbours'.

        Slices before those that are needed are forgotten, so slices should be run in order.

        Returns:
            (3, H, W) for each slice on the model's grid, 0 to 1: right lobe, left lobe, lesions.
        """
        votes = {i: self._view.neighbours(i, self._config.votes_mm) for i in indices}
        needed = {j for voters in votes.values() for j in voters}
        self._forget(min(needed | set(indices)))
        missing = sorted(needed - self._outlined.keys())
        self._outlined.update(self._drawn(missing, self._parts(missing)))
        return [self._mean(i, votes[i]) for i in indices]

    def for_texts(self, batch: Sequence[tuple[int, EncodedText]]) -> NDArray[np.float32]:
        """Return an engine's maps of slices, each for its own text, (N, H, W), 0 to 1."""
        self._forget(min(index for index, _ in batch))
        images = np.stack([self.prepared(index)[0] for index, _ in batch])
        return self._engine.probabilities(images, [text for _, text in batch])

    def restored(self, index: int, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a map of the model's grid on the canonical slice, (rows, columns)."""
        return self.prepared(index)[1].restore(found)

    def lobes_and_lesions(
        self, index: int, maps: NDArray[np.float32], config: PostprocessingConfig
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a slice's maps on the canonical slice, the rims of lesions as configured.

        Args:
            index: of the slice.
            maps: from :meth:`text_free`.
            config: the model's own, whatever threshold the user chose: a map is made once.

        Returns:
            (2, rows, columns) right and left lobe, and (rows, columns) lesions.
        """
        lobes = np.stack([self.restored(index, one) for one in maps[:LOBES]])
        lesions = self.restored(index, maps[LESIONS])
        if config.edges_mm and lesions.max(initial=0.0) >= config.mask_threshold:
            lesions = follow_edges(
                lesions,
                self._scale.clean(self._view.slab(index, (0.0,)))[0],
                self._view.plane.spacing_mm,
                threshold=config.mask_threshold,
                reach_mm=config.edges_mm,
                min_area_mm2=config.min_area_mm2,
                liver=lobes.max(axis=0),
            )
        return lobes, lesions

    def notes(self) -> list[str]:
        """Return what the user should know of the image, in sentences."""
        return self._scale.notes()

    def _parts(self, indices: Sequence[int]) -> list[Part]:
        """Return the (rows, columns) of the grid that are looked at in each slice."""
        whole = slice(0, self._config.height), slice(0, self._config.width)
        if not self._config.focus_mm:
            return [whole] * len(indices)
        plane, count = self._view.plane, self._view.plane.count(self._view.volume.shape)
        around = [anchors(i, count, plane) for i in indices]
        unknown = sorted({a for some in around for a in some} - self._livers.keys())
        for anchor, maps in self._drawn(unknown, [whole] * len(unknown)).items():
            self._livers[anchor] = liver_box(maps, self.prepared(anchor)[1])
        parts = []
        for index, some in zip(indices, around, strict=True):
            boxes = [box for a in some if (box := self._livers[a]) is not None]
            if len(boxes) < len(some):
                # The liver begins or ends here, who knows where.
                parts.append(whole)
                continue
            box, place = boxes[0].joined(boxes[-1]), self.prepared(index)[1]
            parts.append(part_of_grid(box, self._config.focus_mm, place))
        return parts

    def _drawn(
        self, indices: Sequence[int], parts: Sequence[Part]
    ) -> dict[int, NDArray[np.float32]]:
        """Return the maps of slices, (3, H, W) each; 0 outside the part that is looked at."""
        sizes: dict[tuple[int, int], list[tuple[int, Part]]] = {}
        for index, part in zip(indices, parts, strict=True):
            size = part[0].stop - part[0].start, part[1].stop - part[1].start
            sizes.setdefault(size, []).append((index, part))
        at_once, grid = batch_size(self._engine.device), (self._config.height, self._config.width)
        found = {}
        for of_one_size in sizes.values():
            for start in range(0, len(of_one_size), at_once):
                self._check()
                some = of_one_size[start : start + at_once]
                maps = self._engine.draw(
                    np.stack([self.prepared(i)[0][:, p[0], p[1]] for i, p in some])
                )
                assert maps is not None
                for (index, (rows, columns)), one in zip(some, maps, strict=True):
                    found[index] = np.zeros((len(one), *grid), np.float32)
                    found[index][:, rows, columns] = one
        return found

    def _mean(self, index: int, voters: Sequence[int]) -> NDArray[np.float32]:
        _, place = self.prepared(index)
        total = np.zeros_like(self._outlined[voters[0]])
        for j in sorted(set(voters)):
            _, other = self.prepared(j)
            total += voters.count(j) * other.onto(place, self._outlined[j])
        return np.asarray(total / len(voters), dtype=np.float32)

    def _forget(self, before: int) -> None:
        self._prepared = {j: v for j, v in self._prepared.items() if j >= before}
        self._outlined = {j: v for j, v in self._outlined.items() if j >= before}
