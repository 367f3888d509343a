"""What to do where MedCLIP-SAM's weights are absent; free of torch."""

from __future__ import annotations

ENGINE = "medclip-sam"

ABSENT = (
    "The weights of MedCLIP-SAM are not on this computer; they are not shipped and never fetched "
    "unasked. 1. Put BiomedCLIP's published files into a folder biomedclip/ "
    "(open_clip_config.json, open_clip_pytorch_model.bin or open_clip_model.safetensors, "
    "tokenizer.json, tokenizer_config.json, vocab.txt; 0.8 GB). 2. Put SAM in transformers' "
    "layout into sam/ (config.json, model.safetensors, preprocessor_config.json; ViT-B 0.4 GB, "
    "ViT-H 2.6 GB). 3. Run lsms medclip-sam assemble biomedclip sam MODELS/medclip-sam --convert, "
    "with MODELS the folder that the variable LSMS_MODELS names; or let lsms medclip-sam fetch "
    "download them."
)
