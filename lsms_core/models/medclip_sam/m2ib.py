"""M2IB: the parts of the picture whose information is needed to agree with the text.

Y. Wang, T. Rudner, A. Wilson: Visual Explanations of Image-Text Representations via
Multi-Modal Information Bottleneck Attribution, NeurIPS 2023. Features R between two blocks
are replaced by noise as far as the agreement with the text allows:

    Z = lambda R + (1 - lambda) eps,  eps ~ N(mu, sigma^2),  lambda = sigmoid(alpha)
    loss = beta KL(p(Z | R) || N(mu, sigma^2)) - cosine(image(Z), text)

mu and sigma are those of each channel over the picture's own patches. With r = (R - mu) / sigma
the divergence of one value is ((lambda r)^2 + (1 - lambda)^2 - 1) / 2 - log(1 - lambda); it is
averaged over values for the loss, and summed over channels for the map.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lsms_core.models.medclip_sam.clip import ClipModel
from lsms_core.models.medclip_sam.gscorecam import stretch
from lsms_core.models.medclip_sam.medclip_config import M2ibConfig

_START = 5.0  # sigmoid(5) = 0.993: almost everything passes at first


def saliency(clip: ClipModel, features: Tensor, text: Tensor, config: M2ibConfig) -> Tensor:
    """Map of the information that is needed to agree with the text.

    Args:
        clip: the model.
        features: (1, tokens, width), class token first, with ``config.blocks_after`` blocks
            to go.
        text: (D,) text embedding of length 1.
        config: the optimisation.

    Returns:
        (S, S), 0 to 1.
    """
    first = max(clip.config.vision.depth - config.blocks_after, 0)
    mean = features[:, 1:].mean(dim=1, keepdim=True)
    std = features[:, 1:].std(dim=1, keepdim=True).clamp_min(1e-6)
    relative = (features - mean) / std
    generator = torch.Generator().manual_seed(config.seed)
    alpha = torch.full_like(features, _START).requires_grad_(True)
    optimiser = torch.optim.Adam([alpha], lr=config.learning_rate)
    with torch.enable_grad():
        for _ in range(config.steps):
            passed = alpha.sigmoid()
            shape = (config.samples, *features.shape[1:])
            noise = torch.randn(shape, generator=generator).to(features)
            mixed = passed * features + (1 - passed) * (mean + std * noise)
            image = F.normalize(clip.visual.finish(mixed, first), dim=-1)
            loss = config.beta * divergence(alpha, relative).mean() - (image @ text).mean()
            optimiser.zero_grad()
            (alpha.grad,) = torch.autograd.grad(loss, alpha)
            optimiser.step()
    grid, size = clip.config.vision.grid, clip.config.vision.image_size
    with torch.no_grad():
        capacity = divergence(alpha, relative)[0, 1:].sum(dim=-1).reshape(1, 1, grid, grid)
        return stretch(F.interpolate(capacity, (size, size), mode="bilinear")[0, 0])


def divergence(alpha: Tensor, relative: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each value from pure noise, in nats.

    Args:
        alpha: logit of the share that passes.
        relative: the features, in standard deviations from their mean.
    """
    passed, kept_out = alpha.sigmoid(), (-alpha).sigmoid()
    return 0.5 * ((passed * relative) ** 2 + kept_out**2 - 1.0) - F.logsigmoid(-alpha)
