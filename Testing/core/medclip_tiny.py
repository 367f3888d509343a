"""Tiny random models in the published file formats, so that the real loading code runs."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import BertTokenizerFast, SamConfig, SamModel

from lsms_core.models.medclip_sam.clip import ClipConfig, ClipModel, TextShape
from lsms_core.models.medclip_sam.open_clip_format import save_clip
from lsms_core.models.medclip_sam.vision import VisionShape

TEXT = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] a the picture medical image tumor breast brain lung lungs "
    "left right lesion normal anatomy without any finding sitting on chair q w r t ##w ##r ##t "
    "bright dark ##v ##x ##z ##c"
)
WORDS = TEXT.split()
CLIP = ClipConfig(
    VisionShape(image_size=64, patch_size=16, width=64, depth=4, embed_dim=32),
    TextShape(
        vocabulary=len(WORDS), width=64, depth=1, intermediate=64, positions=24, context_length=16
    ),
)


def write_tokenizer(folder: Path) -> BertTokenizerFast:
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), "utf-8")
    return BertTokenizerFast(str(vocabulary))


def write_clip(folder: Path, seed: int = 0) -> Path:
    tokenizer = write_tokenizer(folder)
    torch.manual_seed(seed)
    model = ClipModel(CLIP)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return save_clip(folder, model, tokenizer)


def write_sam(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = SamConfig(
        vision_config={
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
            "global_attn_indexes": [1],
            "window_size": 2,
            "output_channels": 32,
            "mlp_dim": 64,
            "num_pos_feats": 16,
        },
        prompt_encoder_config={
            "hidden_size": 32,
            "image_size": 64,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config={
            "hidden_size": 32,
            "num_attention_heads": 2,
            "mlp_dim": 32,
            "iou_head_hidden_dim": 32,
        },
    )
    SamModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}), "utf-8"
    )
    return folder
