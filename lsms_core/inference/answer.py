"""An answer: the reading of a text, and the lesions that were kept or dropped, with reasons.

One type for the command line, the worker, 3D Slicer and JSON. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.regions import bounding_box
from lsms_core.inference.answer_wording import outcome, said_of
from lsms_core.inference.organ_outline import no_organ, organ_mask, organ_name
from lsms_core.inference.texts import EXAMPLES, clean_text
from lsms_core.language.query import Query, Reading
from lsms_core.language.select import Selection, Verdict, select
from lsms_core.language.unmeasured import TAUGHT, doubted_by_looks

if TYPE_CHECKING:
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.inference.postprocess import PostprocessingConfig

Region = Literal["lesions", "organ"]


@dataclass(frozen=True)
class Answer:
    """The answer to one text, on the input's own grid.

    Attributes:
        text: the text, with its white space tidied.
        candidates: what it was answered from.
        verdicts: what became of each candidate, in their order.
        reading: the reading of the text; None for an engine that uses the text directly.
        region: "lesions", or "organ" where the text asks for the liver, a lobe or a segment.
        message: the outcome in one sentence.
        notes: what else the user should know, in sentences.
        edits: masks of lesions that were edited after the answer, by number.
    """

    text: str
    candidates: CandidateSet
    verdicts: tuple[Verdict, ...]
    reading: Reading | None = None
    region: Region = "lesions"
    message: str = ""
    notes: tuple[str, ...] = ()
    edits: dict[int, NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        """All candidates with their measurements: those of the edited outlines after an edit."""
        if not self.edits:
            return self.candidates.lesions
        labels = self.candidates.labels.copy()
        for number, mask in self.edits.items():
            labels[labels == number] = 0
            labels[mask] = number
        return self.candidates.measured(labels)

    @property
    def kept(self) -> tuple[Lesion, ...]:
        """The lesions in the answer, the largest first."""
        kept = {v.number for v in self.verdicts if v.kept}
        return tuple(one for one in self.lesions if one.number in kept)

    @property
    def dropped(self) -> tuple[Lesion, ...]:
        """The candidates that are not in the answer."""
        kept = {v.number for v in self.verdicts if v.kept}
        return tuple(one for one in self.lesions if one.number not in kept)

    def verdict(self, number: int) -> Verdict:
        """Return the verdict on a candidate.

        Raises:
            InputError: when there is no such candidate.
        """
        self.candidates.check_number(number)
        return next(v for v in self.verdicts if v.number == number)

    @cached_property
    def volume_mask(self) -> NDArray[np.bool_]:
        """The mask on the volume's grid, (slices, rows, columns)."""
        if self.region == "organ":
            return organ_mask(self.candidates, self.reading.query if self.reading else Query())
        kept = [v.number for v in self.verdicts if v.kept]
        mask = self.candidates.mask_of([number for number in kept if number not in self.edits])
        for number in kept:
            if number in self.edits:
                mask |= self.edits[number]
        return mask

    @cached_property
    def box(self) -> tuple[slice, ...] | None:
        """The smallest box of the volume's grid that holds the mask; None for an empty one."""
        if self.region == "organ":
            return bounding_box(self.volume_mask, (0, 0, 0)) if self.present else None
        boxes = [
            bounding_box(self.edits[v.number], (0, 0, 0))
            if v.number in self.edits
            else self.candidates.boxes[v.number]
            for v in self.verdicts
            if v.kept
        ]
        if not boxes:
            return None
        return tuple(
            slice(min(s.start for s in sides), max(s.stop for s in sides))
            for sides in zip(*boxes, strict=True)
        )

    @property
    def voxels(self) -> int:
        """How many voxels the mask has."""
        return int(self._areas.sum())

    @cached_property
    def lesion_labels(self) -> NDArray[np.uint16]:
        """The lesions that are kept, by their numbers, in :attr:`box`; an organ is 1."""
        box = self.box
        if box is None:
            return np.zeros((0, 0, 0), np.uint16)
        if self.region == "organ":
            return self.volume_mask[box].astype(np.uint16)
        kept = [v.number for v in self.verdicts if v.kept and v.number not in self.edits]
        labels = np.where(
            np.isin(self.candidates.labels[box], kept), self.candidates.labels[box], 0
        )
        for number, mask in self.edits.items():
            if self.verdict(number).kept:
                labels[mask[box]] = number
        return labels.astype(np.uint16, copy=False)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask, of the input's shape; empty where the text fits nothing."""
        return self.volume_mask[0] if self.candidates.search.flat else self.volume_mask

    @cached_property
    def present(self) -> bool:
        """Whether the text fits anything."""
        if self.region == "organ":
            return bool(self.volume_mask.any())
        return any(v.kept for v in self.verdicts)

    @property
    def score(self) -> float:
        """The best score of what was kept; of the best candidate's where nothing was."""
        if self.region == "organ":
            return float(self.present)
        scores = self.candidates.scores
        kept = [scores[v.number - 1] for v in self.verdicts if v.kept]
        if kept:
            return max(kept)
        return self.candidates.best if self.reading is None or not scores else 0.0

    @property
    def probability(self) -> NDArray[np.float16] | None:
        """The map that the candidates were cut from, of the input's shape, if it was kept."""
        found = self.candidates.probability
        return found[0] if found is not None and self.candidates.search.flat else found

    @property
    def threshold(self) -> float:
        """The probability that the map was cut at."""
        return self.candidates.config.mask_threshold

    @property
    def postprocessing(self) -> PostprocessingConfig:
        """How the map was cut."""
        return self.candidates.config

    @property
    def slices(self) -> tuple[int, ...]:
        """The indices that were run, along ``axis``; (0,) for a 2-D image."""
        return self.candidates.search.slices

    @property
    def axis(self) -> int | None:
        """The array axis along which the slices lie; None for a 2-D image."""
        return None if self.candidates.search.flat else self.candidates.search.axis

    @property
    def plane(self) -> str:
        """The plane of the slices: "axial", "coronal" or "sagittal"."""
        return self.candidates.search.plane

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """(4, 4) IJK to RAS mm of the input; None for a 2-D image."""
        return None if self.candidates.search.flat else self.candidates.search.volume.affine

    @property
    def engine(self) -> str:
        """The engine's name."""
        return self.candidates.search.engine

    @property
    def model(self) -> str:
        """The model's name and version."""
        return self.candidates.search.model

    @property
    def device(self) -> str:
        """Where the last slice was run."""
        return self.candidates.search.device

    @property
    def fallback(self) -> str | None:
        """The limitation under which the run was finished, such as no GPU memory; None for none."""
        return self.candidates.search.fallback

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of image and answer, in sentences."""
        return (*self.candidates.search.warnings, *self.notes)

    @cached_property
    def _areas(self) -> NDArray[np.int64]:
        """How many voxels each slice along the axis has."""
        axis = self.candidates.search.axis
        counts = np.zeros(self.candidates.labels.shape[axis], np.int64)
        if self.box is not None:
            others = tuple(a for a in range(3) if a != axis)
            counts[self.box[axis]] = np.count_nonzero(self.volume_mask[self.box], axis=others)
        return counts

    @property
    def area_mm2(self) -> float:
        """The mask's largest cross-section among the slices."""
        spacing = self.candidates.search.spacing_mm
        pixel = float(np.prod(np.delete(spacing, self.candidates.search.axis)))
        return float(self._areas.max(initial=0)) * pixel

    @property
    def volume_ml(self) -> float | None:
        """The mask's volume; None for a single picture without slice thickness."""
        search = self.candidates.search
        if search.flat:
            return None
        voxel = abs(float(np.linalg.det(search.volume.affine[:3, :3]))) / 1000.0
        return float(self._areas.sum()) * voxel

    @property
    def found_slices(self) -> tuple[int, int] | None:
        """First and last slice that the mask reaches, None where it is empty."""
        found = np.flatnonzero(self._areas)
        return (int(found[0]), int(found[-1])) if len(found) else None

    def recut(
        self,
        threshold: float,
        *,
        keep_largest: bool | None = None,
        min_area_mm2: float | None = None,
    ) -> Answer:
        """Answer from the kept map cut at another threshold; the model is not asked again.

        Raises:
            InputError: when the probability map was not kept.
        """
        again = self.candidates.at_threshold(
            threshold, keep_largest=keep_largest, min_area_mm2=min_area_mm2
        )
        if self.reading is None:
            return accept_all(again, self.text, self.notes)
        return answer(again, self.reading)

    def with_verdict(self, number: int, keep: bool, reason: str) -> Answer:
        """Return the answer with a lesion added, or taken out, by hand or by a correction."""
        self.candidates.check_number(number)
        changed = Verdict(number, "kept" if keep else "dropped", (reason,))
        verdicts = tuple(changed if v.number == number else v for v in self.verdicts)
        return replace(self, verdicts=verdicts, region="lesions")

    def lines(self) -> tuple[list[str], list[str]]:
        """Return a line for each lesion, kept or dropped; none for an organ."""
        kept, dropped = [], []
        for one in self.lesions if self.region == "lesions" else ():
            verdict = self.verdict(one.number)
            said = "; ".join(verdict.reasons)
            name = f"lesion {one.number}: {one.describe()}"
            if verdict.kept:
                kept.append(f"{name}{f' ({said})' if said else ''}")
            else:
                dropped.append(f"{name}: dropped, {said}")
        return kept, dropped

    def to_dict(self) -> dict[str, Any]:
        """Return the answer for JSON, without masks."""

        def told(one: Lesion) -> dict[str, Any]:
            verdict = self.verdict(one.number)
            said = {"decision": verdict.decision, "reasons": list(verdict.reasons)}
            return {**one.to_dict(), "place": one.place, **said}

        return {
            "text": self.text,
            "reading": None if self.reading is None else self.reading.to_dict(),
            "region": self.region,
            "message": self.message,
            "present": self.present,
            "score": round(self.score, 4),
            "threshold": self.threshold,
            "kept": [told(one) for one in self.kept],
            "dropped": [told(one) for one in self.dropped],
            "notes": list(self.notes),
        }


