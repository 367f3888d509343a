"""A run that takes seconds: a BERT of sixteen numbers a word, four patients of six slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sampling import SamplingConfig
from lsms_core.training.config import TrainingConfig

WORDS = ["left", "right", "lobe", "lesion", "lesions", "hypodense", "largest", "liver", "all"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
# Of an LSMS that draws.
NETWORK = {"dims": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "decoder_width": 32, "detail": (4, 8)}
BERT = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}


def write_text_encoder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(**BERT), add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_cases(root: Path) -> Path:
    rng = np.random.default_rng(0)
    r, c = np.ogrid[:90, :120]
    liver = ((r - 45) / 30) ** 2 + ((c - 45) / 35) ** 2 <= 1
    for name in ("a", "b", "c", "d"):
        image = np.full((6, 90, 120), -1000, np.int16)
        image[:, 5:85, 5:115] = 40
        image[:, liver] = 110
        image[2:5, 40:50, 30:40] = 60
        image += rng.normal(0, 5, image.shape).astype(np.int16)
        label = np.repeat(liver[None], 6, axis=0).astype(np.uint8)
        label[2:5, 40:50, 30:40] = 2
        (root / name).mkdir(parents=True)
        for kind, array in (("image", image), ("label", label)):
            stored = sitk.GetImageFromArray(array)
            stored.SetSpacing((2.5, 2.5, 5.0))
            sitk.WriteImage(stored, str(root / name / f"{kind}.nii.gz"))
    return root


def tiny_run(cases: Path, text_encoder: Path) -> TrainingConfig:
    return TrainingConfig(
        cases=str(cases),
        text_encoder=str(text_encoder),
        text_layers=1,
        samples=12,
        batch_size=2,
        folds=2,
        accelerator="cpu",
        devices=1,
        preprocessing=PreprocessingConfig(spacing_mm=4.0, height=64, width=80),
        sampling=SamplingConfig(crop=(64, 80)),
    )
