"""Make files for `fuzz_io.py`: generated, damaged and odd images, each from a seed."""

from __future__ import annotations

import gzip
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lsms_core.io.dicom_header import quietly
from Testing.core.dicom_synthetic import blank, enhanced, save, series

_ODD = (0, 1, -1, 2, 255, 348, 540, 32767, -32768, 2**31 - 1, -(2**31))
_ODD_FLOATS = (0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-30, 1e30, 1e-3, 1e3)


@dataclass
class Bases:
    """Files that mutations start from.

    Attributes:
        files: by kind, the contents of small synthetic files.
        real: real files and folders, if present.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    dicom: list[bytes] = field(default_factory=list)
    enhanced: bytes = b""
    objects: list[bytes] = field(default_factory=list)
    real: list[Path] = field(default_factory=list)


def body(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A body in air, (slices, rows, columns)."""
    array = np.full(shape, -1000.0)
    array[:, shape[1] // 6 : -shape[1] // 6, shape[2] // 6 : -shape[2] // 6] = 50
    return (array + rng.normal(0, 15, shape)).astype(np.int16)


def mutate(rng: np.random.Generator, content: bytes, header: int) -> bytes:
    """Change, cut, double or fill some bytes, mostly in the header."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        end = min(header, len(data)) if rng.random() < 0.8 else len(data)
        place = int(rng.integers(0, end))
        way = rng.integers(0, 8)
        if way < 3:
            data[place] = int(rng.integers(0, 256))
        elif way == 3:
            value = np.int64(rng.choice(_ODD)).astype(str(rng.choice(["<i2", "<i4"])))
            data[place : place + value.nbytes] = value.tobytes()
        elif way == 4:
            data[place : place + 4] = np.float32(rng.choice(_ODD_FLOATS)).tobytes()
        elif way == 5:
            del data[place : place + int(rng.integers(1, 64))]
        elif way == 6:
            data[place:place] = data[place : place + int(rng.integers(1, 64))]
        else:
            del data[place if rng.random() < 0.5 else len(data) - int(rng.integers(0, 64)) :]
    return bytes(data)


def make_bases(folder: Path, data: Path | None) -> Bases:
    """Write the synthetic files once and keep their contents."""
    rng = np.random.default_rng(0)
    made = Bases()
    array = body(rng, (6, 20, 24))
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 4.0))
    for name in ("a.nrrd", "a.mha"):
        for packed in (True, False):
            sitk.WriteImage(image, str(folder / name), useCompression=packed)
            made.files[f"{packed}{name}"] = (folder / name).read_bytes()
    for version in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        affine = np.diag([-2.0, -2.0, 4.0, 1.0])
        nifti = version(array.T, affine)
        nifti.set_sform(affine, 1)
        nifti.set_qform(affine, 1)
        nibabel.save(nifti, folder / "a.nii")
        made.files[f"{version.__name__}.nii"] = (folder / "a.nii").read_bytes()
    made.dicom = [p.read_bytes() for p in series(folder / "d", count=5)]
    made.enhanced = enhanced(folder / "e.dcm", count=4).read_bytes()
    for sop in ("1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.5.1.4.1.1.88.67"):
        made.objects.append(save(blank(sop), folder / "o.dcm").read_bytes())
    if data is not None and data.is_dir():
        made.real = sorted(data.glob("ct_3slices_dicom/*"))
        made.real += sorted(data.glob("abdomen_ct_dicom/*"))[:4]
        made.real += sorted(data.glob("*.nii.gz"))
    return made


def nifti_header(rng: np.random.Generator, _: Bases, folder: Path) -> Path:
    """A valid NIfTI file with any type, order, forms, scaling and units."""
    shape = tuple(int(n) for n in rng.integers(1, 28, 3))
    dtype = np.dtype(str(rng.choice(["u1", "i1", "i2", "u2", "i4", "f4", "f8"])))
    array = body(rng, (shape[0] + 5, shape[1] + 12, shape[2] + 12)).astype(np.float64)
    info = np.iinfo(dtype) if dtype.kind in "iu" else None
    values = (np.clip(array, info.min, info.max) if info else array).astype(dtype)
    order = str(rng.choice(["<", ">"]))
    two = rng.random() < 0.3
    header = (nibabel.Nifti2Header if two else nibabel.Nifti1Header)(endianness=order)
    header.set_data_dtype(dtype.newbyteorder(order))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(rng.uniform(0.3, 8, 3))
    affine[:3, 3] = rng.uniform(-300, 300, 3)
    if rng.random() < 0.3:
        affine[:3, 0] += rng.choice([1e-5, 1e-4, 1e-2, 0.3]) * affine[:3, 1]
    image = (nibabel.Nifti2Image if two else nibabel.Nifti1Image)(values.T, affine, header)
    image.set_sform(affine, int(rng.integers(0, 5)))
    other = affine.copy()
    if rng.random() < 0.3:
        other[rng.integers(0, 3)] *= -1
    image.set_qform(other, int(rng.integers(0, 5)))
    path = folder / ("a.nii.gz" if rng.random() < 0.5 else "a.nii")
    nibabel.save(image, path)
    if rng.random() < 0.4 and path.suffix == ".nii":
        content = bytearray(path.read_bytes())
        places = (176, 184) if two else (112, 116)
        kind = f"{order}f{8 if two else 4}"
        for place in places:
            value = np.array(rng.choice([0, 1, 0.5, -1024, np.nan, 2]), kind)
            content[place : place + value.nbytes] = value.tobytes()
        path.write_bytes(content)
    return path


def damaged_file(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """A NIfTI, NRRD or MetaImage file with some bytes changed."""
    key = str(rng.choice(sorted(bases.files)))
    content = mutate(rng, bases.files[key], 560)
    name = "a" + key[key.rindex(".") :]
    if name == "a.nii" and rng.random() < 0.5:
        content, name = gzip.compress(content, 1), "a.nii.gz"
        if rng.random() < 0.3:
            content = mutate(rng, content, len(content))
    path = folder / name
    path.write_bytes(content)
    return path


def dicom_folder(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """A series with other objects, copies and damage beside or in it."""
    for number, whole in enumerate(bases.dicom):
        content = mutate(rng, whole, 1500) if rng.random() < 0.2 else whole
        (folder / f"IM{number}.dcm").write_bytes(content)
        if rng.random() < 0.05:
            (folder / f"IM{number}.dcm.bak").write_bytes(content)
    if rng.random() < 0.3:
        (folder / "object").write_bytes(bases.objects[int(rng.integers(0, len(bases.objects)))])
    if rng.random() < 0.2:
        (folder / "notes.txt").write_bytes(rng.bytes(int(rng.integers(0, 400))))
    if rng.random() < 0.1:
        (folder / "DICOMDIR").write_bytes(mutate(rng, bases.dicom[0], 1500))
    return folder


def dicom_values(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """A series some entries of which hold odd values."""
    names = (
        "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns",
        "BitsAllocated", "BitsStored", "PixelRepresentation", "RescaleSlope", "RescaleIntercept",
        "SeriesNumber", "InstanceNumber", "AcquisitionNumber", "SamplesPerPixel",
        "PhotometricInterpretation", "SpecificCharacterSet", "PatientName", "SliceThickness",
        "NumberOfFrames", "PixelPaddingValue", "SOPClassUID", "Modality", "PatientBirthDate",
    )  # fmt: skip
    odd: list[Any] = [
        None, "", "0", "-1", "1e400", "nan", "abc", "1\\2", "1\\2\\3", "0\\0\\0\\0\\0\\0", 0, 1, 2,
        65535, "1\\0\\0\\0\\1\\0", "0.5\\0.5", "\\ISO 2022 IR 87", "Ä^Ö", "x" * 100, "MONOCHROME1",
    ]  # fmt: skip
    chosen = rng.choice(names, int(rng.integers(1, 3)), replace=False)
    values = [odd[int(n)] for n in rng.integers(0, len(odd), len(chosen))]
    share = rng.choice([0.2, 1.0])
    for number, content in enumerate(bases.dicom):
        path = folder / f"{number}.dcm"
        path.write_bytes(content)
        if rng.random() > share:
            continue
        with quietly():
            made = pydicom.dcmread(path)
            for name, value in zip(chosen, values, strict=True):
                with suppress(AttributeError, TypeError, ValueError, OverflowError):
                    if value is None:
                        delattr(made, str(name))
                    else:
                        setattr(made, str(name), value)
            try:
                made.save_as(path)
            except Exception:  # noqa: BLE001 - what pydicom cannot write is no case
                path.write_bytes(content)
    return folder


def damaged_enhanced(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """An enhanced multi-frame CT with some bytes changed."""
    path = folder / "e.dcm"
    path.write_bytes(mutate(rng, bases.enhanced, 4000) if rng.random() < 0.8 else bases.enhanced)
    return path if rng.random() < 0.5 else folder


def archive(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """A zip of a series, damaged or with odd names."""
    path = folder / "a.zip"
    names = ["", "a/", "../", "/", "C:\\", "a/../../", "é/", "\x01/"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, content in enumerate(bases.dicom):
            prefix = str(rng.choice(names)) if rng.random() < 0.2 else ""
            packed.writestr(f"{prefix}{number}.dcm", content)
    if rng.random() < 0.6:
        path.write_bytes(mutate(rng, path.read_bytes(), path.stat().st_size))
    return path


def damaged_real(rng: np.random.Generator, bases: Bases, folder: Path) -> Path:
    """A real file with some bytes changed; its series as it is beside it."""
    source = bases.real[int(rng.integers(0, len(bases.real)))]
    if source.name.endswith(".nii.gz"):
        content = gzip.decompress(source.read_bytes())
        path = folder / "a.nii"
        path.write_bytes(mutate(rng, content, 352))
        return path
    for other in sorted(source.parent.iterdir())[:4]:
        content = other.read_bytes()
        (folder / other.name).write_bytes(
            mutate(rng, content, 3000) if other == source else content
        )
    return folder


def large_volume(rng: np.random.Generator, _: Bases, folder: Path) -> Path:
    """A volume of 32 MiB or more, whole, in any format: for the memory that reading takes."""
    slab = body(rng, (8, 512, 512))
    array = np.tile(slab, (8, 1, 1))
    name = str(rng.choice(["a.nii", "a.nii.gz", "a.nrrd", "a.mha"]))
    path = folder / name
    if name.startswith("a.nii"):
        header = nibabel.Nifti1Header(endianness=str(rng.choice(["<", ">"])))
        kind = str(rng.choice(["i2", "f4", "f8"]))
        header.set_data_dtype(kind)
        image = nibabel.Nifti1Image(array.astype(kind).T, np.diag([-1.0, -1.0, 2.0, 1.0]), header)
        nibabel.save(image, path)
        return path
    image = sitk.GetImageFromArray(array)
    sitk.WriteImage(image, str(path), useCompression=bool(rng.random() < 0.5))
    return path


KINDS: dict[str, tuple[float, Callable[[np.random.Generator, Bases, Path], Path]]] = {
    "NIfTI headers": (0.25, nifti_header),
    "damaged NIfTI, NRRD, MetaImage": (0.35, damaged_file),
    "damaged DICOM folders": (0.15, dicom_folder),
    "DICOM folders with odd entries": (0.1, dicom_values),
    "damaged multi-frame DICOM": (0.06, damaged_enhanced),
    "zip archives": (0.04, archive),
    "damaged real files": (0.05, damaged_real),
    "large volumes": (0.003, large_volume),
}
