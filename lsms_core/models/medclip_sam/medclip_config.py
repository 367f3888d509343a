"""Configuration of the MedCLIP-SAM pipeline; saved with its bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lsms_core.entries import saved_entries
from lsms_core.errors import BundleError

NEUTRAL_TEXTS = (
    "a picture",
    "a medical image",
    "normal anatomy without any finding",
    "sitting on a chair",
    "qwrt zxcv",
)


@dataclass(frozen=True)
class CrfConfig:
    """Two-class dense CRF (version 1).

    Attributes:
        iterations: of the mean field.
        tau: temperature of the unary term.
        gaussian_sxy: standard deviation of the smoothness kernel, pixels.
        gaussian_compat: its weight.
        bilateral_sxy: standard deviation of the appearance kernel in space, pixels.
        bilateral_srgb: in colour, for values of 0 to 255 in each of three channels.
        bilateral_compat: its weight.
    """

    iterations: int = 1
    tau: float = 1.05
    gaussian_sxy: float = 3.0
    gaussian_compat: float = 3.0
    bilateral_sxy: float = 60.0
    bilateral_srgb: float = 5.0
    bilateral_compat: float = 5.0


@dataclass(frozen=True)
class M2ibConfig:
    """Multi-modal information bottleneck (version 2).

    Attributes:
        blocks_after: transformer blocks between the bottleneck and the embedding.
        steps: of Adam.
        learning_rate: of Adam.
        samples: noise samples a step.
        beta: weight of the information that passes, against the agreement with the text.
        seed: of the noise, so that the same image and text give the same map.
    """

    blocks_after: int = 3
    steps: int = 10
    learning_rate: float = 1.0
    samples: int = 10
    beta: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class MedClipSamConfig:
    """How the stages are put together.

    Attributes:
        saliency: "gscorecam" (version 1) or "m2ib" (version 2).
        cleanup: "crf" (version 1) or "kmeans" (version 2).
        prompt: "box" of the largest contour, "boxes" of every contour, "points", or
            "box+points".
        sam_mask: "single", SAM's own answer to an unambiguous prompt; or "best", the one of
            its three answers that it expects to overlap best.
        top_channels: channels that gScoreCAM keeps.
        score_batch: masked images that are scored at once.
        components: contours that clean-up keeps, largest first; 0 for all.
        points: number of points where points are prompts.
        neutral_texts: texts that name nothing in particular; a text that fits the image no
            better than the best of these finds nothing.
        neutral_margin: by how much (cosine) a text must beat them.
        crf: the dense CRF.
        m2ib: the information bottleneck.
    """

    saliency: str = "gscorecam"
    cleanup: str = "crf"
    prompt: str = "box"
    sam_mask: str = "single"
    top_channels: int = 300
    score_batch: int = 50
    components: int = 1
    points: int = 10
    neutral_texts: tuple[str, ...] = NEUTRAL_TEXTS
    neutral_margin: float = 0.0
    crf: CrfConfig = field(default_factory=CrfConfig)
    m2ib: M2ibConfig = field(default_factory=M2ibConfig)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("saliency", ("gscorecam", "m2ib")),
            ("cleanup", ("crf", "kmeans")),
            ("prompt", ("box", "boxes", "points", "box+points")),
            ("sam_mask", ("single", "best")),
        ):
            if getattr(self, name) not in allowed:
                raise BundleError(
                    f"Unknown {name} {getattr(self, name)!r}: use {', '.join(allowed)}."
                )
        if min(self.top_channels, self.score_batch, self.points) < 1 or self.components < 0:
            raise BundleError("Channels, batch and points are counts: use 1 or more.")
        if not self.neutral_texts:
            raise BundleError("At least one neutral text is needed to compare a text with.")

    @classmethod
    def version(cls, name: str) -> MedClipSamConfig:
        """Return the configuration of a paper: "v1" or "v2".

        Raises:
            BundleError: for any other name.
        """
        if name == "v1":
            return cls()
        if name == "v2":
            return cls(saliency="m2ib", cleanup="kmeans")
        raise BundleError(f"Unknown version {name!r}: use v1 or v2.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MedClipSamConfig:
        """Read a configuration saved as JSON.

        Raises:
            BundleError: for unknown entries.
        """
        entries = saved_entries(cls, values, "MedCLIP-SAM")
        for name, part in (("crf", CrfConfig), ("m2ib", M2ibConfig)):
            if name in entries:
                entries[name] = part(**saved_entries(part, entries[name], f"MedCLIP-SAM {name}"))
        return cls(**entries)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration for saving as JSON."""
        return asdict(self)
