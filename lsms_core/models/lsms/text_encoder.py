"""The expression's encoder: a BERT, complete inside the model's bundle."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn


class TextEncoder(nn.Module):
    """Token features of an expression.

    Args:
        bert: a ``transformers.BertModel`` without pooling.
    """

    def __init__(self, bert: nn.Module) -> None:
        super().__init__()
        self.bert = bert

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextEncoder:
        """Build a BERT with random weights from its configuration's entries."""
        from transformers import BertConfig, BertModel

        return cls(BertModel(BertConfig(**config), add_pooling_layer=False))

    @classmethod
    def from_folder(cls, folder: str) -> TextEncoder:
        """Start from a BERT in a local folder; nothing is downloaded."""
        from transformers import BertModel

        return cls(
            BertModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True)
        )

    @property
    def width(self) -> int:
        """Width D_text of the features."""
        return int(self.bert.config.hidden_size)  # type: ignore[union-attr,arg-type]

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return (B, T, D_text) features of (B, T) token ids."""
        out: Tensor = self.bert(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        return out


class NoText(nn.Module):
    """A text encoder that reads nothing, for a network that draws the same for every text."""

    # One idle number a word keeps the texts in step with those of the other models.
    width: ClassVar[int] = 1

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return (B, T, 1) zeros for (B, T) token ids."""
        return torch.zeros((*input_ids.shape, self.width), device=input_ids.device)
