"""What a run found for one prompt: the kept probability map and what was made of it."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Finding:
    """The answer to one prompt.

    Attributes:
        request: the run's :class:`Request`.
        segmentationNode: where it was written; None until something was.
        prompt: the text, tidied by the model's side.
        summary: the worker's entries: score, present, threshold, engine, model, ...
        volumeKey: the volume's key when the run began.
        shape: the volume's (slices, rows, columns).
        plane: "axial", "coronal" or "sagittal".
        axis: the array axis along which slices lie.
        slices: their indices along it.
        probability: float16, the volume's shape with only these slices along ``axis``; None
            for an older run.
        answered: bool, like ``probability``: the worker's answer; None where it gave none.
        segmentIDs: the segments made of it; none where nothing was found.
        threshold: the probability that it was last cut at.
        score: 0 to 1, of the last cut.
        mask: bool, like ``probability``: the last cut.
        parts: segment ID -> its part of the first cut, where there are several segments.
        written: segment ID -> the patch that was written, to notice edits.
    """

    request: object
    segmentationNode: object
    prompt: str
    summary: dict
    volumeKey: str
    shape: tuple
    plane: str
    axis: int
    slices: tuple
    probability: object
    answered: object = None
    segmentIDs: list = field(default_factory=list)
    threshold: float = 0.5
    score: float = 0.0
    mask: object = None
    parts: dict = field(default_factory=dict)
    written: dict = field(default_factory=dict)

    @property
    def present(self):
        """Whether the last cut left anything."""
        return self.mask is not None and bool(self.mask.any())

    def cut(self, spacing, threshold=None, keepLargest=None, minimumArea=None):
        """Cut the kept map; the model is not asked again.

        Args:
            spacing: (column, row, slice) mm, as CTVolume gives it.
            threshold: None for the model's own.
            keepLargest: None for the model's own way.
            minimumArea: mm2; None for the model's own.
        """
        from lsms_core.inference.postprocess import PostprocessingConfig, recut

        config = PostprocessingConfig.from_dict(self.summary.get("postprocessing") or {})
        if threshold is None:
            threshold = float(self.summary.get("threshold", config.mask_threshold))
        cut = recut(
            self.probability,
            float(threshold),
            tuple(reversed(spacing)),
            config,
            axis=self.axis,
            keep_largest=keepLargest,
            min_area_mm2=minimumArea,
            kept=self.answered if self.summary.get("dropped") else None,
        )
        self.threshold, self.score, self.mask = cut.threshold, cut.score, cut.mask

    def fullMask(self, mask=None):
        """Return a mask of the slices (default: the last cut) on the volume's whole grid."""
        full = np.zeros(self.shape, np.bool_)
        full[self._place()] = self.mask if mask is None else mask
        return full

    def searched(self, whole):
        """Return the slices that were searched of an array on the volume's grid."""
        return whole[self._place()]

    def mainSlice(self):
        """Return the slice with most of it; where nothing is left, the most probable one."""
        if not self.present and self.probability is None:
            return int(self.slices[len(self.slices) // 2])
        others = tuple(a for a in range(3) if a != self.axis)
        weight = self.mask.sum(axis=others) if self.present else self.probability.max(axis=others)
        return int(self.slices[int(np.argmax(weight))])

    def region(self):
        """Return where was searched: bool, broadcasts to the volume's shape."""
        shape = [1, 1, 1]
        shape[self.axis] = self.shape[self.axis]
        region = np.zeros(self.shape[self.axis], np.bool_)
        region[list(self.slices)] = True
        return region.reshape(shape)

    def _place(self):
        place = [slice(None)] * 3
        place[self.axis] = np.asarray(self.slices, np.intp)
        return tuple(place)

    def sliceText(self):
        """Return the slices searched, as saved with the segment."""
        first, last = self.slices[0], self.slices[-1]
        return str(first) if first == last else f"{first}-{last}"
