"""From a probability map to a mask, a score and the answer "present" or "not there".

Needs only numpy and SimpleITK, so that a host that keeps the probability map
(3D Slicer, say) can cut it again at another threshold without the model.

The map is thresholded and falls apart into connected components (in 3-D where
neighbouring slices were run together). Every component stands or falls on its own:

    score = sqrt(mean probability inside the component * its peak)

The mean asks whether the component is convincing as a whole, the peak whether it
is convincing anywhere; their geometric mean lies between the two, and never
below the threshold. A component is kept when it is large and deep enough and its
score reaches the presence threshold. The map's score is that of its best
component, or its highest probability where nothing exceeds the threshold.

Where the words ask for lesions of some size or rank, the components kept so far are measured, and
the others left out; what was left out has no score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.measurements import diameters_mm
from lsms_core.entries import saved_entries
from lsms_core.errors import InputError
from lsms_core.language.selection import Selection


@dataclass(frozen=True)
class PostprocessingConfig:
    """How a probability map is cut; saved with the model.

    Attributes:
        mask_threshold: probability from which a pixel belongs to the mask.
        presence_threshold: score from which a component is taken for real.
        min_area_mm2: a component's largest cross-section must reach this.
        min_depth_mm: in runs over neighbouring slices, a component must be at least this
            deep across them, unless the run's first or last slice cuts it; 0 for off.
        keep_largest: keep only the largest component.
        volumetric: connect components across neighbouring slices.
        edges_mm: how far from a finding its rim may move with the picture, before the map is
            cut (:mod:`lsms_core.inference.edges`); 0, as in weights before 0.9, where it stays.
    """

    mask_threshold: float = 0.5
    presence_threshold: float = 0.5
    min_area_mm2: float = 20.0
    min_depth_mm: float = 3.0
    keep_largest: bool = False
    volumetric: bool = True
    edges_mm: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mask_threshold", "presence_threshold"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise InputError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)}: use a number between "
                    "0 and 1, such as 0.5."
                )
        if min(self.min_area_mm2, self.min_depth_mm, self.edges_mm) < 0:
            raise InputError(
                "The minimum area and depth and the edges' reach are sizes in mm: use 0 or more."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PostprocessingConfig:
        """Read a configuration saved as JSON.

        Raises:
            BundleError: for unknown entries.
        """
        return cls(**saved_entries(cls, values, "post-processing"))

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration for saving as JSON."""
        return asdict(self)

    def at_threshold(self, threshold: float | None) -> PostprocessingConfig:
        """Return the configuration for a threshold that the user chose.

        Below the model's own threshold the demand on the score falls in proportion, so
        that asking for more shows more; the model's own threshold changes nothing.
        """
        if threshold is None or threshold == self.mask_threshold:
            return self
        relaxed = self.presence_threshold * min(1.0, threshold / self.mask_threshold)
        return replace(self, mask_threshold=threshold, presence_threshold=relaxed)


@dataclass(frozen=True)
class Cut:
    """A cut probability map.

    Attributes:
        mask: bool, the map's shape.
        score: 0 to 1, of the best component; see the module's text.
        present: whether anything was kept.
        threshold: the probability that was cut at.
        notes: what the user should know, such as that what was found has another size.
    """

    mask: NDArray[np.bool_]
    score: float
    present: bool
    threshold: float
    notes: tuple[str, ...] = ()


