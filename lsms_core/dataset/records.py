"""A referring data set on disk: a folder with ``expressions.jsonl``, one record per line.

``image`` and ``label`` are paths relative to the folder; ``label`` holds lesion instances as
1..n, numbered within each slice or through the volume; ``slice`` is the index along ``axis``
of the stored array as SimpleITK gives it, (slices, rows, columns). ``instances: []`` means
that the text names nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError, OutputError

FILE_NAME = "expressions.jsonl"
# 8-bit pictures of CT slices are taken to show the common abdominal window.
PICTURE_WINDOW_HU = (-160.0, 240.0)
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FIELDS = ("id", "image", "label", "axis", "slice", "text", "instances")


@dataclass(frozen=True)
class Record:
    """One expression about one slice.

    Attributes:
        id: unique, and usable as a file name.
        image: path of the CT, relative to the data set's folder.
        label: path of the lesion instances.
        axis: array axis along which the slices lie.
        slice: index along it.
        text: the expression.
        instances: the lesions that it names; () for none.
        attributes: what is known about it ("side", "kind", "patient", ...).
    """

    id: str
    image: str
    label: str
    axis: int
    slice: int
    text: str
    instances: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def patient(self) -> str:
        """Whose image it is; without a word on that, each image is a patient."""
        return str(self.attributes.get("patient", self.image))

    @property
    def liver(self) -> str | None:
        """Path of the liver's outline, relative to the data set's folder; None without one."""
        path = self.attributes.get("liver")
        return path if isinstance(path, str) else None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """Check and read one record.

        Raises:
            InputError: with what is wrong.
        """
        missing = [name for name in _FIELDS if name not in values]
        if missing:
            raise InputError(f"{', '.join(missing)} missing")
        if not isinstance(values["id"], str) or not _SAFE_ID.fullmatch(values["id"]):
            raise InputError(
                "the id must be a text of letters, digits, dots, dashes and underscores"
            )
        for name in ("image", "label"):
            path = values[name]
            if not isinstance(path, str) or not path:
                raise InputError(f"{name} must be a path")
            if not _inside(path):
                raise InputError(f"{name} must lie inside the data set's folder")
        for name in ("axis", "slice"):
            if not _is_index(values[name]):
                raise InputError(f"{name} must be a whole number, 0 or more")
        if values["axis"] > 2:
            raise InputError("axis must be 0, 1 or 2")
        if not isinstance(values["text"], str):
            raise InputError("text must be a text")
        instances = values["instances"]
        if not isinstance(instances, list) or not all(_is_index(i) and i > 0 for i in instances):
            raise InputError("instances must be a list of whole numbers, 1 or more")
        attributes = values.get("attributes", {})
        if not isinstance(attributes, dict):
            raise InputError("attributes must be a JSON object")
        liver = attributes.get("liver")
        if isinstance(liver, str) and not _inside(liver):
            raise InputError("liver must lie inside the data set's folder")
        return cls(
            values["id"],
            values["image"],
            values["label"],
            values["axis"],
            values["slice"],
            values["text"],
            tuple(instances),
            attributes,
        )


def _inside(path: str) -> bool:
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_records(folder: str | Path) -> list[Record]:
    """Read a data set's records.

    Raises:
        InputError: naming the first faulty line.
    """
    path = Path(folder) / FILE_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no data set (no {FILE_NAME}): make one with lsms build-dataset."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    records: list[Record] = []
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise InputError("a record must be a JSON object")
            record = Record.from_dict(values)
            if record.id in seen:
                raise InputError(f"the id {record.id} was used before")
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: not JSON ({error.msg}).") from error
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}.") from error
        seen.add(record.id)
        records.append(record)
    if not records:
        raise InputError(f"{path} has no records: build the data set again.")
    return records


def write_records(folder: str | Path, records: Iterable[Record]) -> Path:
    """Write ``expressions.jsonl``, all or nothing.

    Raises:
        OutputError: when the folder cannot be written.
    """
    path = Path(folder) / FILE_NAME
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            for record in records:
                entry = {**asdict(record), "instances": list(record.instances)}
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error}") from error
    return path


def load_image(folder: str | Path, record: Record) -> CTVolume:
    """Return the CT of a record, HU; 8-bit pictures are mapped to PICTURE_WINDOW_HU.

    The last few volumes are kept, so that a data set in file order is read once.
    """
    return _load(str(Path(folder) / record.image))


def load_volume(folder: str | Path, path: str) -> CTVolume:
    """Return an image of a data set by its path; kept like those of :func:`load_image`.

    Raises:
        InputError: when it does not exist or cannot be read.
    """
    return _load(str(Path(folder) / path))


def load_slice_label(folder: str | Path, record: Record, *others: Record) -> NDArray[np.int32]:
    """Return the lesion instances of a record's slice, (rows, columns) as stored.

    Args:
        folder: the data set.
        record: of the slice.
        others: more records of the same slice, whose instances must exist, too.

    Raises:
        InputError: when the slice or an instance does not exist.
    """
    label = _load(str(Path(folder) / record.label)).array
    if record.slice >= label.shape[record.axis]:
        raise InputError(
            f"Record {record.id}: slice {record.slice} does not exist, "
            f"the image has {label.shape[record.axis]} along axis {record.axis}."
        )
    plane: NDArray[np.int32] = label.take(record.slice, axis=record.axis).astype(np.int32)
    present = set(np.unique(plane).tolist())
    for one in (record, *others):
        absent = sorted(set(one.instances) - present)
        if absent:
            raise InputError(f"Record {one.id}: the slice has no lesion {absent[0]}.")
    return plane


@lru_cache(maxsize=6)
def _load(path: str) -> CTVolume:
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist: the data set is not complete.")
    try:
        image = sitk.ReadImage(path)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: it is damaged or no image.") from error
    if image.GetNumberOfComponentsPerPixel() > 1:
        image = sitk.VectorIndexSelectionCast(image, 0)
    if image.GetDimension() == 2:
        picture = sitk.GetArrayFromImage(image)[None]
        if picture.dtype == np.uint8 and "label" not in Path(path).parts[-2:][0]:
            low, high = PICTURE_WINDOW_HU
            picture = (low + picture.astype(np.float32) * ((high - low) / 255.0)).round()
        row, column = image.GetSpacing()[1], image.GetSpacing()[0]
        affine = np.diag([-column, -row, 1.0, 1.0])
        return CTVolume(picture.astype(np.int16), affine)
    return CTVolume.from_sitk(image)
