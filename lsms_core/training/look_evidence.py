"""Tests LSMS's evidence for appearances on left-out patients, and calibrates it.

Synthetic lesions of known appearance are put into livers that the network has not seen, and texts
that training never used ask for them. The mean difference of S for the text and for "lesion" is
compared with the truth: by the area under the ROC curve, with a bootstrap interval over patients,
and by a logistic regression of this number. An appearance is left out where the interval reaches
0.5, and where the area is too small to be useful.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.dataset.look_pictures import LookPictures
from lsms_core.errors import InputError
from lsms_core.inference.evidence_calibration import EvidenceCalibration, LookCalibration
from lsms_core.language.unmeasured import LOOKS, PLAIN, Look
from lsms_core.models.lsms.model import LSMSModel
from lsms_core.training.logistic import fit_logistic
from lsms_core.training.text import tokenize

# The smallest useful area under the ROC curve: one pair of lesions in four in the wrong order.
USEFUL_AREA = 0.75
_RESAMPLED = 1000
_RIDGE = 1e-3


@dataclass(frozen=True)
class LookTable:
    """Lesions of known looks, each asked for every look.

    Attributes:
        more: by look, (n,) mean logits of S inside each lesion, less those of ``plain``.
        plain: (n,) mean logits for the text "lesion".
        shown: by look, (n,) whether the lesion has it.
        patients: (n,) whose liver each lies in.
    """

    more: dict[Look, NDArray[np.float64]]
    plain: NDArray[np.float64]
    shown: dict[Look, NDArray[np.bool_]]
    patients: NDArray[np.str_]


@torch.inference_mode()
def gather_looks(
    model: LSMSModel,
    tokenizer: object,
    pictures: LookPictures,
    done: Callable[[int], None] | None = None,
) -> LookTable:
    """Ask a network for the looks of the lesions of some pictures.

    Args:
        model: an LSMS that listens.
        tokenizer: its own.
        pictures: of patients that it has not seen.
        done: told how many pictures are done.

    Raises:
        InputError: when the network does not listen.
    """
    if not model.config.listens:
        raise InputError("This model was taught no looks: train one with listen_with.")
    model.eval()
    rows: list[tuple[str, list[float], list[bool]]] = []
    for index in range(len(pictures)):
        picture = pictures[index]
        read = tokenize(tokenizer, picture["texts"], model.config.max_tokens)
        logits = model(
            picture["image"][None], read["input_ids"], read["attention_mask"]
        ).logits[:, 0]  # fmt: skip
        for number in picture["lesions"].unique().tolist():
            if number > 0:
                inside = picture["lesions"] == number
                means = logits[:, inside].mean(dim=1).tolist()
                rows.append((picture["patient"], means, picture["named"][:, number].tolist()))
        if done:
            done(index + 1)
    means = np.array([row[1] for row in rows], np.float64)
    shown = np.array([row[2] for row in rows], bool)
    assert pictures[0]["texts"][-1] == PLAIN
    return LookTable(
        {look: means[:, n] - means[:, -1] for n, look in enumerate(LOOKS)},
        means[:, -1],
        {look: shown[:, n] for n, look in enumerate(LOOKS)},
        np.array([row[0] for row in rows]),
    )


def fit_evidence(table: LookTable, seed: int = 0) -> EvidenceCalibration:
    """Return the calibration of the looks that beat chance on these patients, and by enough."""
    looks: dict[Look, LookCalibration] = {}
    for look in LOOKS:
        found = area(table.more[look], table.shown[look], table.patients, seed)
        if found[1] > 0.5 and found[0] >= USEFUL_AREA:
            weight, bias = _logistic(table.more[look], table.shown[look])
            looks[look] = LookCalibration(weight, bias, found)
    return EvidenceCalibration(looks)


def area(
    values: NDArray[np.float64],
    truth: NDArray[np.bool_],
    patients: NDArray[np.str_],
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval by bootstrap over patients."""
    rng = np.random.default_rng(seed)
    names = np.unique(patients)
    places = {name: np.flatnonzero(patients == name) for name in names}
    areas = []
    for _ in range(_RESAMPLED):
        some = np.concatenate([places[name] for name in rng.choice(names, len(names))])
        if 0 < np.count_nonzero(truth[some]) < len(some):
            areas.append(_area(values[some], truth[some]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return _area(values, truth), float(low), float(high)


def _area(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Mann and Whitney: how often one that is true ranks above one that is not; ties are halves."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1))[place]
    yes, no = np.count_nonzero(truth), np.count_nonzero(~truth)
    return float((rank[truth].sum() - 0.5 * yes * (yes + 1)) / (yes * no))


def _logistic(values: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Return a weight and a bias."""
    columns = np.column_stack([values, np.ones(len(values))])
    weights = fit_logistic(columns, truth, np.full(2, _RIDGE))
    return float(weights[0]), float(weights[1])


def told(table: LookTable, seed: int = 0) -> Sequence[str]:
    """Say how well each look is seen: by its words, and as a control by the plain text."""
    lines = []
    for look in LOOKS:
        own = area(table.more[look], table.shown[look], table.patients, seed)
        plain = area(table.plain, table.shown[look], table.patients, seed)
        other = area(
            table.more[LOOKS[1 - LOOKS.index(look)]], table.shown[look], table.patients, seed
        )
        lines.append(
            f"{look}: {np.count_nonzero(table.shown[look])} of {len(table.plain)} lesions; area "
            f"under the ROC curve {_figure(own)}; asked for \"{PLAIN}\" {_figure(plain)}, for the "
            f"other look {_figure(other)}"
        )  # fmt: skip
    return lines


def _figure(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"
