"""Imports pictures with masks and texts, in layouts such as that of RefHL-Seg.

Two layouts are read:

- a table ``pairs.csv`` (or ``.tsv``, ``.jsonl``) with the columns ``image``, ``mask`` and
  ``text``, and if known ``patient`` and ``spacing_mm``; paths are relative to the folder;
- the folders ``images`` and ``masks`` (or ``labels``) with files of the same name, and
  ``texts`` with ``<name>.txt``, one expression a line.

Pictures are 8-bit and grey, as radiologists see an axial slice: the patient's right on the
picture's left, anterior on top. Their grey values are taken for the abdominal window of
:data:`lsms_core.dataset.records.PICTURE_WINDOW_HU`. A picture has no pixel size, so it must be
given: every size in mm depends on it.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.regions import label_components
from lsms_core.dataset.records import PICTURE_WINDOW_HU, Record, write_records
from lsms_core.errors import InputError, OutputError

TABLES = ("pairs.csv", "pairs.tsv", "pairs.jsonl")
_COLUMNS = {
    "image": ("image", "img", "image_path", "image_name", "file_name", "slice"),
    "mask": ("mask", "mask_path", "mask_name", "label", "segmentation", "gt"),
    "text": ("text", "expression", "sentence", "caption", "description", "prompt", "report"),
    "patient": ("patient", "patient_id", "patient_group", "case"),
    "spacing_mm": ("spacing_mm", "pixel_mm", "pixel_spacing", "spacing"),
}
_PICTURES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
# More masks than this of one picture do not fit into the bits of a number.
_MOST_MASKS = 62


@dataclass(frozen=True)
class Pair:
    """One picture, one mask, one text.

    Attributes:
        image: the picture.
        mask: the mask; None or an empty one where the text names nothing.
        text: the expression.
        patient: whose picture it is.
        spacing_mm: pixel size, None where it is not known.
        where: the line that it came from, for messages.
    """

    image: Path
    mask: Path | None
    text: str
    patient: str
    spacing_mm: float | None
    where: str


@dataclass
class _Picture:
    """A picture with all its texts and masks."""

    path: Path
    patient: str
    spacing_mm: float
    pairs: list[Pair] = field(default_factory=list)


def import_pairs(
    source: str | Path,
    output: str | Path,
    *,
    pixel_mm: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Turn a RefHL-Seg-like set into a referring data set.

    Lesion instances are the connected parts of the masks of a picture; where masks overlap,
    the shared part is an instance of its own, so that each text names exactly its mask.

    Args:
        source: the folder with the pairs.
        output: a folder that does not exist yet or is empty.
        pixel_mm: pixel size of pictures whose line does not give one.
        progress: called with pictures done and pictures in all.

    Returns:
        The records, as written.

    Raises:
        InputError: naming the first line or picture that cannot be used.
        OutputError: when the folder cannot be written or is in use.
    """
    if pixel_mm is not None and not 0.05 <= pixel_mm <= 20:
        raise InputError(f"The pixel size is {pixel_mm:g} mm: use a size such as 0.8.")
    pictures = _by_picture(list_pairs(Path(source)), pixel_mm)
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is not empty: choose another folder for the data set.")
    records: list[Record] = []
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name in ("images", "labels"):
            (temporary / name).mkdir()
        names = _names([p.path for p in pictures])
        for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
            if progress:
                progress(number, len(pictures))
            records += _import_picture(picture, temporary, name)
        if progress:
            progress(len(pictures), len(pictures))
        about = {"source": "pairs", "pictures": len(pictures), "window_hu": PICTURE_WINDOW_HU}
        (temporary / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        write_records(temporary, records)
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{folder} cannot be written: {error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return records


def list_pairs(folder: Path) -> list[Pair]:
    """List the pairs of a folder, in either layout.

    Raises:
        InputError: when there are none, or a line cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give the folder of the pairs.")
    for name in TABLES:
        if (folder / name).is_file():
            pairs = _from_table(folder, folder / name)
            break
    else:
        pairs = _from_folders(folder)
    if not pairs:
        raise InputError(f"{folder} holds no pairs: check its table or its folders.")
    return pairs


def _from_table(folder: Path, table: Path) -> list[Pair]:
    rows = _rows(table)
    pairs = []
    for number, row in rows:
        where = f"{table}, line {number}"
        values = {
            name: next((row[k] for k in aliases if row.get(k) not in (None, "")), "")
            for name, aliases in _COLUMNS.items()
        }
        for name in ("image", "text"):
            if not str(values[name]).strip():
                raise InputError(f"{where}: {name} is missing.")
        image = _inside(folder, values["image"], where)
        mask = _inside(folder, values["mask"], where) if values["mask"] else None
        spacing = _spacing(values["spacing_mm"], where)
        patient = str(values["patient"] or image.stem)
        pairs.append(Pair(image, mask, str(values["text"]), patient, spacing, where))
    return pairs


def _rows(table: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    try:
        if table.suffix == ".jsonl":
            lines = table.read_text(encoding="utf-8").splitlines()
            parsed = [(n, json.loads(line)) for n, line in enumerate(lines, 1) if line.strip()]
            if not all(isinstance(row, dict) for _, row in parsed):
                raise InputError(f"{table}: every line must be a JSON object.")
            return [(n, _lower(row)) for n, row in parsed]
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t" if table.suffix == ".tsv" else ",")
            return [(reader.line_num, _lower(row)) for row in reader]
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InputError(f"{table} cannot be read: {error}") from error


def _lower(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(k).strip().casefold(): v for k, v in row.items() if k is not None}


def _from_folders(folder: Path) -> list[Pair]:
    masks = next((folder / n for n in ("masks", "labels") if (folder / n).is_dir()), None)
    if masks is None or not (folder / "images").is_dir() or not (folder / "texts").is_dir():
        raise InputError(
            f"{folder} holds no pairs: it needs a table {TABLES[0]} with the columns image, mask "
            "and text, or the folders images, masks and texts."
        )
    pairs = []
    for image in sorted((folder / "images").iterdir()):
        if image.suffix.lower() not in _PICTURES:
            continue
        text = folder / "texts" / f"{image.stem}.txt"
        if not text.is_file():
            raise InputError(
                f"The picture {image} has no text {text.name}: add it in {text.parent}."
            )
        mask = next((m for s in _PICTURES if (m := masks / f"{image.stem}{s}").is_file()), None)
        try:
            lines = text.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{text} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                pairs.append(
                    Pair(image, mask, line.strip(), image.stem, None, f"{text}, line {number}")
                )
    return pairs


def _inside(folder: Path, value: object, where: str) -> Path:
    path = PurePosixPath(str(value).strip().replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {path} must lie inside the folder.")
    if not (folder / path).is_file():
        raise InputError(f"{where}: {path} does not exist in {folder}.")
    return folder / path


def _spacing(value: object, where: str) -> float | None:
    if value in ("", None):
        return None
    try:
        spacing = float(str(value))
    except ValueError:
        spacing = 0.0
    if not 0.05 <= spacing <= 20:
        raise InputError(f"{where}: the pixel size is {value!r}, use mm such as 0.8.")
    return spacing


def _by_picture(pairs: Sequence[Pair], pixel_mm: float | None) -> list[_Picture]:
    pictures: dict[Path, _Picture] = {}
    for pair in pairs:
        spacing = pair.spacing_mm or pixel_mm
        if spacing is None:
            raise InputError(
                f"{pair.where}: the picture's pixel size is not known; give --pixel-mm, such as "
                "0.8, or a column spacing_mm."
            )
        picture = pictures.setdefault(pair.image, _Picture(pair.image, pair.patient, spacing))
        if (picture.patient, picture.spacing_mm) != (pair.patient, spacing):
            raise InputError(
                f"{pair.where}: {pair.image.name} has another patient or pixel size in an earlier "
                "line."
            )
        picture.pairs.append(pair)
    return list(pictures.values())


def _names(paths: Sequence[Path]) -> list[str]:
    """A safe name for each picture, different ones even where folders repeat a name."""
    names: list[str] = []
    used: set[str] = set()
    for path in paths:
        base = re.sub(r"[^A-Za-z0-9._-]+", "_", path.stem).lstrip("._-")[:90] or "picture"
        name, number = base, 1
        while name.casefold() in used:
            number += 1
            name = f"{base}-{number}"
        used.add(name.casefold())
        names.append(name)
    return names


def _import_picture(picture: _Picture, folder: Path, name: str) -> list[Record]:
    grey = _read_grey(picture.path)
    masks: list[NDArray[np.bool_]] = []
    index: dict[Path | None, int] = {}
    for pair in picture.pairs:
        if pair.mask in index:
            continue
        index[pair.mask] = len(masks)
        mask = _read_mask(pair.mask, grey.shape)
        if mask.shape != grey.shape:
            raise InputError(
                f"{pair.where}: the mask has {mask.shape[1]} x {mask.shape[0]} pixels, the "
                f"picture {grey.shape[1]} x {grey.shape[0]}: both must be of the same size."
            )
        masks.append(mask)
    if len(masks) > _MOST_MASKS:
        raise InputError(f"{picture.path} has more than {_MOST_MASKS} masks: split it up.")
    instances = split_instances(masks)
    low, high = PICTURE_WINDOW_HU
    hu = np.rint(low + grey.astype(np.float32) * ((high - low) / 255.0)).astype(np.int16)
    _write(folder / "images" / f"{name}.nii.gz", hu, picture.spacing_mm)
    _write(folder / "labels" / f"{name}.nii.gz", instances.astype(np.int16), picture.spacing_mm)
    records = []
    for number, pair in enumerate(picture.pairs, 1):
        named = np.unique(instances[masks[index[pair.mask]]]).tolist()
        records.append(
            Record(
                id=f"{name}_{number}",
                image=f"images/{name}.nii.gz",
                label=f"labels/{name}.nii.gz",
                axis=0,
                slice=0,
                text=pair.text,
                instances=tuple(named),
                attributes={"kind": "imported" if named else "no target", "patient": pair.patient},
            )
        )
    return records


def split_instances(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.int32]:
    """Number the connected parts in which every pixel belongs to the same masks.

    Args:
        masks: (rows, columns), all of one shape, at least one.

    Returns:
        1..n, 0 where no mask is set; each mask is a union of whole instances.
    """
    signature = np.zeros(masks[0].shape, np.int64)
    for bit, mask in enumerate(masks):
        signature |= mask.astype(np.int64) << bit
    instances = np.zeros(signature.shape, np.int32)
    count = 0
    for value in np.unique(signature[signature > 0]).tolist():
        parts, found = label_components(np.asarray(signature == value))
        instances[parts > 0] = parts[parts > 0] + count
        count += found
    return instances


def _read_mask(path: Path | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if path is None:
        return np.zeros(shape, np.bool_)
    # Lossy compression leaves specks around an outline; elsewhere any value counts.
    least = 128 if path.suffix.lower() in (".jpg", ".jpeg") else 1
    return np.asarray(_read_grey(path) >= least)


def _read_grey(path: Path) -> NDArray[np.uint8]:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: it is damaged or no picture.") from error
    array = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        colours = array[..., :3] if array.shape[-1] >= 3 else array[..., :1]
        if (colours != colours[..., :1]).any():
            raise InputError(f"{path} is in colour: grey CT slices and grey masks are needed.")
        array = colours[..., 0]
    if array.ndim != 2:
        raise InputError(f"{path} is no flat picture.")
    if array.dtype != np.uint8:
        raise InputError(
            f"{path} has {array.dtype} values: 8-bit pictures in the abdominal window are needed; "
            "for images in Hounsfield units use build-dataset with image.nii.gz and label.nii.gz."
        )
    return np.asarray(array)


def _write(path: Path, array: NDArray[Any], spacing_mm: float) -> None:
    # Identity in LPS: columns run to the patient's left, rows to the back.
    image = sitk.GetImageFromArray(array[None])
    image.SetSpacing((spacing_mm, spacing_mm, 1.0))
    sitk.WriteImage(image, str(path), useCompression=True)
