"""Image-text pairs: a folder with a CSV (as ROCO is distributed), or generated ones."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsms_core.dataset.picture_files import read_picture
from lsms_core.errors import InputError
from lsms_core.models.medclip_sam.cleanup import resize
from lsms_core.training.medclip.contrastive_config import ContrastiveConfig

SHAPES = ("disc", "square", "ring", "cross")
TONES = ("bright", "dark")
SIZES = ("small", "large")
ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
_HELD_OUT = 1 << 40  # numbers of generated pairs that no run trains on
_BASE = 32  # side of the picture that sizes below are given for


class Pairs(Protocol):
    """Pictures with their texts, by number."""

    @property
    def texts(self) -> Sequence[str]:
        """Every text that can occur, for the vocabulary of a model from scratch."""

    def training(self, number: int) -> tuple[NDArray[np.float32], str]:
        """Return the pair that a run sees as its ``number``-th; grey, 0 to 1."""

    def held_out(self) -> list[tuple[NDArray[np.float32], str]]:
        """Return the pairs that no run trains on."""


@dataclass(frozen=True)
class GeneratedPairs:
    """Drawn shapes with their names: "a large bright ring at the upper left".

    Every pair is a pure function of seed and number. The held-out pairs are new pictures,
    one for each of the 144 texts.

    Attributes:
        seed: of everything.
        size: side of the pictures, pixels.
        count: held-out pairs, at most 144.
    """

    seed: int
    size: int
    count: int

    @property
    def texts(self) -> Sequence[str]:
        """All 144 texts."""
        return [_name(*parts) for parts in product(SIZES, TONES, SHAPES, ROWS, COLUMNS)]

    def training(self, number: int) -> tuple[NDArray[np.float32], str]:
        """Return pair ``number``."""
        rng = np.random.default_rng([self.seed, number])
        kinds = (SIZES, TONES, SHAPES, ROWS, COLUMNS)
        return self._draw(rng, tuple(str(rng.choice(kind)) for kind in kinds))

    def held_out(self) -> list[tuple[NDArray[np.float32], str]]:
        """Return one picture for each text, none of which training shows."""
        every = list(product(SIZES, TONES, SHAPES, ROWS, COLUMNS))[: self.count]
        return [
            self._draw(np.random.default_rng([self.seed, _HELD_OUT + i]), parts)
            for i, parts in enumerate(every)
        ]

    def _draw(
        self, rng: np.random.Generator, parts: tuple[str, ...]
    ) -> tuple[NDArray[np.float32], str]:
        size, tone, shape, row, column = parts
        scale = self.size / _BASE
        image = 0.5 + 0.04 * rng.standard_normal((self.size, self.size))
        radius = scale * (4.8 if size == "large" else 2.8) * rng.uniform(0.9, 1.1)
        third = self.size / 3
        centre = [
            third * (kind.index(place) + 0.5) + scale * rng.uniform(-1.2, 1.2)
            for kind, place in ((ROWS, row), (COLUMNS, column))
        ]
        y, x = (axis - at for axis, at in zip(np.indices(image.shape), centre, strict=True))
        far = np.hypot(y, x)
        inside = {
            "disc": far <= radius,
            "square": np.maximum(abs(y), abs(x)) <= 0.9 * radius,
            "ring": (far <= radius) & (far >= 0.55 * radius),
            "cross": (np.minimum(abs(y), abs(x)) <= 0.3 * radius)
            & (np.maximum(abs(y), abs(x)) <= radius),
        }[shape]
        image[inside] += (0.3 if tone == "bright" else -0.3) * rng.uniform(0.8, 1.2)
        return np.clip(image, 0, 1).astype(np.float32), _name(*parts)


def _name(size: str, tone: str, shape: str, row: str, column: str) -> str:
    return f"a {size} {tone} {shape} at the {row} {column}"


class FolderPairs:
    """Pairs of a folder; those held out are chosen by seed, once and for all.

    Args:
        config: names the folder, the table and its columns.
        size: side of the pictures, pixels.

    Raises:
        InputError: naming the first faulty row, or when there are too few.
    """

    def __init__(self, config: ContrastiveConfig, size: int) -> None:
        root = Path(config.pairs)
        found = read_pairs(
            root / config.csv, root / config.images, config.image_column, config.text_column
        )
        if len(found) < config.held_out + config.batch_size:
            raise InputError(
                f"{root / config.csv} has {len(found)} pairs; {config.held_out} held out and a "
                f"batch of {config.batch_size} need more: lower held_out or batch_size."
            )
        order = np.random.default_rng([config.seed, 0]).permutation(len(found))
        self._held = [found[i] for i in order[: config.held_out]]
        self._train = [found[i] for i in order[config.held_out :]]
        self._seed, self._size = config.seed, size

    @property
    def texts(self) -> Sequence[str]:
        """The texts of the training pairs."""
        return [text for _, text in self._train]

    def training(self, number: int) -> tuple[NDArray[np.float32], str]:
        """Return the pair seen as ``number``-th: a new shuffle each time through."""
        epoch, place = divmod(number, len(self._train))
        order = np.random.default_rng([self._seed, 1, epoch]).permutation(len(self._train))
        return self._load(self._train[order[place]])

    def held_out(self) -> list[tuple[NDArray[np.float32], str]]:
        """Return the pairs that are never trained on."""
        return [self._load(pair) for pair in self._held]

    def _load(self, pair: tuple[Path, str]) -> tuple[NDArray[np.float32], str]:
        grey = read_picture(pair[0]) / np.float32(255.0)
        return resize(grey, (self._size, self._size)), pair[1]


def read_pairs(
    table: Path, images: Path, image_column: str = "image", text_column: str = "text"
) -> list[tuple[Path, str]]:
    """Read a table of pairs.

    Args:
        table: comma or tab separated, with a header.
        images: folder that the names in it are relative to.
        image_column: column of file names.
        text_column: column of texts.

    Raises:
        InputError: naming the first faulty row.
    """
    try:
        content = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The table of pairs {table} cannot be read: {error}") from error
    first = content.partition("\n")[0]
    rows = csv.DictReader(content.splitlines(), delimiter="\t" if "\t" in first else ",")
    columns = rows.fieldnames or []
    for column in (image_column, text_column):
        if column not in columns:
            raise InputError(
                f"{table} has no column {column!r}, only {', '.join(columns) or 'none'}: name the "
                "columns in the configuration."
            )
    pairs = []
    for number, row in enumerate(rows, 2):
        name, text = (row[image_column] or "").strip(), (row[text_column] or "").strip()
        if not name or not text:
            raise InputError(f"{table}, line {number}: the image or its text is missing.")
        path = images / name
        if not path.is_file():
            raise InputError(f"{table}, line {number}: {path} does not exist.")
        pairs.append((path, text))
    return pairs