def answer(candidates: CandidateSet, text: str | Reading | Query) -> Answer:
    """Answer a text from candidates.

    Args:
        candidates: of a search, or of an existing segmentation.
        text: the text, what was read from it, or what is meant.
    """
    from lsms_core.inference.candidate_looks import heard

    reading = reading_of(text)
    tidy, query = reading.text, reading.query
    if not reading.understood:
        reason = "the text was not understood"
        verdicts = tuple(
            Verdict(n, "dropped", (reason,)) for n in range(1, len(candidates.scores) + 1)
        )
        message = f'Not understood: "{tidy}". Name a lesion, such as {EXAMPLES}.'
        return Answer(tidy, candidates, verdicts, reading, message=message)
    candidates = heard(candidates, reading)
    found = doubted_by_looks(_selected(candidates, query), candidates.lesions, reading)
    notes = list(found.notes)
    if reading.unread:
        notes.append(f"Not read: {', '.join(reading.unread)}.")
    if any(one.evidence is not None for one in candidates.lesions):
        notes.append(TAUGHT)
    if query.whole_organ and query.organ == "liver" and not query.nothing:
        region = Answer(tidy, candidates, found.verdicts, reading, "organ", notes=tuple(notes))
        message = f"Outlined {organ_name(query)}." if region.present else no_organ(query)
        return replace(region, message=message)
    whole = Answer(tidy, candidates, found.verdicts, reading, notes=tuple(notes))
    if candidates.config.keep_largest:
        whole = _largest_only(whole)
    return replace(whole, message=said_of(whole, query, found))


