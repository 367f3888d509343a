"""Why here? Every stage of an answer, on the slice's own grid and as one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.data.geometry import CTVolume
from lsms_core.data.preprocessing import prepare_slice
from lsms_core.errors import InputError
from lsms_core.inference.texts import clean_text
from lsms_core.inference.view import SliceView

if TYPE_CHECKING:
    from lsms_core.inference.predictor import Predictor
    from lsms_core.models.medclip_sam.stages import StageMaps

PROMPT_COLOUR = (255, 220, 0)
MASK_COLOUR = (255, 150, 30)
_GAP = 4


@dataclass(frozen=True)
class Explanation:
    """An answer stage by stage; maps are on the stored slice, as ``array.take(index, axis)``.

    Attributes:
        text: what was asked.
        verdict: why something was found or not, in a sentence.
        saliency: (rows, columns), 0 to 1.
        coarse: (rows, columns) mask after clean-up.
        probability: (rows, columns), 0 to 1.
        stages: the same on the model's grid, with the prompts.
    """

    text: str
    verdict: str
    saliency: NDArray[np.float32]
    coarse: NDArray[np.bool_]
    probability: NDArray[np.float32]
    stages: StageMaps

    def draw(self) -> NDArray[np.uint8]:
        """Draw all stages beside each other; see :func:`draw_stages`."""
        return draw_stages(self.stages)


def explain(
    predictor: Predictor,
    image: CTVolume | NDArray[Any],
    text: str,
    *,
    plane: str | int = "axial",
    index: int = 0,
    spacing_mm: tuple[float, float] | None = None,
) -> Explanation:
    """Answer one text about one slice, and show every stage, even if the text is rejected.

    Args:
        predictor: with an engine that can explain itself.
        image: as for ``Predictor.segment``.
        text: one text.
        plane: as for ``Predictor.segment``.
        index: of the slice.
        spacing_mm: of a 2-D image.

    Raises:
        InputError: for an engine that cannot explain itself, or an unusable request.
    """
    engine = predictor.model
    run = getattr(engine, "stages", None)
    if run is None:
        raise InputError(
            f"The engine {predictor.engine} has no stages to show: use --engine medclip-sam."
        )
    view = SliceView.of(image, plane, index, spacing_mm)
    slab = view.slab(index, predictor.preprocessing.slice_offsets_mm)
    prepared, transform = prepare_slice(slab, view.plane.spacing_mm, predictor.preprocessing)
    stages: StageMaps = run(prepared, engine.encode(clean_text(text)), explain=True)

    def back(values: NDArray[Any]) -> NDArray[np.float32]:
        restored: NDArray[np.float32] = view.plane.restore(
            transform.restore(values.astype(np.float32))
        )
        return restored

    return Explanation(
        text=text,
        verdict=stages.verdict,
        saliency=back(stages.saliency),
        coarse=back(stages.coarse) > 0.5,
        probability=back(stages.probability),
        stages=stages,
    )


def draw_stages(stages: StageMaps) -> NDArray[np.uint8]:
    """Draw picture, saliency, coarse mask with SAM's prompts, and the answer side by side.

    Returns:
        (H, 4 W + gaps, 3).
    """
    grey = (255 * np.clip(stages.picture, 0, 1)).astype(np.uint8)
    picture = np.stack([grey] * 3, axis=-1)
    heat = _blend(picture, _heat(stages.saliency), 0.5 * np.ones(grey.shape))
    coarse = _blend(picture, np.full_like(picture, MASK_COLOUR), 0.4 * stages.coarse)
    for prompt in stages.prompts:
        _draw_prompt(coarse, prompt.box, prompt.points)
    answer = _blend(picture, np.full_like(picture, MASK_COLOUR), 0.6 * stages.probability)
    gap = np.full((grey.shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([picture, gap, heat, gap, coarse, gap, answer], axis=1)


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
