"""The pictures of an explanation: the result of each stage, drawn on the slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lsms_core.models.medclip_sam.stages import StageMaps

PROMPT_COLOUR = (255, 220, 0)
MASK_COLOUR = (255, 150, 30)
DROPPED_COLOUR = (80, 140, 255)
_WINDOW_HU = (-110.0, 190.0)
_GAP = 4
_INPUT = "What the model saw: the slice at its own resolution and window."


@dataclass(frozen=True)
class StagePicture:
    """One stage.

    Attributes:
        title: its name, a word or two.
        caption: how to read the picture, for a radiologist.
        picture: (H, W, 3), 0 to 255.
    """

    title: str
    caption: str
    picture: NDArray[np.uint8]


def of_map(
    prepared: NDArray[np.float32], probability: NDArray[np.float32], threshold: float
) -> tuple[StagePicture, ...]:
    """Show an engine without stages: slice, probability map, finding.

    Args:
        prepared: (C, H, W), -1 to 1, as the model saw it; the middle one is the slice.
        probability: (H, W), 0 to 1.
        threshold: from which a pixel belongs to the finding.
    """
    slice_ = _colour(0.5 * (prepared[len(prepared) // 2] + 1.0))
    half = np.full(probability.shape, 0.5)
    found = probability >= threshold
    return (
        StagePicture("Slice", _INPUT, slice_),
        StagePicture(
            "Probability",
            "The probability of what the text names at each pixel: blue 0, green 0.5, red 1.",
            _blend(slice_, _heat(probability), half),
        ),
        StagePicture(
            "Finding",
            f"Pixels of probability {threshold:.2f} or more, before small specks are removed."
            if found.any()
            else "No pixel reaches the threshold, so nothing is marked.",
            _blend(slice_, np.full_like(slice_, MASK_COLOUR), 0.6 * found),
        ),
    )


def of_candidates(
    hu: NDArray[np.float32],
    probability: NDArray[np.float32],
    candidates: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    threshold: float,
) -> tuple[StagePicture, ...]:
    """Show an engine with text-independent maps: the lesions' map, and the decision on each.

    Args:
        hu: (rows, columns), the canonical slice.
        probability: how probably a pixel is of a lesion, 0 to 1.
        candidates: what was cut from it and lies in the liver.
        kept: what is in the answer.
        threshold: that the map was cut at.
    """
    low, high = _WINDOW_HU
    slice_ = _colour((hu - low) / (high - low))
    half = np.full(probability.shape, 0.5)
    marked = _blend(slice_, np.full_like(slice_, DROPPED_COLOUR), 0.6 * (candidates & ~kept))
    return (
        StagePicture("Slice", "The slice that was searched.", slice_),
        StagePicture(
            "Lesions",
            "The probability of a lesion at each pixel, for every text: blue 0, green 0.5, red 1.",
            _blend(slice_, _heat(probability), half),
        ),
        StagePicture(
            "Candidates",
            f"Lesions of the liver, cut at {threshold:.2f}: orange what the text keeps, blue "
            "what it drops; the reasons stand beside it."
            if candidates.any() or kept.any()
            else "There is no candidate, so nothing is marked.",
            _blend(marked, np.full_like(slice_, MASK_COLOUR), 0.6 * kept),
        ),
    )


def of_stages(stages: StageMaps) -> tuple[StagePicture, ...]:
    """Show MedCLIP-SAM's stages: slice, saliency, coarse mask with SAM's prompts, finding."""
    slice_ = _colour(stages.picture)
    orange = np.full_like(slice_, MASK_COLOUR)
    coarse = _blend(slice_, orange, 0.4 * stages.coarse)
    for prompt in stages.prompts:
        _draw_prompt(coarse, prompt.box, prompt.points)
    half = np.full(stages.picture.shape, 0.5)
    return (
        StagePicture("Slice", _INPUT, slice_),
        StagePicture(
            "Attention",
            "Which parts make the slice fit the text: red most, blue least. The colours are "
            "relative: something is always red, even where the text fits nothing.",
            _blend(slice_, _heat(stages.saliency), half),
        ),
        StagePicture(
            "Where to look",
            "The attention cleaned up to a rough area (orange), and the box or the points "
            "(yellow) that the outlining step is given."
            if stages.prompts
            else "Nothing stands out from the attention, so there is nothing to outline.",
            coarse,
        ),
        StagePicture(
            "Finding",
            "The outline that the yellow prompt led to; stronger orange is more certain."
            if stages.probability.any()
            else "Nothing is marked: the text was turned down, or nothing was outlined.",
            _blend(slice_, orange, 0.6 * stages.probability),
        ),
    )


def side_by_side(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures of one height beside each other, with white gaps."""
    gap = np.full((pictures[0].shape[0], _GAP, 3), 255, np.uint8)
    row = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(row[:-1], axis=1)


def _colour(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn 0 to 1 into grey of three channels."""
    return np.stack([(255 * np.clip(grey, 0, 1)).astype(np.uint8)] * 3, axis=-1)


def _heat(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blue over green and yellow to red, for 0 to 1."""
    stops = np.array([[0, 0, 130], [0, 160, 200], [120, 220, 60], [255, 210, 0], [210, 0, 0]])
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(values, at, stops[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def _blend(
    below: NDArray[np.uint8], above: NDArray[np.uint8], share: NDArray[Any]
) -> NDArray[np.uint8]:
    weight = share[..., None]
    mixed: NDArray[np.uint8] = (below * (1 - weight) + above * weight).astype(np.uint8)
    return mixed


def _draw_prompt(
    picture: NDArray[np.uint8],
    box: tuple[float, float, float, float] | None,
    points: NDArray[np.float32],
) -> None:
    rows, columns = picture.shape[:2]
    if box is not None:
        x0, y0 = int(box[0]), int(box[1])
        x1, y1 = min(int(box[2]), columns) - 1, min(int(box[3]), rows) - 1
        picture[[y0, y1], x0 : x1 + 1] = PROMPT_COLOUR
        picture[y0 : y1 + 1, [x0, x1]] = PROMPT_COLOUR
    for x, y in points:
        row, column = int(y), int(x)
        picture[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = PROMPT_COLOUR