def _selected(candidates: CandidateSet, query: Query) -> Selection:
    """Select among the candidates that are taken for lesions; the others are dropped."""
    unlikely = {
        n: Verdict(n, "dropped", (f"probably no lesion ({candidates.scores[n - 1]:.0%})",))
        for n in candidates.unlikely
    }
    found = select([o for o in candidates.lesions if o.number not in unlikely], query)
    if not unlikely:
        return found
    verdicts = unlikely | {verdict.number: verdict for verdict in found.verdicts}
    return replace(found, verdicts=tuple(verdicts[o.number] for o in candidates.lesions))


def accept_all(candidates: CandidateSet, text: str, notes: tuple[str, ...] = ()) -> Answer:
    """Return the answer of an engine that looked for this text: all that it found."""
    verdicts = tuple(Verdict(n, "kept") for n in range(1, len(candidates.scores) + 1))
    whole = Answer(text, candidates, verdicts, None, notes=notes)
    if candidates.config.keep_largest:
        whole = _largest_only(whole)
    return replace(whole, message=outcome(whole))


def reading_of(text: str | Reading | Query) -> Reading:
    """Return the reading of a text, or the one that is given."""
    if isinstance(text, Reading):
        return text
    if isinstance(text, Query):
        return Reading("", text)
    from lsms_core.language.read import read

    return read(clean_text(text))


def _largest_only(whole: Answer) -> Answer:
    kept = [v.number for v in whole.verdicts if v.kept]
    for number in kept[1:]:  # they are numbered by size
        whole = whole.with_verdict(number, False, "only the largest was asked for")
    return whole
