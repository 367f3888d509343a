"""The picture sets of the MedCLIP-SAM papers, read in their published folder layouts.

Every picture is paired with its mask by name, never by the order of a listing. All pictures
of a set get the same text: the released prompts name the true class of each picture, which would
give the answer away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.picture_files import read_picture, read_picture_mask, to_grey
from lsms_core.errors import DependencyError, InputError

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class PictureCase:
    """One picture of a set.

    Attributes:
        id: unique within the set, and usable as a file name.
        patient: whose picture it is, as far as the set says; else the id.
        image: the picture's file.
        masks: files of its masks, joined; () for a picture without lesion.
    """

    id: str
    patient: str
    image: Path
    masks: tuple[Path, ...]

    def load(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return (rows, columns) grey, 0 to 255, and mask.

        Raises:
            InputError: for an unreadable file, or shapes that differ.
        """
        if self.image.suffix == ".mat":
            grey, mask = _read_mat(self.image)
        else:
            grey = read_picture(self.image)
            mask = np.zeros(grey.shape, np.bool_)
            for path in self.masks:
                part = read_picture_mask(path)
                if part.shape != grey.shape:
                    raise InputError(
                        f"{path} has the shape {part.shape}, its picture {grey.shape}: the set "
                        "is not as published."
                    )
                mask |= part
        return grey, mask


@dataclass(frozen=True)
class PictureSet:
    """A published set.

    Attributes:
        name: as in the command line.
        title: as in the papers' table.
        text: the prompt for all its pictures.
        layout: its folders, in words.
        read: lists its cases.
    """

    name: str
    title: str
    text: str
    layout: str
    read: Callable[[Path], Iterator[PictureCase]]

    def cases(self, folder: str | Path) -> list[PictureCase]:
        """List the cases of a folder, sorted by id.

        Raises:
            InputError: when the folder does not have the published layout.
        """
        root = Path(folder)
        found = sorted(self.read(root), key=lambda c: _natural(c.id)) if root.is_dir() else []
        if not found:
            raise InputError(f"{root} does not look like {self.name}: expected {self.layout}.")
        return found


def _busi(root: Path) -> Iterator[PictureCase]:
    for kind in ("benign", "malignant", "normal"):
        for image in _pictures(root / kind):
            match = re.fullmatch(r"(\w+) \((\d+)\)", image.stem)
            if match is None:
                continue  # a mask
            masks = [
                p
                for p in _pictures(root / kind)
                if re.fullmatch(re.escape(image.stem) + r"_mask(_\d+)?", p.stem)
            ]
            if not masks:
                raise InputError(f"{image} has no mask {image.stem}_mask.png: the set is cut.")
            name = f"{match[1]}-{match[2]}"
            yield PictureCase(name, name, image, tuple(masks))


def _udiat(root: Path) -> Iterator[PictureCase]:
    for image in _pictures(root / "original"):
        yield PictureCase(image.stem, image.stem, image, (_same_name(image, root / "GT"),))


def _covid_qu_ex(root: Path) -> Iterator[PictureCase]:
    for folder in sorted(root.rglob("images")):
        beside = folder.parent
        # The infection part of the set shows some of the same pictures again.
        if not (beside / "lung masks").is_dir() or (beside / "infection masks").is_dir():
            continue
        split, kind = beside.parent.name, beside.name
        for image in _pictures(folder):
            mask = _same_name(image, beside / "lung masks")
            name = re.sub(r"[^\w.-]+", "-", f"{split}-{kind}-{image.stem}")
            yield PictureCase(name, name, image, (mask,))


def _figshare(root: Path) -> Iterator[PictureCase]:
    for file in sorted(root.rglob("*.mat")):
        if file.stem.isdigit():
            yield PictureCase(file.stem, file.stem, file, ())


SETS = {
    s.name: s
    for s in (
        PictureSet(
            "busi",
            "breast ultrasound",
            "breast tumor",
            'benign/, malignant/ and normal/ with "benign (1).png", "benign (1)_mask.png"',
            _busi,
        ),
        PictureSet(
            "udiat",
            "breast ultrasound",
            "breast tumor",
            "original/ and GT/ with pictures of the same names",
            _udiat,
        ),
        PictureSet(
            "figshare-brain",
            "brain MRI",
            "brain tumor",
            "1.mat, 2.mat, ... (MATLAB 7.3), in one folder or several",
            _figshare,
        ),
        PictureSet(
            "covid-qu-ex",
            "lung X-ray",
            "lungs",
            '<Train, Val, Test>/<class>/images and "lung masks" with files of the same names',
            _covid_qu_ex,
        ),
    )
}


def _pictures(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in _PICTURES)


def _same_name(image: Path, folder: Path) -> Path:
    for path in (folder / image.name, *(folder / f"{image.stem}{s}" for s in _PICTURES)):
        if path.is_file():
            return path
    raise InputError(f"{image} has no mask {image.stem} in {folder}: the set is cut.")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]


def _read_mat(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read cjdata/image and cjdata/tumorMask; MATLAB stores columns first."""
    try:
        import h5py
    except ImportError as error:
        raise DependencyError(
            "Reading MATLAB files needs h5py: pip install 'lsms-core[medclip]'."
        ) from error
    try:
        with h5py.File(path, "r") as file:
            data = file["cjdata"]
            image, mask = np.asarray(data["image"]).T, np.asarray(data["tumorMask"]).T > 0
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is no brain tumour file of figshare, or damaged.") from error
    if image.shape != mask.shape:
        raise InputError(f"{path}: image and mask differ in shape.")
    return to_grey(image, str(path)), mask
