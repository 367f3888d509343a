"""Calibrates the evidence of LSMS to a probability, for each appearance that it was taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError
from lsms_core.language.unmeasured import LOOKS, Look, looks_in

if TYPE_CHECKING:
    from lsms_core.language.query import Reading


@dataclass(frozen=True)
class LookCalibration:
    """How the difference of two maps becomes a probability.

    Attributes:
        weight: of the mean logit of S for the text, less that for "lesion".
        bias: the logit where the two are equal.
        auc: area under the ROC curve on left-out patients, and its 95 % interval.
    """

    weight: float
    bias: float
    auc: tuple[float, float, float]

    def probability(self, difference: float) -> float:
        """Return how probably a lesion has the look."""
        return float(1.0 / (1.0 + np.exp(-(self.weight * difference + self.bias))))


@dataclass(frozen=True)
class EvidenceCalibration:
    """The looks that a model was taught and that beat chance; saved with the model.

    Attributes:
        looks: by name.
    """

    looks: Mapping[Look, LookCalibration] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EvidenceCalibration:
        """Read a calibration saved as JSON.

        Raises:
            BundleError: for unknown looks or entries.
        """
        entries = saved_entries(cls, values, "evidence")["looks"]
        unknown = sorted(set(entries) - set(LOOKS))
        if unknown:
            raise BundleError(
                f"Unknown looks {unknown}: the model needs a newer version of this software."
            )
        return cls(
            {k: LookCalibration(**saved_entries(LookCalibration, v, k)) for k, v in entries.items()}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return asdict(self)

    def asked(self, reading: Reading) -> tuple[Look, ...]:
        """Return the looks that a text speaks of and that the model was taught."""
        if not reading.understood or reading.query.organ == "other" or reading.query.whole_organ:
            return ()
        return tuple(look for look in looks_in(reading.unread) if look in self.looks)
