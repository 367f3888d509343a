"""The results of each stage of the pipeline, and their times."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lsms_core.models.medclip_sam.sam import Prompt

STAGES = (
    "text",
    "image",
    "saliency",
    "masked pictures",
    "clean-up",
    "SAM image",
    "SAM prompts",
)


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


@dataclass(frozen=True)
class StageTime:
    """What a stage took.

    Attributes:
        calls: how often it ran; masked pictures are counted one by one.
        seconds: by the clock on the wall.
        processor_seconds: of the processor, over all threads; the GPU's are not among them.
    """

    calls: int
    seconds: float
    processor_seconds: float


class StageClock:
    """Adds up the seconds of each stage; waits for the GPU, so that they are true.

    The processor's own seconds, over all threads, tell what a stage costs even on a computer
    that is busy with other things. A stage within a stage counts for itself alone.
    """

    def __init__(self) -> None:
        self._times: dict[str, StageTime] = {}
        self._inner: list[tuple[float, float]] = []

    @contextmanager
    def stage(self, name: str, count: int = 1) -> Iterator[None]:
        """Time a block as ``count`` calls of a stage."""
        started, processor = time.perf_counter(), time.process_time()
        self._inner.append((0.0, 0.0))
        try:
            yield
        finally:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            spent = time.perf_counter() - started, time.process_time() - processor
            inner = self._inner.pop()
            if self._inner:
                outer = self._inner[-1]
                self._inner[-1] = outer[0] + spent[0], outer[1] + spent[1]
            before = self._times.get(name, StageTime(0, 0.0, 0.0))
            self._times[name] = StageTime(
                before.calls + count,
                before.seconds + max(spent[0] - inner[0], 0.0),
                before.processor_seconds + max(spent[1] - inner[1], 0.0),
            )

    def reset(self) -> None:
        """Forget what was measured."""
        self._times.clear()

    def times(self) -> dict[str, StageTime]:
        """Return what was measured by stage, in the order of the pipeline."""
        return {name: self._times[name] for name in STAGES if name in self._times}

    def report(self) -> str:
        """Return a table of the stages, as Markdown."""
        lines = [
            "| stage | calls | seconds | of the processor | share |",
            "|---|---|---|---|---|",
        ]
        times = self.times()
        total = sum(one.seconds for one in times.values())
        processor = sum(one.processor_seconds for one in times.values())
        for name, one in times.items():
            share = 100 * one.seconds / total if total else 0.0
            lines.append(
                f"| {name} | {one.calls} | {one.seconds:.3f} | {one.processor_seconds:.3f} | "
                f"{share:.0f} % |"
            )
        lines.append(f"| all | | {total:.3f} | {processor:.3f} | |")
        return "\n".join(lines)
