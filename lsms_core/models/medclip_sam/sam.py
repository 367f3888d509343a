"""SAM behind a picture and prompts; the weights are those of transformers' layout.

A. Kirillov et al.: Segment Anything, ICCV 2023.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lsms_core.anatomy.regions import bounding_box, label_components
from lsms_core.errors import BundleError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Prompt:
    """One question to SAM, in pixels of the picture.

    Attributes:
        box: (x0, y0, x1, y1), edges of the outermost pixels; None for no box.
        points: (N, 2) of (x, y), all inside; (0, 2) for no points.
    """

    box: tuple[float, float, float, float] | None
    points: NDArray[np.float32]


def make_prompts(mask: NDArray[np.bool_], kind: str, points: int) -> list[Prompt]:
    """Turn a coarse mask into prompts; none for an empty mask.

    Args:
        mask: (H, W).
        kind: "box" and "points" ask about the largest contour, "box+points" with both,
            "boxes" about every contour.
        points: how many.
    """
    if not mask.any():
        return []
    labels, count = label_components(mask)
    chosen = range(1, count + 1) if kind == "boxes" else (1,)
    prompts = []
    for label in chosen:
        part = labels == label
        rows, columns = bounding_box(part, (0, 0))
        box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
        inside = spread_points(part, points) if "points" in kind else np.zeros((0, 2), np.float32)
        prompts.append(Prompt(None if kind == "points" else box, inside))
    return prompts


def spread_points(mask: NDArray[np.bool_], count: int) -> NDArray[np.float32]:
    """Choose pixels of a mask, each as far as can be from those before; always the same ones.

    The first is the one nearest to the centroid. Masks of fewer pixels give all of them.

    Returns:
        (N, 2) of (x, y), centres of pixels.
    """
    where = np.argwhere(mask).astype(np.float64)
    chosen = [int(((where - where.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    distance = ((where - where[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(where)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((where - where[chosen[-1]]) ** 2).sum(axis=1))
    return (where[chosen][:, ::-1] + 0.5).astype(np.float32)


class Sam:
    """A SAM with its normalisation.

    Args:
        model: transformers' ``SamModel``.
        mean: of the pixels (0 to 1), by channel.
        std: likewise.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        mean: tuple[float, ...] = _MEAN,
        std: tuple[float, ...] = _STD,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self._mean, self._std = mean, std
        self.size = int(model.config.vision_config.image_size)

    @classmethod
    def load(cls, folder: str | Path) -> Sam:
        """Load from transformers' layout: config.json, model.safetensors.

        Raises:
            BundleError: when the folder is not complete, or the weights do not fit.
        """
        from transformers import SamModel

        root = Path(folder)
        for name in ("config.json", "model.safetensors"):
            if not (root / name).is_file():
                raise BundleError(f"{root} lacks {name}: put SAM in transformers' layout there.")
        try:
            with _no_progress_bar():
                model, found = SamModel.from_pretrained(
                    root, local_files_only=True, use_safetensors=True, output_loading_info=True
                )
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise BundleError(f"SAM in {root} cannot be loaded: {reason}") from error
        if missing := sorted(found["missing_keys"]):
            raise BundleError(f"The weights of SAM in {root} lack {missing[0]}: fetch them again.")
        return cls(model.float(), *_normalisation(root))

    def pixels(self, grey: Tensor) -> Tensor:
        """Turn (1, 1, H, W) grey values, 0 to 1, into SAM's padded square."""
        height, width = grey.shape[-2:]
        rows, columns = self._fitted(height, width)
        image = F.interpolate(grey, (rows, columns), mode="bilinear", antialias=True)
        mean = image.new_tensor(self._mean).view(1, 3, 1, 1)
        std = image.new_tensor(self._std).view(1, 3, 1, 1)
        return F.pad((image - mean) / std, (0, self.size - columns, 0, self.size - rows))

    def embed(self, grey: Tensor) -> Tensor:
        """Embed a (1, 1, H, W) picture, 0 to 1; the slow part, the same for every prompt."""
        with torch.no_grad():
            out: Tensor = self.model.get_image_embeddings(self.pixels(grey))
        return out

    def segment(
        self, embedding: Tensor, prompts: list[Prompt], shape: tuple[int, int], choice: str
    ) -> NDArray[np.float32]:
        """Answer prompts about one picture.

        Args:
            embedding: of the picture.
            prompts: at least one; all with a box or none, all with as many points.
            shape: (H, W) of the picture.
            choice: "single" or "best"; see MedClipSamConfig.

        Returns:
            (H, W) probability that a pixel belongs to any of them.
        """
        scale = self.size / max(shape)
        arguments: dict[str, Tensor] = {}
        device = embedding.device
        if prompts[0].box is not None:
            boxes = torch.tensor([[p.box for p in prompts]], device=device)
            arguments["input_boxes"] = boxes * scale
        if len(prompts[0].points):
            points = torch.from_numpy(np.stack([p.points for p in prompts]))[None].to(device)
            arguments["input_points"] = points * scale
            arguments["input_labels"] = torch.ones(points.shape[:-1], dtype=torch.long).to(device)
        with torch.no_grad():
            output = self.model(
                image_embeddings=embedding, multimask_output=choice == "best", **arguments
            )
            best = output.iou_scores[0].argmax(dim=-1)
            logits = output.pred_masks[0, torch.arange(len(best)), best]
            square = F.interpolate(logits[None], (self.size, self.size), mode="bilinear")
            rows, columns = self._fitted(*shape)
            full = F.interpolate(square[..., :rows, :columns], shape, mode="bilinear")
            result: NDArray[np.float32] = full[0].amax(dim=0).sigmoid().float().cpu().numpy()
        return result

    def _fitted(self, height: int, width: int) -> tuple[int, int]:
        scale = self.size / max(height, width)
        return max(round(height * scale), 1), max(round(width * scale), 1)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _normalisation(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    file = folder / "preprocessor_config.json"
    if not file.is_file():
        return _MEAN, _STD
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return tuple(values.get("image_mean", _MEAN)), tuple(values.get("image_std", _STD))
    except (OSError, ValueError, AttributeError) as error:
        raise BundleError(f"{file} is damaged: fetch it again.") from error
