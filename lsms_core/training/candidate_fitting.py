"""Fits the candidate classifier, which separates lesions from false positives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.regions import LESION_LABEL, label_components
from lsms_core.dataset.sources import Case
from lsms_core.errors import InputError
from lsms_core.inference.candidate_classifier import FEATURES, CandidateClassifier
from lsms_core.training.logistic import fit_logistic

if TYPE_CHECKING:
    from lsms_core.inference.predictor import Predictor

# Of the squared weights of standardised features: few candidates, correlated features.
RIDGE = 3.0
# A candidate is a lesion where this share of it is of lesions, or where it holds this share of one.
_OWN_SHARE = 0.2
_LESION_SHARE = 0.3
_SMALLEST_SCALE = 1e-6


@dataclass(frozen=True)
class CandidateTable:
    """Candidates of several cases.

    Attributes:
        features: (n, F) from :func:`lsms_core.inference.candidate_classifier.candidate_features`.
        lesion: (n,), whether each is a lesion.
        patients: whose each is.
        longest_mm: (n,), longest diameters.
    """

    features: NDArray[np.float64]
    lesion: NDArray[np.bool_]
    patients: tuple[str, ...]
    longest_mm: NDArray[np.float64]


def gather_candidates(
    predictor: Predictor, cases: Sequence[Case], done: Callable[[Case, int], None] | None = None
) -> CandidateTable:
    """Search cases and compare what is found with what a reader outlined.

    Args:
        predictor: the model; a classifier that it has is left out.
        cases: those whose lesions are not all outlined are skipped. Where the model was trained
            on them it invents less, and is surer of lesions, than elsewhere.
        done: called after each case with the number of its candidates.
    """
    plain = replace(predictor.postprocessing, classifier=None)
    features, lesion, longest = [np.zeros((0, len(FEATURES)))], [np.zeros(0, bool)], [np.zeros(0)]
    patients: list[str] = []
    for case in cases:
        if not case.lesions_labelled:
            continue
        volume = CTVolume.from_sitk(sitk.ReadImage(str(case.image)))
        label = sitk.GetArrayFromImage(sitk.ReadImage(str(case.label)))
        axis = SlicePlane.of(volume, "axial").axis
        others = tuple(a for a in range(3) if a != axis)
        slices = np.flatnonzero((label > 0).any(axis=others)).tolist()
        found = predictor.search(volume, slices=slices, postprocessing=plain)
        if found.lesions:
            features.append(found.features())
            lesion.append(are_lesions(found.labels, label == LESION_LABEL))
            longest.append(np.array([one.longest_mm for one in found.lesions]))
            patients += [case.group] * len(found.lesions)
        if done:
            done(case, len(found.lesions))
    return CandidateTable(
        np.concatenate(features), np.concatenate(lesion), tuple(patients), np.concatenate(longest)
    )


def joined(tables: Sequence[CandidateTable]) -> CandidateTable:
    """Return the candidates of several models, each of patients that it has not seen, as one."""
    return CandidateTable(
        np.concatenate([one.features for one in tables]),
        np.concatenate([one.lesion for one in tables]),
        tuple(patient for one in tables for patient in one.patients),
        np.concatenate([one.longest_mm for one in tables]),
    )


def fit_classifier(
    features: NDArray[np.float64],
    lesion: NDArray[np.bool_],
    patients: Sequence[str],
    *,
    ridge: float = RIDGE,
    threshold: float = 0.5,
) -> CandidateClassifier:
    """Fit a logistic regression by Newton's method.

    A patient with many candidates counts as the root of their number: these are much alike.

    Args:
        features: (n, F) from :func:`lsms_core.inference.candidate_classifier.candidate_features`.
        lesion: (n,), whether each candidate is a lesion.
        patients: whose each is.
        ridge: penalty on the squared weights.
        threshold: of the classifier.

    Raises:
        InputError: when there are not candidates of both kinds.
    """
    if len(set(np.asarray(lesion, bool).tolist())) < 2:
        raise InputError(
            "The candidates are all lesions, or none is: give cases with both, and a lower "
            "threshold of the map if need be."
        )
    means, scales = features.mean(axis=0), features.std(axis=0) + _SMALLEST_SCALE
    standard = np.column_stack([(features - means) / scales, np.ones(len(features))])
    truth, counts = np.asarray(lesion, np.float64), _patient_weights(patients)
    penalty = np.full(standard.shape[1], ridge)
    penalty[-1] = 0.0
    weights = fit_logistic(standard, truth, penalty, counts, damping=_SMALLEST_SCALE)
    return CandidateClassifier(
        tuple(means.tolist()),
        tuple(scales.tolist()),
        tuple(weights[:-1].tolist()),
        float(weights[-1]),
        threshold,
    )


def are_lesions(labels: NDArray[Any], lesions: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether candidates are lesions, (n,), the candidate 1 first.

    Args:
        labels: (slices, rows, columns), candidates 1..n, 0 elsewhere.
        lesions: the same shape, what a reader outlined.
    """
    numbers, _ = label_components(lesions)
    found = []
    for number in range(1, int(labels.max(initial=0)) + 1):
        held = numbers[labels == number]
        own = np.count_nonzero(held) / max(len(held), 1)
        shares = [np.count_nonzero(held == n) / np.count_nonzero(numbers == n)
                  for n in np.unique(held[held > 0])]  # fmt: skip
        found.append(own >= _OWN_SHARE or max(shares, default=0.0) >= _LESION_SHARE)
    return np.array(found, dtype=bool)


def left_out_probabilities(
    features: NDArray[np.float64],
    lesion: NDArray[np.bool_],
    patients: Sequence[str],
    *,
    ridge: float = RIDGE,
) -> NDArray[np.float64]:
    """Return the probability of each candidate by a classifier fitted without its patient."""
    whose = np.array(patients)
    found = np.zeros(len(features))
    for patient in sorted(set(patients)):
        out = whose == patient
        kept = whose[~out].tolist()
        classifier = fit_classifier(features[~out], lesion[~out], kept, ridge=ridge)
        found[out] = classifier.probabilities(features[out])
    return found


def _patient_weights(patients: Sequence[str]) -> NDArray[np.float64]:
    """Return the weight of each candidate; their mean is 1."""
    names, inverse, counts = np.unique(np.array(patients), return_inverse=True, return_counts=True)
    assert len(names)
    weights = 1.0 / np.sqrt(counts[inverse])
    return np.asarray(weights / weights.mean())
