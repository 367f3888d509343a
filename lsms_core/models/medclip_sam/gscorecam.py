"""gScoreCAM: which parts of the picture make it fit the text, asked by masking.

P. Chen et al.: gScoreCAM, ACCV 2022. The activations are those of the last block's first
norm, from which the class token still draws on every patch.

Which channels are kept depends on the text; what the picture masked by a channel embeds to
does not. So the embeddings are kept with the picture and shared by all texts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.models.medclip_sam.clip import ClipModel
from lsms_core.models.medclip_sam.stages import StageClock


class ChannelScores:
    """Embeddings of one picture, masked by each channel that was asked for.

    Args:
        clip: the model.
        pixels: (1, 3, S, S), normalised.
        before_last: (1, tokens, width), the last block's input.
        clock: told how long the masked pictures take; default: nobody is.
    """

    def __init__(
        self,
        clip: ClipModel,
        pixels: Tensor,
        before_last: Tensor,
        clock: StageClock | None = None,
    ) -> None:
        self._clock = clock or StageClock()
        self._clip = clip
        self._pixels = pixels
        self.before_last = before_last
        with torch.no_grad():
            self.normed = clip.visual.last_block.norm1(before_last)
        self._known: dict[int, Tensor] = {}

    def maps(self, channels: Tensor) -> Tensor:
        """Activation maps of some channels; (K, grid, grid)."""
        grid = self._clip.config.vision.grid
        return self.normed[0, 1:, channels].T.reshape(-1, grid, grid)

    def embeddings(self, channels: Tensor, batch: int) -> Tensor:
        """Embed the picture masked by each of some channels, ``batch`` at once; (K, D)."""
        missing = [c for c in channels.tolist() if c not in self._known]
        size = self._pixels.shape[-2:]
        for start in range(0, len(missing), batch):
            chunk = missing[start : start + batch]
            with self._clock.stage("masked pictures", len(chunk)), torch.no_grad():
                indices = torch.tensor(chunk, device=self._pixels.device)
                masks = spread(self.maps(indices), (size[0], size[1]))
                found = self._clip.image_embedding(self._pixels * masks[:, None])
                self._known.update(zip(chunk, found, strict=True))
        return torch.stack([self._known[c] for c in channels.tolist()])


def saliency(
    clip: ClipModel, scores: ChannelScores, text: Tensor, top_channels: int, batch: int
) -> Tensor:
    """Map of how much each part makes the picture fit the text.

    Args:
        clip: the model.
        scores: the picture.
        text: (D,) text embedding of length 1.
        top_channels: channels kept, by their mean gradient.
        batch: masked pictures at once.

    Returns:
        (S, S), 0 to 1; all 0 where no part counts.
    """
    with torch.enable_grad():
        normed = scores.normed.detach().requires_grad_(True)
        last = clip.visual.last_block.after_norm(scores.before_last, normed)
        score = F.normalize(clip.visual.embed(last), dim=-1) @ text
        (gradient,) = torch.autograd.grad(score.sum(), normed)
    with torch.no_grad():
        mean = gradient[0, 1:].mean(dim=0)
        channels = mean.topk(min(top_channels, len(mean))).indices
        # The logits as CLIP was trained on them; softmax shares the weight among channels.
        logits = clip.logit_scale.exp() * (scores.embeddings(channels, batch) @ text)
        weights = logits.softmax(dim=0)
        combined = (weights[:, None, None] * scores.maps(channels)).sum(dim=0)
        size = clip.config.vision.image_size
        full = F.interpolate(combined[None, None], (size, size), mode="bilinear")[0, 0]
        return stretch(full.relu())


def spread(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample (K, h, w) maps and stretch each to 0..1."""
    full = F.interpolate(maps[:, None], size, mode="bilinear")[:, 0]
    return stretch(full)


def stretch(maps: Tensor) -> Tensor:
    """Stretch the last two axes to 0..1; constant maps become 0."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    width = maps.amax(dim=(-2, -1), keepdim=True) - low
    return (maps - low) / width.clamp_min(1e-8)
