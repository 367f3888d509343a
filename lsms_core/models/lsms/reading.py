"""Heads that depend on the text only, such as which lobe it excludes.

The mean of the word features separates "left" from "right", but not well "left, not right" from
"right, not left". So each head also has learnt queries that weight the word features, and the
weighted means are added to the plain mean. This is attention pooling as in Lee et al. (Set
Transformer, arXiv 1810.00825), with one layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lsms_core.models.lsms.decoder import INITIAL_LOGIT

# "Not in the left lobe" and "left lobe" share their words.
_HIDDEN = 128
# The attention logit of padding.
_NEVER = -1e4
# Most texts speak of lesions; the kinds are those of the outline.
_INITIAL_KINDS = (-3.0, -3.0, 3.0)


def mean_word(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the (B, D_text) mean of the words, without padding."""
    weights = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1).clamp_min(1.0)


class Reader(nn.Module):
    """Exclusions and other labels of a text: "left lobe lesion" excludes the right lobe.

    Args:
        text_width: width of the text features.
        queries: how many weighted means of the words join the plain one; 0 in weights before 0.8.
        initial: the initial logits, one for each output.
    """

    def __init__(self, text_width: int, queries: int, initial: Sequence[float]) -> None:
        super().__init__()
        self.weigh = nn.Linear(text_width, queries) if queries else None
        self.read = nn.Sequential(nn.Linear(text_width * (1 + queries), _HIDDEN), nn.GELU())
        self.linear = nn.Linear(_HIDDEN, len(initial))
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(initial))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return (B, N) logits for (B, T, D_text) words and their (B, T) mask."""
        words = mean_word(tokens, mask)
        if self.weigh is not None:
            weights = self.weigh(tokens).float().masked_fill(~mask[..., None], _NEVER).softmax(1)
            found = torch.einsum("btq,btd->bqd", weights.to(tokens.dtype), tokens)
            words = torch.cat([words, found.flatten(1)], dim=1)
        out: Tensor = self.linear(self.read(words))
        return out


class Kinds(nn.Module):
    """The outline's kinds that a text is about, from the mean word; in weights before 0.8."""

    def __init__(self, text_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(text_width, len(_INITIAL_KINDS))
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(_INITIAL_KINDS))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return (B, 3) logits for (B, T, D_text) words and their (B, T) mask."""
        out: Tensor = self.linear(mean_word(tokens, mask))
        return out


def kinds_reader(text_width: int, queries: int) -> nn.Module:
    """Return the head for the outline's kinds that a text is about."""
    return Reader(text_width, queries, _INITIAL_KINDS) if queries else Kinds(text_width)


def rules_out(text_width: int, queries: int, count: int) -> Reader:
    """Return a head with ``count`` exclusions or other labels, which initially are unlikely."""
    return Reader(text_width, queries, [INITIAL_LOGIT] * count)
