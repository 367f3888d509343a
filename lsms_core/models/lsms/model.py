"""LSMS: image and expression in, mask of the named lesion out (arXiv 2408.17347)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lsms_core.anatomy.sections import SECTIONS
from lsms_core.models.lsms.asked import ASKED, NOTHING
from lsms_core.models.lsms.attenuation import ATTENUATIONS, attenuation_shares
from lsms_core.models.lsms.backbone import Backbone, Joins
from lsms_core.models.lsms.decoder import FullScaleDecoder, align_positions
from lsms_core.models.lsms.detail import DetailPath
from lsms_core.models.lsms.encoder import Encoder
from lsms_core.models.lsms.kinds import LESIONS, LOBES
from lsms_core.models.lsms.lsms_config import LSMSConfig
from lsms_core.models.lsms.outline import (
    Outline,
    Outlines,
    choose,
    lobe_shares,
    mean_of,
    probabilities,
    tempt,
)
from lsms_core.models.lsms.reading import kinds_reader, mean_word, rules_out
from lsms_core.models.lsms.text_encoder import NoText, TextEncoder

# The text heads, by the names of their outputs and labels.
READERS = ("kinds", "lobes", "attenuations", "sections", "asked")


@dataclass(frozen=True)
class LSMSOutput:
    """What the model returns.

    Attributes:
        logits: (B, 1, H, W).
        pixel_embedding: (B, E, h, w) in the shared space; training only.
        text_embedding: (B, E) in the shared space; training only.
        pixels: (B, width, h, w) features D of the decoder; training only.
        drawn: (P, 3, H, W) logits of the text-independent maps of each picture; training only.
        kinds: (B, 3) logits of the maps that each text is about; training only.
        lobes: (B, 2) exclusion logits of the lobes, right and left, for each text; likewise.
        attenuations: (B, 4) exclusion logits of the attenuations for each text; likewise.
        sections: (B, 4) exclusion logits of the parts of the lobes for each text; likewise.
        asked: (B, 8) logits of what each text asks of whole lesions; likewise.
    """

    logits: Tensor
    pixel_embedding: Tensor | None = None
    text_embedding: Tensor | None = None
    pixels: Tensor | None = None
    drawn: Tensor | None = None
    kinds: Tensor | None = None
    lobes: Tensor | None = None
    attenuations: Tensor | None = None
    sections: Tensor | None = None
    asked: Tensor | None = None


class Network(nn.Module):
    """A network without its text encoder."""

    def forward(
        self, image: Tensor, tokens: Tensor, mask: Tensor, drawn: Tensor | None = None
    ) -> Tensor:
        """Return (B, 1, H, W) logits; see :meth:`features` for the arguments."""
        return self.features(image, tokens, mask, drawn).logits

    def draw(self, image: Tensor) -> Tensor | None:  # noqa: ARG002
        """Return the text-independent maps, (P, 3, H, W), if the network has them."""
        return None

    def learning_maps(self, image: Tensor) -> list[Tensor]:
        """Return the text-independent maps that a loss looks at, finest first.

        Args:
            image: (P, C, H, W).

        Returns:
            (P, 3, h, w) logits each, at strides 1, 2 and 4 as far as the network has them.
        """
        drawn = self.draw(image)
        return [] if drawn is None else [drawn]

    def features(
        self, image: Tensor, tokens: Tensor, mask: Tensor, drawn: Tensor | None = None
    ) -> LSMSOutput:
        """Return the logits, the decoder's features and what the outline drew, if there is one.

        Args:
            image: (P, C, H, W) of any size, in [-1, 1]; as many texts in a row ask about each,
                so that B is a multiple of P.
            tokens: (B, T, D_text) text features.
            mask: (B, T) bool, False for padding.
            drawn: what :meth:`draw` returned for these images, to save doing it again.
        """
        raise NotImplementedError


class LSMS(Network):
    """The paper's network, and where the configuration has one, the outline before it."""

    def __init__(self, config: LSMSConfig) -> None:
        super().__init__()
        self.config = config
        words = config.text_width, config.queries
        if config.outline:
            shape = config.in_channels, config.outline
            several = config.outlines > 1
            self.outline = Outlines(config.outlines, *shape) if several else Outline(*shape)
        if config.draws:
            self.detail = DetailPath(config.in_channels, config.detail, config.decoder_width)
        if config.backbone:
            self.backbone = Backbone()
            self.joins = Joins([*config.detail, *config.dims[:3]])
        if config.members > 1:
            one = drawing_alone(config)
            self.others = nn.ModuleList(LSMS(one) for _ in range(config.members - 1))
        if config.maps and config.words and not config.listens:
            self.kinds = kinds_reader(*words)
        if config.lobes:
            self.lobes = rules_out(*words, LOBES)
        if config.attenuation_window:
            self.attenuations = rules_out(*words, len(ATTENUATIONS))
        if config.sections:
            # Positions are measured by the caller, who has the image and its spacing.
            self.sections = rules_out(*words, len(SECTIONS))
        if config.asked:
            self.asked = rules_out(*words, len(ASKED))
        self.encoder = Encoder(config)
        self.decoder = FullScaleDecoder(config)

    def draw(self, image: Tensor) -> Tensor | None:
        """See :meth:`Network.draw`; the mean of the maps of all networks that draw."""
        members = self.learning_maps(image)[:1] if self.config.draws else []
        if self.config.members > 1:
            members += [other.draw(image) for other in self.others]  # type: ignore[operator]
        if self.config.outline:
            several = self.outline if isinstance(self.outline, Outlines) else [self.outline]
            members += [outline(image) for outline in several]
        if len(members) < 2:
            return members[0] if members else None
        return mean_of(members)

    def learning_maps(self, image: Tensor) -> list[Tensor]:
        """See :meth:`Network.learning_maps`; LSMS's own only, where it draws by itself."""
        if not self.config.draws:
            return super().learning_maps(image)
        levels, added = self._look(image)
        features = self.encoder(image, fine=levels[1], added=added)
        pixels = self.decoder.pixels(align_positions(features, self._grid(image)))
        return self.detail(pixels, levels)

    def _look(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return E1 and E2 of the detail path, and what the backbone adds to the stages."""
        added = self.joins(self.backbone(image)) if self.config.backbone else []
        return self.detail.look(image, added[:2]), added[2:]

    def _grid(self, image: Tensor) -> tuple[int, int]:
        """Return the (rows, columns) of the decoder's grid."""
        stride = self.config.align_stride
        # Rounded up without negative numbers: in ONNX their division rounds the other way.
        height, width = image.shape[-2:]
        return (height + stride - 1) // stride, (width + stride - 1) // stride

    def features(
        self, image: Tensor, tokens: Tensor, mask: Tensor, drawn: Tensor | None = None
    ) -> LSMSOutput:
        """See :meth:`Network.features`."""
        if self.config.listens:
            logits, pixels = self._choice(image, tokens, mask, None)
            return LSMSOutput(logits, pixels=pixels)
        drawn = self.draw(image) if drawn is None else drawn
        if not self.config.words:
            assert drawn is not None
            return LSMSOutput(each_text(drawn[:, LESIONS : LESIONS + 1], tokens), drawn=drawn)
        seen = None
        if drawn is not None:
            seen = probabilities(drawn.detach())
            if self.training:
                seen = tempt(seen)
        logits, pixels = self._choice(image, tokens, mask, seen)
        if seen is None:
            return LSMSOutput(logits, pixels=pixels)
        seen = each_text(seen, tokens)
        words = tokens, mask
        kinds = self.kinds(*words)
        lobes = self.lobes(*words) if self.config.lobes else None
        attenuations = self.attenuations(*words) if self.config.attenuation_window else None
        ruled_out = [] if lobes is None else [(lobes, lobe_shares(seen))]
        if attenuations is not None:
            middle = each_text(image[:, self.config.in_channels // 2], tokens)
            shares = attenuation_shares(middle, seen, self.config.attenuation_window)
            ruled_out.append((attenuations, shares))
        asked = self.asked(*words) if self.config.asked else None
        if asked is not None:
            denied = ASKED.index(NOTHING)
            everywhere = torch.ones_like(seen[:, :1])
            ruled_out.append((asked[:, denied : denied + 1], everywhere))
        logits = choose(logits, seen, kinds, ruled_out, 1.0 if self.training else self.config.trust)
        return LSMSOutput(
            logits,
            pixels=pixels,
            drawn=drawn,
            kinds=kinds,
            lobes=lobes,
            attenuations=attenuations,
            sections=self.sections(*words) if self.config.sections else None,
            asked=asked,
        )

    def _choice(
        self, image: Tensor, tokens: Tensor, mask: Tensor, seen: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the (B, 1, H, W) logits S for the texts, and the features D."""
        if seen is not None and not self.training and self.config.trust == 0:
            # With trust 0 the logits have no effect and are not computed.
            return image.new_zeros((tokens.shape[0], 1, *image.shape[-2:])), None
        fine: Tensor | None = None
        added: list[Tensor] = []
        if self.config.draws:
            levels, added = self._look(image)
            fine = each_text(levels[1], tokens)
            added = [each_text(features, tokens) for features in added]
        elif seen is not None:
            image = torch.cat([image, (2 * seen - 1).to(image.dtype)], dim=1)
        features = self.encoder(each_text(image, tokens), tokens, mask, fine, added)
        coarse, pixels = self.decoder(align_positions(features, self._grid(image)))
        size = image.shape[-2:]
        return F.interpolate(coarse, size=size, mode="bilinear", align_corners=False), pixels


def drawing_alone(config: LSMSConfig) -> LSMSConfig:
    """Return the configuration of one network that draws as this one does, and reads nothing."""
    silent = replace(config, words=False, listens=False, lobes=False, attenuation_window=())
    silent = replace(silent, asked=False, sections=False, queries=0)
    return replace(silent, members=1, outline=(), outlines=1)


def each_text(pictures: Tensor, tokens: Tensor) -> Tensor:
    """Repeat each picture for every text about it."""
    texts = len(tokens) // len(pictures)
    return pictures if texts == 1 else pictures.repeat_interleave(texts, dim=0)


class LSMSModel(nn.Module):
    """LSMS with its text encoder and the heads of the contrastive loss.

    Args:
        config: its shape.
        text_encoder: reads the text; :class:`NoText` for a network without words.
        network: another network in LSMS's place, for comparison.
    """

    architecture: ClassVar[str] = "lsms"

    def __init__(
        self, config: LSMSConfig, text_encoder: TextEncoder | NoText, network: Network | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.lsms = LSMS(config) if network is None else network
        self.text_encoder = text_encoder
        if config.words:
            self.text_head = nn.Linear(config.text_width, config.contrast_width)
            self.pixel_head = nn.Conv2d(config.decoder_width, config.contrast_width, 1)

    def forward(self, image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> LSMSOutput:
        """Run images and texts, P pictures and a multiple of P texts, those of one side by side.

        Embeddings, features and the outline come only in training mode.
        """
        tokens = self.text_encoder(input_ids, attention_mask)
        mask = attention_mask.bool()
        output = self.lsms.features(image, tokens, mask)
        if not self.training:
            return LSMSOutput(output.logits)
        if not self.config.words:
            return output
        return replace(
            output,
            pixel_embedding=self.pixel_head(output.pixels),
            text_embedding=F.normalize(self.text_head(mean_word(tokens, mask)), dim=-1),
        )