def postprocess(
    probability: NDArray[Any],
    spacing_mm: Sequence[float],
    config: PostprocessingConfig | None = None,
    *,
    axis: int = 0,
    slices: Sequence[int] | None = None,
    selection: Selection | None = None,
) -> Cut:
    """Cut a probability map.

    Args:
        probability: (rows, columns), or a 3-D array, 0 to 1.
        spacing_mm: pixel size along each of its axes, mm.
        config: how to cut.
        axis: of a 3-D array, the axis along which slices were run.
        slices: of a 3-D array, the indices that were run; default: all of them.
        selection: which of the components the words ask for; default: all.

    Raises:
        InputError: when shape and spacing do not fit.
    """
    config = config or PostprocessingConfig()
    if probability.ndim not in (2, 3) or len(spacing_mm) != probability.ndim:
        raise InputError(
            f"Expected a 2-D or 3-D map with one spacing an axis, got shape {probability.shape} "
            f"and {len(spacing_mm)} spacings."
        )
    mask = np.zeros(probability.shape, np.bool_)
    if probability.ndim == 2:
        stack, stack_mask = probability[None], mask[None]
        stack_spacing = (0.0, float(spacing_mm[0]), float(spacing_mm[1]))
    else:
        stack, stack_mask = np.moveaxis(probability, axis, 0), np.moveaxis(mask, axis, 0)
        moved = [float(s) for i, s in enumerate(spacing_mm) if i != axis % 3]
        stack_spacing = (float(spacing_mm[axis]), moved[0], moved[1])
    chosen = range(len(stack)) if slices is None else sorted(set(slices))
    components: list[_Component] = []
    best, peak = 0.0, 0.0
    for start, stop in _runs(chosen, joined=config.volumetric):
        block = stack[start:stop]
        peak = max(peak, float(block.max(initial=0.0)))
        for component in _components(block, start, stack_spacing, config):
            if component.large_enough(config):
                best = max(best, component.score)
                components.append(component)
    kept = [c for c in components if c.score >= config.presence_threshold]
    notes: tuple[str, ...] = ()
    if selection is not None and kept:
        front = np.asarray((*[0.0] * 3, *(selection.anterior or ()))[-3:])
        if probability.ndim == 3:
            front = np.r_[front[axis], np.delete(front, axis)]
        kept, notes = _selected(kept, selection, stack_spacing, front)
        best = max((c.score for c in kept), default=0.0)
    if config.keep_largest and kept:
        kept = [max(kept, key=lambda c: c.voxels)]
    for component in kept:
        stack_mask[component.where] = True
    # Where nothing is a candidate the peak speaks, held below what would count as found.
    empty = min(peak, float(np.nextafter(config.presence_threshold, 0.0)))
    return Cut(mask, best if components else empty, bool(kept), config.mask_threshold, notes)


def recut(
    probability: NDArray[Any],
    threshold: float,
    spacing_mm: Sequence[float],
    config: PostprocessingConfig | None = None,
    *,
    axis: int = 0,
    slices: Sequence[int] | None = None,
    keep_largest: bool | None = None,
    min_area_mm2: float | None = None,
    selection: Selection | None = None,
) -> Cut:
    """Cut a kept probability map at another threshold, without the model.

    Args:
        probability: as for :func:`postprocess`.
        threshold: the new threshold, between 0 and 1.
        spacing_mm: pixel size along each axis, mm.
        config: the model's configuration.
        axis: of a 3-D array, the axis along which slices were run.
        slices: of a 3-D array, the indices that were run.
        keep_largest: overrides the configuration.
        min_area_mm2: overrides the configuration.
        selection: as for :func:`postprocess`.
    """
    config = (config or PostprocessingConfig()).at_threshold(threshold)
    if keep_largest is not None:
        config = replace(config, keep_largest=keep_largest)
    if min_area_mm2 is not None:
        config = replace(config, min_area_mm2=min_area_mm2)
    return postprocess(
        probability, spacing_mm, config, axis=axis, slices=slices, selection=selection
    )


@dataclass(frozen=True)
class _Component:
    where: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    score: float
    voxels: int
    largest_area_mm2: float
    depth_mm: float
    cut_off: bool

    def large_enough(self, config: PostprocessingConfig) -> bool:
        deep = self.cut_off or self.depth_mm >= config.min_depth_mm
        return deep and self.largest_area_mm2 >= config.min_area_mm2

    def longest_mm(self, spacing_mm: tuple[float, float, float]) -> float:
        """Longest diameter in the plane of the slices."""
        planes, rows, columns = self.where
        longest = 0.0
        for plane in np.unique(planes):
            here = planes == plane
            r, c = rows[here] - rows[here].min(), columns[here] - columns[here].min()
            mask = np.zeros((int(r.max()) + 1, int(c.max()) + 1), np.bool_)
            mask[r, c] = True
            longest = max(longest, diameters_mm(mask, spacing_mm[1:])[0])
        return longest

    def centre(self) -> NDArray[np.float64]:
        """Mean (slice, row, column)."""
        return np.array([indices.mean() for indices in self.where])


