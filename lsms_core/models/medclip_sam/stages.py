"""What each stage of the pipeline found, and how long it took."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.models.medclip_sam.sam import Prompt

STAGES = ("text", "image", "saliency", "clean-up", "SAM image", "SAM prompts")


@dataclass(frozen=True)
class StageMaps:
    """One answer, stage by stage, on the grid of the picture that the engine saw.

    Attributes:
        picture: (H, W), 0 to 1.
        saliency: (H, W), 0 to 1.
        coarse: (H, W) mask after clean-up.
        prompts: what SAM was asked.
        probability: (H, W), 0 to 1; all 0 where the text was rejected.
        text_score: cosine of picture and text.
        neutral_scores: cosine of the picture and each neutral text.
        fits: whether the text fits the picture better than every neutral text.
    """

    picture: NDArray[np.float32]
    saliency: NDArray[np.float32]
    coarse: NDArray[np.bool_]
    prompts: tuple[Prompt, ...]
    probability: NDArray[np.float32]
    text_score: float
    neutral_scores: Mapping[str, float]
    fits: bool

    @property
    def verdict(self) -> str:
        """Why something was found or not, in a sentence."""
        best = max(self.neutral_scores, key=lambda t: self.neutral_scores[t])
        compared = f"{self.text_score:.3f} for the text, {self.neutral_scores[best]:.3f} for {best}"
        if not self.fits:
            return f"The text fits the picture no better than a neutral one ({compared})."
        if not self.prompts:
            return f"The text fits the picture ({compared}), but no part of it stands out."
        return f"The text fits the picture better than neutral ones ({compared})."


class StageClock:
    """Adds up the seconds of each stage; waits for the GPU, so that they are true."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._calls: dict[str, int] = defaultdict(int)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block as one call of a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self._seconds[name] += time.perf_counter() - started
            self._calls[name] += 1

    def reset(self) -> None:
        """Forget what was measured."""
        self._seconds.clear()
        self._calls.clear()

    def seconds(self) -> dict[str, float]:
        """Return the seconds by stage, in the order of the pipeline."""
        return {name: self._seconds[name] for name in STAGES if name in self._seconds}

    def report(self) -> str:
        """Return a table of the stages, as Markdown."""
        lines = ["| stage | calls | seconds | share |", "|---|---|---|---|"]
        total = sum(self._seconds.values())
        for name, seconds in self.seconds().items():
            share = 100 * seconds / total if total else 0.0
            lines.append(f"| {name} | {self._calls[name]} | {seconds:.3f} | {share:.0f} % |")
        lines.append(f"| all | | {total:.3f} | |")
        return "\n".join(lines)
