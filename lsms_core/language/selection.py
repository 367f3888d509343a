"""What words ask of a lesion as a whole: its size, and to be the largest or the foremost.

A network answers pixel by pixel; a diameter can be measured only on a whole answer. So the
words say what is asked (:mod:`lsms_core.models.lsms.asked`), and the components of the answer are
measured when the map is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lsms_core.entries import saved_entries
from lsms_core.language.slice_query import ABOUT_SIZE, Rank

# Halfway between what is called "about" a size and what surely is not.
_ABOUT = 1.5 * ABOUT_SIZE


@dataclass(frozen=True)
class Selection:
    """What a text asks of whole lesions; None where it asks nothing.

    Attributes:
        smaller_than_mm: upper limit of the longest diameter in the plane of the slices, mm.
        larger_than_mm: its lower limit.
        about_mm: its value, about.
        rank: which one of those left, by diameter or by position.
        place: 2 for the second by rank, and so on.
        anterior: how many mm one step along each array axis leads towards the patient's front;
            without it the position says nothing.
    """

    smaller_than_mm: float | None = None
    larger_than_mm: float | None = None
    about_mm: float | None = None
    rank: Rank | None = None
    place: int = 1
    anterior: tuple[float, ...] | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Selection:
        """Read a selection saved as JSON.

        Raises:
            BundleError: for unknown entries.
        """
        return cls(**saved_entries(cls, values, "selection"))

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        return asdict(self)

    @property
    def asks_size(self) -> bool:
        """Whether it depends on diameters."""
        limits = (self.smaller_than_mm, self.larger_than_mm, self.about_mm)
        return any(v is not None for v in limits) or self.rank in ("largest", "smallest")

    def choose(self, diameters_mm: Sequence[float], anterior_mm: Sequence[float]) -> list[int]:
        """Return the indices of the lesions that are meant.

        Args:
            diameters_mm: of each lesion; not looked at unless ``asks_size``.
            anterior_mm: of each lesion, how far to the front its centre lies.
        """
        left = [i for i in range(len(anterior_mm)) if self._fits(diameters_mm, i)]
        if self.rank is None or not left:
            return left
        if self.rank in ("largest", "smallest"):
            values: Sequence[float] = diameters_mm
        elif self.anterior is not None:
            values = anterior_mm
        else:
            return left
        first = self.rank in ("largest", "most anterior")
        left.sort(key=lambda i: values[i], reverse=first)
        return left[self.place - 1 : self.place]

    def describe(self) -> str:
        """Return the limits of the size in words, such as "smaller than 10 mm"."""
        parts = []
        if self.larger_than_mm is not None:
            parts.append(f"larger than {self.larger_than_mm:g} mm")
        if self.smaller_than_mm is not None:
            parts.append(f"smaller than {self.smaller_than_mm:g} mm")
        if self.about_mm is not None:
            parts.append(f"about {self.about_mm:g} mm")
        return " and ".join(parts)

    def _fits(self, diameters_mm: Sequence[float], i: int) -> bool:
        if self.smaller_than_mm is not None and diameters_mm[i] > self.smaller_than_mm:
            return False
        if self.larger_than_mm is not None and diameters_mm[i] < self.larger_than_mm:
            return False
        away = abs(diameters_mm[i] - self.about_mm) if self.about_mm is not None else 0.0
        return away <= _ABOUT * (self.about_mm or 0.0)
