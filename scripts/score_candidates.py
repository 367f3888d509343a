"""Count which candidates of a model are kept, at several thresholds of its classifier.

    python scripts/score_candidates.py CASES SLICES --weights lsms-tiny --patients p031 p064

`CASES` and `SLICES` are folders of cases as docs/training.md describes them; take patients that the
model has not seen. Each case is searched in all slices of the liver, with votes and rims, as for an
answer. The last lines compare the classifier with one that is fitted on these candidates, each
patient's by the others'.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.sources import cases_of
from lsms_core.errors import InputError
from lsms_core.inference.predictor import Predictor
from lsms_core.training.candidate_fitting import gather_candidates, left_out_probabilities
from lsms_core.training.look_evidence import area

LARGE_MM = 10.0


def main() -> None:
    """Search and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path, nargs="+")
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--patients", nargs="*", help="default: all")
    parser.add_argument("--thresholds", nargs="*", type=float, default=[0.15, 0.3, 0.4, 0.5])
    options = parser.parse_args()
    predictor = Predictor.from_pretrained(options.weights, "cpu")
    classifier = predictor.postprocessing.classifier
    if classifier is None:
        parser.error("this model has no classifier")
    cases = cases_of(options.cases, options.patients)
    table = gather_candidates(predictor, cases)
    given = classifier.probabilities(table.features)
    large = table.longest_mm >= LARGE_MM
    print(
        f"{predictor.name}: {len(cases)} cases, {len(set(table.patients))} patients with candidates"
    )
    for name, some in (("all", np.ones_like(large)), ("10 mm and more", large)):
        for threshold in (0.0, *options.thresholds):
            print(f"{name}, from {threshold}: {_kept(table.lesion, some & (given >= threshold))}")
    if len(set(table.patients)) < 2:
        return
    try:
        anew = left_out_probabilities(table.features, table.lesion, table.patients)
    except InputError as error:
        print(f"No classifier was fitted anew: {error}")
    else:
        for name, values in (("this classifier", given), ("fitted anew", anew)):
            mean, low, high = area(values, table.lesion, np.array(table.patients))
            print(f"{name}: area under the ROC curve {mean:.2f} ({low:.2f} to {high:.2f})")


def _kept(lesion: NDArray[np.bool_], kept: NDArray[np.bool_]) -> str:
    lesions = np.count_nonzero(lesion & kept)
    return f"{lesions} lesions, {np.count_nonzero(kept) - lesions} inventions"


if __name__ == "__main__":
    main()
