"""The answer to one prompt of a run, and the segments made from it."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class Finding:
    """The answer to one prompt.

    Attributes:
        request: the run's :class:`Request`.
        segmentationNode: where it was written; None until something was.
        prompt: the text, tidied.
        volumeKey: the volume's key when the run began.
        shape: the volume's (slices, rows, columns).
        plane: "axial", "coronal" or "sagittal".
        axis: the array axis along which slices lie.
        slices: their indices along it.
        answer: the lsms_core Answer with its candidates; None for an older run.
        segmentIDs: the segments made of it; none where nothing was found.
        parts: segment ID -> its part of the mask, where there are several segments.
        written: segment ID -> the patch that was written, to notice edits.
    """

    request: object
    segmentationNode: object
    prompt: str
    volumeKey: str
    shape: tuple
    plane: str
    axis: int
    slices: tuple
    answer: object
    segmentIDs: list = field(default_factory=list)
    parts: dict = field(default_factory=dict)
    written: dict = field(default_factory=dict)

    @classmethod
    def of(cls, request, volumeKey, answer):
        """Return the finding of an answer that was not written yet."""
        return cls(
            request=request,
            segmentationNode=request.segmentationNode,
            prompt=answer.text,
            volumeKey=volumeKey,
            shape=answer.candidates.labels.shape,
            plane=answer.plane,
            axis=answer.candidates.search.axis,
            slices=tuple(answer.slices),
            answer=answer,
        )

    def withAnswer(self, answer):
        """Return a copy with another answer in the same segments."""
        return replace(
            self,
            answer=answer,
            segmentIDs=list(self.segmentIDs),
            parts=dict(self.parts),
            written=dict(self.written),
        )

    @property
    def present(self):
        """Whether the answer holds anything."""
        return self.answer.present if self.answer is not None else bool(self.segmentIDs)

    @property
    def score(self):
        """0 to 1: how sure the model is of it."""
        return float(self.answer.score) if self.answer is not None else 0.0

    @property
    def threshold(self):
        """The probability that was cut at."""
        return float(self.answer.threshold) if self.answer is not None else 0.5

    @property
    def mask(self):
        """(slices, rows, columns) bool on the volume's grid."""
        return self.answer.volume_mask

    @property
    def lesionLabels(self):
        """The lesions by their numbers, in the answer's box; 0 elsewhere."""
        return self.answer.lesion_labels

    @property
    def canBeCut(self):
        """Whether another threshold gives another answer without asking the model."""
        return self.answer is not None and self.answer.probability is not None

    def cut(self, threshold=None, keepLargest=None, minimumArea=None):
        """Answer from the kept map cut in another way; the model is not asked again.

        What was added or taken out by hand is decided anew: other lesions, other numbers.

        Args:
            threshold: None for the one of last time.
            keepLargest: None for the way of last time.
            minimumArea: mm2; None for that of last time.
        """
        if threshold is None:
            threshold = self.threshold
        self.answer = self.answer.recut(
            threshold, keep_largest=keepLargest, min_area_mm2=minimumArea
        )

    def mainSlice(self):
        """Return the slice with most of it; where nothing is left, the most probable one."""
        others = tuple(a for a in range(3) if a != self.axis)
        if self.answer is not None and self.present:
            return int(np.argmax(np.count_nonzero(self.mask, axis=others)))
        if not self.canBeCut:
            return int(self.slices[len(self.slices) // 2])
        weight = self.answer.candidates.probability.max(axis=others)
        return int(self.slices[int(np.argmax(weight[list(self.slices)]))])

    def region(self):
        """Return where was searched: bool, broadcasts to the volume's shape."""
        shape = [1, 1, 1]
        shape[self.axis] = self.shape[self.axis]
        region = np.zeros(self.shape[self.axis], np.bool_)
        region[list(self.slices)] = True
        return region.reshape(shape)

    def sliceText(self):
        """Return the slices searched, as saved with the segment."""
        first, last = self.slices[0], self.slices[-1]
        return str(first) if first == last else f"{first}-{last}"
