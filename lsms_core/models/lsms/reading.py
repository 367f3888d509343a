"""Heads that read what the words alone decide.

The mean of the words tells "left" from "right", but hardly "left, not right" from "right, not
left". So each head also looks for words of its own: a learnt query weighs the words, which the
text encoder has already read in their context, and what is found joins their mean. That is
attention pooling as of Lee et al. (Set Transformer, arXiv 1810.00825), with one layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lsms_core.models.lsms.decoder import INITIAL_LOGIT

# "Not in the left lobe" and "left lobe" share their words.
_HIDDEN = 128
# A logit that no word reaches.
_NEVER = -1e4
# Most texts speak of lesions; the kinds are those of the outline.
_INITIAL_KINDS = (-3.0, -3.0, 3.0)


def mean_word(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the (B, D_text) mean of the words, without padding."""
    weights = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1).clamp_min(1.0)


class Reader(nn.Module):
    """What words rule out: "left lobe lesion" the right lobe, "hypodense" what is bright; or ask.

    Args:
        text_width: width of the text features.
        queries: how many weighted means of the words join the plain one; 0 in weights before 0.8.
        initial: the logits at first, one for each thing that is read.
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
    """Which of the outline's kinds a text speaks of, from the mean word; in weights before 0.8."""

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
    """Return the head that tells which of the outline's kinds a text speaks of."""
    return Reader(text_width, queries, _INITIAL_KINDS) if queries else Kinds(text_width)


def rules_out(text_width: int, queries: int, count: int) -> Reader:
    """Return a head for ``count`` things that words rule out or ask, hardly any of it yet."""
    return Reader(text_width, queries, [INITIAL_LOGIT] * count)
