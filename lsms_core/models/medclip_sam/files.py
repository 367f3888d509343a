"""MedCLIP-SAM's bundle: put together from published folders, and loaded.

::

    <name>/biomedclip/open_clip_config.json, open_clip_model.safetensors, tokenizer files
           sam/config.json, model.safetensors, preprocessor_config.json
           config.json         engine, pipeline, pre- and post-processing
           MODEL_CARD.md
           manifest.json       SHA-256 and size of every other file
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.errors import BundleError, DependencyError, InputError
from lsms_core.models.bundle import BundleInfo, new_bundle
from lsms_core.models.installed import FORMAT_VERSION
from lsms_core.models.medclip_sam.layout import ENGINE
from lsms_core.models.medclip_sam.medclip_config import MedClipSamConfig
from lsms_core.models.medclip_sam.medclip_pipeline import MedClipSam
from lsms_core.models.medclip_sam.open_clip_format import (
    CONFIG_NAME,
    PICKLE_NAME,
    WEIGHTS_NAME,
    convert_pickle,
    load_clip,
)
from lsms_core.models.medclip_sam.sam import Sam

CLIP_FOLDER, SAM_FOLDER = "biomedclip", "sam"
CLIP_REPOSITORY = "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
SAM_REPOSITORIES = {"v1": "facebook/sam-vit-base", "v2": "facebook/sam-vit-huge"}
DOWNLOAD_SIZES = {"v1": "1.2 GB", "v2": "3.4 GB"}

# One slice, on a square grid that shows a body whole.
CT_PREPROCESSING = PreprocessingConfig(
    spacing_mm=0.8, height=512, width=512, slice_offsets_mm=(0.0,)
)
# The pixel size is a lower limit, so that a picture of any size fills the grid.
PICTURE_PREPROCESSING = PreprocessingConfig(
    spacing_mm=1e-3,
    height=512,
    width=512,
    window_hu=(0.0, 255.0),
    slice_offsets_mm=(0.0,),
    crop="none",
)

_CLIP_FILES = ("*.json", "vocab.txt", WEIGHTS_NAME)
_SAM_FILES = ("config.json", "model.safetensors", "preprocessor_config.json")
_CARD = """# MedCLIP-SAM {version}

BiomedCLIP ({saliency}), clean-up ({cleanup}) and SAM ({prompt}), put together on this computer
from the folders of their publishers, whose terms hold. Not calibrated for CT.
Research use only; not a medical device.
"""


def load(info: BundleInfo) -> tuple[MedClipSam, Any]:
    """Load the models of a bundle, on the CPU in float32.

    Raises:
        BundleError: when a part is missing or does not fit.
    """
    config = MedClipSamConfig.from_dict(info.config.get("medclip_sam", {}))
    clip, tokenizer = load_clip(info.folder / CLIP_FOLDER)
    return MedClipSam(clip, tokenizer, Sam.load(info.folder / SAM_FOLDER), config), tokenizer


def picture_preprocessing(info: BundleInfo) -> PreprocessingConfig:
    """How a bundle takes 8-bit pictures instead of CT.

    Raises:
        BundleError: when it does not.
    """
    try:
        return PreprocessingConfig.from_dict(info.config["picture_preprocessing"])
    except KeyError as error:
        raise BundleError(
            f"The model {info.name} takes CT only: use a MedCLIP-SAM model for pictures."
        ) from error


def assemble(
    clip: str | Path,
    sam: str | Path,
    target: str | Path,
    config: MedClipSamConfig | None = None,
    *,
    version: str = "v1",
    convert: bool = False,
) -> Path:
    """Put a bundle together; nothing is downloaded.

    Args:
        clip: BiomedCLIP's published folder.
        sam: SAM's folder in transformers' layout.
        target: the bundle's folder, whose name becomes the model's.
        config: the pipeline.
        version: shown as the model's version.
        convert: turn a published ``.bin`` into safetensors on the way.

    Raises:
        BundleError: when a part is missing or does not fit; the models are loaded to see.
        OutputError: when the bundle cannot be written.
    """
    config = config or MedClipSamConfig.version(version)
    clip, sam, target = Path(clip), Path(sam), Path(target)
    with new_bundle(target) as folder:
        _copy(clip, folder / CLIP_FOLDER, _CLIP_FILES)
        if convert and not (clip / WEIGHTS_NAME).is_file() and (clip / PICKLE_NAME).is_file():
            convert_pickle(clip / PICKLE_NAME, folder / CLIP_FOLDER / WEIGHTS_NAME)
        if not (folder / CLIP_FOLDER / WEIGHTS_NAME).is_file():
            load_clip(clip)  # says what is missing, by the folder's own name
        _copy(sam, folder / SAM_FOLDER, _SAM_FILES)
        load_clip(folder / CLIP_FOLDER)
        Sam.load(folder / SAM_FOLDER)
        (folder / "config.json").write_text(
            json.dumps(
                {
                    "format": FORMAT_VERSION,
                    "engine": ENGINE,
                    "name": target.name,
                    "version": version,
                    "medclip_sam": config.to_dict(),
                    "preprocessing": asdict(CT_PREPROCESSING),
                    "picture_preprocessing": asdict(PICTURE_PREPROCESSING),
                    "postprocessing": {},
                },
                indent=2,
            )
            + "\n",
            "utf-8",
        )
        card = _CARD.format(
            version=version,
            saliency=config.saliency,
            cleanup=config.cleanup,
            prompt=config.prompt,
        )
        (folder / "MODEL_CARD.md").write_text(card, "utf-8")
    return target


def fetch(version: str, folder: str | Path) -> tuple[Path, Path]:
    """Download the published folders, because the user asked for it.

    Args:
        version: "v1" (SAM ViT-B) or "v2" (SAM ViT-H).
        folder: where they go, as ``biomedclip`` and ``sam``.

    Returns:
        Both folders.

    Raises:
        InputError: for another version, or when the hub cannot be reached.
        DependencyError: when huggingface_hub is not installed.
    """
    if version not in SAM_REPOSITORIES:
        raise InputError(f"Unknown version {version!r}: use v1 or v2.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise DependencyError(
            "Downloading needs huggingface_hub: pip install 'lsms-core[medclip]'."
        ) from error
    root = Path(folder)
    clip, sam = root / CLIP_FOLDER, root / SAM_FOLDER
    wanted = (
        (CLIP_REPOSITORY, clip, [*_CLIP_FILES, PICKLE_NAME]),
        (SAM_REPOSITORIES[version], sam, list(_SAM_FILES)),
    )
    place = root
    try:
        for repository, place, patterns in wanted:
            snapshot_download(repository, local_dir=place, allow_patterns=patterns)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The files for {place} could not be downloaded ({type(error).__name__}): fetch them "
            "with a browser, or try again; what is there already is kept."
        ) from error
    return clip, sam


def _copy(source: Path, target: Path, patterns: Sequence[str]) -> None:
    if not source.is_dir():
        raise BundleError(f"{source} is no folder: give the folder with the published files.")
    target.mkdir(parents=True)
    for pattern in patterns:
        for file in sorted(source.glob(pattern)):
            shutil.copyfile(file, target / file.name)
    if not (source / CONFIG_NAME).is_file() and WEIGHTS_NAME in patterns:
        raise BundleError(f"{source} lacks {CONFIG_NAME}: copy BiomedCLIP's whole folder.")
