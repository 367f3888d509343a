"""What a predictor answers: one :class:`Prediction` a text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError
from lsms_core.inference.postprocess import Cut, PostprocessingConfig, recut
from lsms_core.language.selection import Selection


@dataclass(frozen=True)
class Prediction:
    """The answer to one text, on the input's own grid.

    Attributes:
        text: the text, with its white space tidied.
        mask: bool, the input's shape; empty where the text fits nothing.
        probability: float16, the input's shape, 0 in slices that were not run; None when it
            was not kept.
        score: 0 to 1; see :mod:`lsms_core.inference.postprocess`.
        present: whether the text fits anything.
        threshold: the probability that the mask was cut at.
        area_mm2: the mask's largest cross-section among the slices.
        volume_ml: the mask's volume; None for a single picture without slice thickness.
        slices: the indices that were run, along ``axis``; (0,) for a 2-D image.
        plane: "axial", "coronal" or "sagittal".
        axis: the array axis along which the slices lie; None for a 2-D image.
        spacing_mm: pixel size along each array axis.
        affine: (4, 4) IJK to RAS mm of the input; None for a 2-D image.
        engine: the engine's name.
        model: the model's name and version.
        device: where the last slice was run.
        fallback: what had to be given up on the way (GPU memory, say), None for nothing.
        warnings: what the user should know about the input, such as a text cut short.
        postprocessing: how the map was cut.
        selection: which of its components the words ask for, None for all.
    """

    text: str
    mask: NDArray[np.bool_]
    probability: NDArray[np.float16] | None
    score: float
    present: bool
    threshold: float
    area_mm2: float
    volume_ml: float | None
    slices: tuple[int, ...]
    plane: str
    axis: int | None
    spacing_mm: tuple[float, ...]
    affine: NDArray[np.float64] | None
    engine: str
    model: str
    device: str = "cpu"
    fallback: str | None = None
    warnings: tuple[str, ...] = ()
    postprocessing: PostprocessingConfig = field(default_factory=PostprocessingConfig)
    selection: Selection | None = None

    @property
    def found_slices(self) -> tuple[int, int] | None:
        """First and last slice that the mask reaches, None where it is empty."""
        if self.mask.ndim == 2 or self.axis is None:
            return (0, 0) if self.mask.any() else None
        others = tuple(a for a in range(3) if a != self.axis)
        found = np.flatnonzero(self.mask.any(axis=others))
        return (int(found[0]), int(found[-1])) if len(found) else None

    def recut(
        self,
        threshold: float,
        *,
        keep_largest: bool | None = None,
        min_area_mm2: float | None = None,
    ) -> Prediction:
        """Cut the kept probability map at another threshold; the model is not asked again.

        Args:
            threshold: between 0 and 1.
            keep_largest: keep only the largest component.
            min_area_mm2: what a component's largest cross-section must reach.

        Raises:
            InputError: when the probability map was not kept.
        """
        if self.probability is None:
            raise InputError(
                "This result was made without its probability map: segment again with "
                "keep_probability=True."
            )
        cut = recut(
            self.probability,
            threshold,
            self.spacing_mm,
            self.postprocessing,
            axis=self.axis or 0,
            slices=None if self.axis is None else self.slices,
            keep_largest=keep_largest,
            min_area_mm2=min_area_mm2,
            selection=self.selection,
        )
        return self.with_cut(cut)

    def with_cut(self, cut: Cut) -> Prediction:
        """Return this answer with another mask."""
        area, volume = measure(cut.mask, self.spacing_mm, self.axis)
        return replace(
            self,
            mask=cut.mask,
            score=cut.score,
            present=cut.present,
            threshold=cut.threshold,
            area_mm2=area,
            volume_ml=volume,
        )


def measure(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, ...], axis: int | None
) -> tuple[float, float | None]:
    """Largest cross-section across ``axis`` in mm2, and the volume in mL (None in 2-D)."""
    if mask.ndim == 2 or axis is None:
        return float(mask.sum()) * spacing_mm[0] * spacing_mm[1], None
    others = tuple(a for a in range(3) if a != axis)
    counts = np.count_nonzero(mask, axis=others)
    pixel = spacing_mm[others[0]] * spacing_mm[others[1]]
    return float(counts.max()) * pixel, float(counts.sum()) * pixel * spacing_mm[axis] / 1000.0