def _selected(
    components: list[_Component],
    selection: Selection,
    spacing_mm: tuple[float, float, float],
    front: NDArray[np.float64],
) -> tuple[list[_Component], tuple[str, ...]]:
    """Return the components that the words ask for, and a note where none has the size.

    ``front`` is the selection's ``anterior`` with the axis of the slices first.
    """
    diameters = [0.0] * len(components)
    if selection.asks_size:
        diameters = [c.longest_mm(spacing_mm) for c in components]
    chosen = selection.choose(diameters, [float(c.centre() @ front) for c in components])
    if chosen:
        return [components[i] for i in chosen], ()
    if selection.place > len(components):
        count = len(components)
        return [], (f"The text asks for number {selection.place} by rank, of {count} that fit.",)
    found = ", ".join(f"{d:.0f}" for d in sorted(diameters))
    return [], (
        f"What fits the other words measures {found} mm, and the text asks for "
        f"{selection.describe()}.",
    )


def _runs(chosen: Sequence[int] | range, *, joined: bool) -> list[tuple[int, int]]:
    """Half-open runs of neighbouring indices, or single slices."""
    if not joined:
        return [(i, i + 1) for i in chosen]
    indices = list(chosen)
    if not indices:
        return []
    breaks = [i for i, (a, b) in enumerate(pairwise(indices), start=1) if b != a + 1]
    edges = [0, *breaks, len(indices)]
    return [(indices[a], indices[b - 1] + 1) for a, b in pairwise(edges)]


def _components(
    block: NDArray[Any],
    first: int,
    spacing_mm: tuple[float, float, float],
    config: PostprocessingConfig,
) -> list[_Component]:
    """Connected components of a thresholded (slices, rows, columns) block.

    A single slice is connected over edges and corners. In 3-D only faces connect: across
    a thick slice a shared corner says nothing about two lesions being one.
    """
    foreground = block >= config.mask_threshold
    box = _bounding_box(foreground)
    if box is None:
        return []
    inner = np.ascontiguousarray(foreground[box]).astype(np.uint8)
    flat = len(inner) == 1
    image = sitk.GetImageFromArray(inner[0] if flat else inner)
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(image, flat)).reshape(inner.shape)
    where = np.nonzero(labels)
    ids = labels[where].astype(np.intp)
    values = block[box][where].astype(np.float64)
    order = np.argsort(ids, kind="stable")
    bounds = np.searchsorted(ids[order], np.arange(1, ids.max() + 2))
    pixel_mm2 = spacing_mm[1] * spacing_mm[2]
    offsets = [s.start for s in box]
    components = []
    for low, high in pairwise(bounds):
        members = order[low:high]
        k, rows, columns = (w[members] + o for w, o in zip(where, offsets, strict=True))
        mine = values[members]
        counts = np.bincount(k)
        top, bottom = int(k.min()), int(k.max())
        components.append(
            _Component(
                where=(k + first, rows, columns),
                score=float(np.sqrt(mine.mean() * mine.max())),
                voxels=len(members),
                largest_area_mm2=float(counts.max() * pixel_mm2),
                depth_mm=(bottom - top + 1) * spacing_mm[0],
                cut_off=len(block) == 1 or top == 0 or bottom == len(block) - 1,
            )
        )
    return components


def _bounding_box(foreground: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """Smallest box around what is set, or None where nothing is."""
    filled = [np.flatnonzero(foreground.any(axis=(1, 2)))]
    if not len(filled[0]):
        return None
    part = foreground[filled[0][0] : filled[0][-1] + 1]
    rows, columns = part.any(axis=(0, 2)), part.any(axis=(0, 1))
    filled += [np.flatnonzero(rows), np.flatnonzero(columns)]
    k, r, c = (slice(int(f[0]), int(f[-1]) + 1) for f in filled)
    return k, r, c
