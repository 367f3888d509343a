"""Reads Hounsfield units from DICOM images: pydicom for plain ones, GDCM for compressed ones."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames

from lsms_core.errors import InputError
from lsms_core.io.dicom_header import DICOM_ERRORS, PLAIN, quietly, transfer_syntax
from lsms_core.io.dicom_objects import DicomSlice
from lsms_core.io.headers import damaged

AIR_HU = -1024
# Padding above this would be taken for tissue, HU.
_HARMLESS_PADDING_HU = -900
_COPIED = (
    "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration",
)  # fmt: skip


def read_pixels(ordered: Sequence[DicomSlice]) -> tuple[NDArray[Any], list[str]]:
    """Read slice by slice: each may have its own rescale slope, and an error names its file.

    Returns:
        (slices, rows, columns) HU, int16 where that is exact, and notes for the user.

    Raises:
        InputError: naming the file that cannot be read.
    """
    rows, columns = ordered[0].shape
    array: NDArray[Any] = np.empty((len(ordered), rows, columns), np.int16)
    padded = 0
    reader = _Reader()
    for index, item in enumerate(ordered):
        with quietly():
            values = reader.read(item).reshape(rows, columns)
        if item.coding.padding:
            values, count = _without_padding(values, item)
            padded += count
        if not np.can_cast(values.dtype, array.dtype):
            fits = values.dtype.kind in "iu" and values.min() >= -32768 and values.max() <= 32767
            if not fits and array.dtype == np.int16:
                array = array.astype(np.float32)
        array[index] = values
    notes = []
    if padded:
        notes.append(f"Padding beside the body was taken for air ({padded:,} pixels).")
    units = sorted({s.coding.units for s in ordered} - {"", "HU", "US"})
    if units:
        notes.append(
            f"The series says that its values are {', '.join(units)}, not Hounsfield units; the "
            "result means little."
        )
    return array, notes


class _Reader:
    """Reads one image after the other; a multi-frame file is opened once."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset: Any = None
        self._frames: list[bytes] | None = None

    def read(self, item: DicomSlice) -> NDArray[Any]:
        """Return (rows, columns) HU."""
        if item.damage:
            raise damaged(item.path, item.damage)
        try:
            dataset = self._open(item.path)
            if not transfer_syntax(dataset) or transfer_syntax(dataset) in PLAIN:
                return self._plain(dataset, item)
            # GDCM inverts MONOCHROME1, and knows one slope for all frames.
            if item.frame is None and not item.coding.inverted:
                try:
                    return _decode(item.path)
                except RuntimeError:
                    return self._copy(dataset, item)
            return self._copy(dataset, item)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1].split("ITK ERROR:")[-1][:160]
            raise damaged(item.path, reason) from error
        except (*DICOM_ERRORS, MemoryError) as error:
            raise damaged(item.path, "its pixels cannot be decoded") from error

    def _plain(self, dataset: Any, item: DicomSlice) -> NDArray[Any]:  # noqa: ANN401
        """Return HU of uncompressed pixels."""
        coding = item.coding
        if coding.allocated not in (8, 16, 32) or not 1 <= coding.bits <= coding.allocated:
            raise ValueError("its bits are odd")
        little = bool(dataset.original_encoding[1])
        kind = f"{'<' if little else '>'}u{coding.allocated // 8}"
        stored = np.frombuffer(self._frame(dataset, item, False), kind)
        stored = stored[: item.shape[0] * item.shape[1]].astype(kind.replace(">", "<"))
        spare = coding.allocated - coding.bits
        if spare:
            # The bits above belong to overlays or are unused.
            stored = stored << np.uint8(spare)
        values: NDArray[Any] = stored
        if coding.signed:
            values = stored.view(stored.dtype.str.replace("u", "i"))
        if spare:
            values = values >> np.uint8(spare)
        return _rescaled(values, coding.slope, coding.intercept).reshape(item.shape)

    def _copy(self, dataset: Any, item: DicomSlice) -> NDArray[Any]:  # noqa: ANN401
        """Decode a copy of one frame that holds nothing but what decoding needs."""
        copy = Dataset()
        copy.file_meta = FileMetaDataset()
        copy.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
        copy.SOPClassUID = copy.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        copy.Modality = "CT"
        for name in _COPIED:
            if name in dataset:
                copy[name] = dataset[name]
        copy.PhotometricInterpretation = "MONOCHROME2"
        copy.RescaleSlope, copy.RescaleIntercept = item.coding.slope, item.coding.intercept
        copy.PixelData = encapsulate([self._frame(dataset, item, True)])
        copy["PixelData"].VR = "OB"
        with tempfile.TemporaryDirectory(prefix="lsms-frame-") as folder:
            path = Path(folder) / "frame.dcm"
            pydicom.dcmwrite(path, copy, enforce_file_format=True)
            return _decode(path)

    def _open(self, path: Path) -> Any:  # noqa: ANN401
        if self._path != path:
            self._path, self._frames = path, None
            self._dataset = pydicom.dcmread(path, force=True)
        return self._dataset

    def _frame(self, dataset: Any, item: DicomSlice, compressed: bool) -> bytes:  # noqa: ANN401
        index, count = item.frame or 0, int(dataset.get("NumberOfFrames") or 1)
        if compressed:
            if self._frames is None:
                self._frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
            return self._frames[index]
        length = item.shape[0] * item.shape[1] * item.coding.allocated // 8
        part = dataset.PixelData[index * length : (index + 1) * length]
        if len(part) < length:
            raise EOFError("the frame is not all there")
        return part


def _rescaled(values: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return slope * values + intercept: whole numbers where both are, else float32."""
    if slope.is_integer() and intercept.is_integer() and abs(slope) < 2**16:
        wide = values.astype(np.int64) * int(slope) + int(intercept)
        if wide.min() >= -(2**31) and wide.max() < 2**31:
            fits = wide.min() >= -32768 and wide.max() <= 32767
            return wide.astype(np.int16 if fits else np.int32)
    scaled: NDArray[Any] = (values.astype(np.float64) * slope + intercept).astype(np.float32)
    return scaled


def _decode(path: Path) -> NDArray[Any]:
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    values: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    if values.ndim > 3 or (values.ndim == 3 and values.shape[0] > 1):
        raise InputError(f"{path} is a multi-frame picture or in colour: a CT is needed.")
    return values


def _without_padding(values: NDArray[Any], item: DicomSlice) -> tuple[NDArray[Any], int]:
    """Take padding for air where it touches the picture's border and would look like tissue.

    Elsewhere a pixel may have the padding's value by chance, as water has 0 HU.
    """
    coding = item.coding
    ends = [_stored(v, coding.bits if coding.allocated <= 8 else 16, coding.signed)
            for v in coding.padding]  # fmt: skip
    low, high = (coding.slope * v + coding.intercept for v in (min(ends), max(ends)))
    low, high = min(low, high), max(low, high)
    if high <= _HARMLESS_PADDING_HU:
        return values, 0
    mask = (values >= low - 1e-3) & (values <= high + 1e-3)
    border = np.zeros(values.shape, np.bool_)
    border[[0, -1]] = border[:, [0, -1]] = True
    if not (mask & border).any():
        return values, 0
    parts = sitk.GetArrayFromImage(
        sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)))
    )
    outside = np.isin(parts, np.unique(parts[border & mask])) & mask
    values = values.copy()
    values[outside] = AIR_HU
    return values, int(outside.sum())


def _stored(value: int, bits: int, signed: bool) -> int:
    """Read a padding value in the pixels' own notation; exporters mix signed and unsigned."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >= 1 << (bits - 1) else value
