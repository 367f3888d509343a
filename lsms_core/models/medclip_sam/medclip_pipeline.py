"""The stages one after another: text and picture to a probability map."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lsms_core.models.medclip_sam import gscorecam, m2ib
from lsms_core.models.medclip_sam.cleanup import coarse_mask, resize
from lsms_core.models.medclip_sam.clip import ClipModel
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from lsms_core.models.medclip_sam.sam import Prompt, Sam, make_prompts
from lsms_core.models.medclip_sam.stages import StageClock, StageMaps

CACHED_PICTURES = 4


class _Picture:
    """The results for a picture that do not depend on the text, computed once."""

    def __init__(self, clip: ClipModel, grey: Tensor, blocks_after: int, clock: StageClock) -> None:
        self.grey = grey
        with torch.no_grad():
            pixels = clip.normalise(grey)
            depth = clip.config.vision.depth
            middle = min(max(depth - blocks_after, 0), depth - 1)
            self.features = clip.visual.run(clip.visual.tokens(pixels), 0, middle)
            before_last = clip.visual.run(self.features, middle, depth - 1)
            found = clip.visual.finish(before_last, depth - 1)
            self.embedding = torch.nn.functional.normalize(found, dim=-1)[0]
        self.channels = gscorecam.ChannelScores(clip, pixels, before_last, clock)
        self.sam: Tensor | None = None


class MedClipSam:
    """BiomedCLIP's saliency, cleaned up and given to SAM.

    Args:
        clip: both towers.
        tokenizer: of the texts.
        sam: the segmenter.
        config: how the stages are put together.
    """

    def __init__(
        self,
        clip: ClipModel,
        tokenizer: Any,  # noqa: ANN401
        sam: Sam,
        config: MedClipSamConfig | None = None,
    ) -> None:
        self.clip = clip.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.sam = sam
        self.config = config or MedClipSamConfig()
        self.clock = StageClock()
        self._pictures: OrderedDict[str, _Picture] = OrderedDict()
        self._neutral: Tensor | None = None

    @property
    def device(self) -> torch.device:
        """Where the models are."""
        return self.clip.logit_scale.device

    def to(self, device: torch.device) -> None:
        """Move the models; what was remembered is forgotten."""
        self._pictures.clear()
        self._neutral = None
        self.clip.to(device)
        self.sam.model.to(device)

    def embed_text(self, text: str) -> Tensor:
        """Embed a text; (D,) of length 1."""
        with self.clock.stage("text"), torch.no_grad():
            return self.clip.embed_texts([text], self.tokenizer)[0]

    def neutral_embeddings(self) -> Tensor:
        """Embed the neutral texts, once; (N, D).

        One by one, as every text is: a batch's padding would shift them by rounding, and a
        neutral text must not beat itself.
        """
        if self._neutral is None:
            self._neutral = torch.stack([self.embed_text(t) for t in self.config.neutral_texts])
        return self._neutral

    def run(self, grey: NDArray[np.float32], text: Tensor, *, explain: bool = False) -> StageMaps:
        """Answer one text about one picture.

        Args:
            grey: (H, W), 0 to 1.
            text: (D,) embedding of length 1.
            explain: work out every stage, even for a text that does not fit.
        """
        picture = self._picture(grey)
        score, neutral, fits = self._compare(picture, text)
        saliency = np.zeros(grey.shape, np.float32)
        coarse = np.zeros(grey.shape, np.bool_)
        prompts: list[Prompt] = []
        probability = np.zeros(grey.shape, np.float32)
        if fits or explain:
            saliency = self._saliency(picture, text)
            with self.clock.stage("clean-up"):
                coarse = coarse_mask(grey, saliency, self.config)
                prompts = make_prompts(coarse, self.config.prompt, self.config.points)
                saliency = resize(saliency, grey.shape)
        if fits and prompts:
            probability = self._segment(picture, prompts, (grey.shape[0], grey.shape[1]))
        return StageMaps(grey, saliency, coarse, tuple(prompts), probability, score, neutral, fits)

    def outline(self, grey: NDArray[np.float32], prompts: list[Prompt]) -> NDArray[np.float32]:
        """Ask SAM alone about a picture; (H, W), 0 to 1.

        Args:
            grey: (H, W), 0 to 1.
            prompts: at least one.
        """
        return self._segment(self._picture(grey), prompts, (grey.shape[0], grey.shape[1]))

    def _picture(self, grey: NDArray[np.float32]) -> _Picture:
        content = np.ascontiguousarray(grey)
        key = hashlib.sha256(content.tobytes() + repr(grey.shape).encode()).hexdigest()
        if key in self._pictures:
            self._pictures.move_to_end(key)
            return self._pictures[key]
        with self.clock.stage("image"):
            tensor = torch.from_numpy(content).to(self.device)[None, None]
            picture = _Picture(self.clip, tensor, self.config.m2ib.blocks_after, self.clock)
        self._pictures[key] = picture
        if len(self._pictures) > CACHED_PICTURES:
            self._pictures.popitem(last=False)
        return picture

    def _compare(self, picture: _Picture, text: Tensor) -> tuple[float, dict[str, float], bool]:
        score = float((picture.embedding * text).sum())
        neutral = {
            name: float((picture.embedding * other).sum())
            for name, other in zip(
                self.config.neutral_texts, self.neutral_embeddings(), strict=True
            )
        }
        return score, neutral, score > max(neutral.values()) + self.config.neutral_margin

    def _saliency(self, picture: _Picture, text: Tensor) -> NDArray[np.float32]:
        with self.clock.stage("saliency"):
            if self.config.saliency == "m2ib":
                found = m2ib.saliency(self.clip, picture.features, text, self.config.m2ib)
            else:
                found = gscorecam.saliency(
                    self.clip,
                    picture.channels,
                    text,
                    self.config.top_channels,
                    self.config.score_batch,
                )
            result: NDArray[np.float32] = found.float().cpu().numpy()
        return result

    def _segment(
        self, picture: _Picture, prompts: list[Prompt], shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        if picture.sam is None:
            with self.clock.stage("SAM image"):
                picture.sam = self.sam.embed(picture.grey)
        with self.clock.stage("SAM prompts"):
            return self.sam.segment(picture.sam, prompts, shape, self.config.sam_mask)
