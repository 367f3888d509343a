"""Read thousands of generated and damaged images, and say what happened.

Each case is made from a seed, read in a process of its own, and, where it can be read, a mask is
written and read back. A case fails when it ends in anything but a volume or one of the project's
own errors, takes more than ten seconds, takes more memory than twice the volume (and a fixed
allowance for the libraries), or when what was written comes back differently.

    python scripts/fuzz_io.py --count 10000 --seconds 540 --data ../shared/data/io
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import highdicom
import nibabel
import pydicom
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.anatomy.terminology import terminology_of
from lsms_core.errors import LsmsError
from lsms_core.io import (
    dicom,  # noqa: F401 - loaded before the processes part
    output,
)
from lsms_core.io.dicom_header import quietly
from lsms_core.io.named_masks import Segment
from lsms_core.io.volumes import LoadedVolume, read_volume
from Testing.core.dicom_synthetic import blank, enhanced, save, series

HANG_S = 10
# Cases of one process; starting it takes longer than a case.
_BATCH = 100
# Decoders, caches and interpreter memory that a first call takes whatever the volume.
ALLOWANCE_MIB = 64
_OUTPUTS = (".nii.gz", ".nii", ".nrrd", ".seg.nrrd", ".dcm")
_MENDED = ("Hounsfield", "turned over", "converted", "Padding", "s-form cannot", "does not say")
_ODD = (0, 1, -1, 2, 255, 348, 540, 32767, -32768, 2**31 - 1, -(2**31))
_ODD_FLOATS = (0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-30, 1e30, 1e-3, 1e3)


@dataclass
class Result:
    """What became of one case."""

    kind: str
    seed: int
    outcome: str = "crash"
    detail: str = ""
    seconds: float = 0.0  # of the processor, for reading
    extra_mib: float = 0.0
    volume_mib: float = 0.0
    written: str = ""


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


def check(path: Path, loaded: LoadedVolume) -> str:
    """Compare what was read with what another reader says; "" where they agree.

    Where the other reader refuses the file, or the values were mended, nothing is compared.
    """
    if any(word in note for note in loaded.notes for word in _MENDED):
        return ""
    refusals = (RuntimeError, ImageFileError, HeaderDataError, OSError, ValueError)
    with suppress(*refusals):
        if path.suffix in (".nii", ".gz"):
            return _against_nibabel(path, loaded)
        if path.suffix in (".nrrd", ".mha"):
            other = CTVolume.from_sitk(sitk.ReadImage(str(path)))
            same = np.array_equal(other.array, loaded.volume.array, equal_nan=True)
            return "" if same else "other values than ITK's"
    return ""


def _against_nibabel(path: Path, loaded: LoadedVolume) -> str:
    image = nibabel.load(path)
    if image.header["vox_offset"] < image.header.sizeof_hdr:
        return ""  # nibabel takes the header for voxels
    if not np.allclose(loaded.volume.affine, image.affine, atol=1e-6, equal_nan=True):
        return "another affine than nibabel's"
    with np.errstate(all="ignore"):
        values = np.asanyarray(image.dataobj).reshape(image.shape[:3])
        same = np.allclose(loaded.volume.array.T, values, rtol=1e-5, equal_nan=True)
    return "" if same else "other values than nibabel's"


def write_and_compare(rng: np.random.Generator, loaded: LoadedVolume, folder: Path) -> str:
    """Write a mask in one format and read it back; raise where it differs."""
    shape = loaded.volume.shape
    mask = rng.random(shape) < 0.2
    mask[shape[0] // 2, shape[1] // 2, shape[2] // 2] = True
    suffix = str(rng.choice(_OUTPUTS if loaded.slice_files else _OUTPUTS[:4]))
    target = folder / f"mask{suffix}"
    output.check_output(target, loaded)
    segment = Segment("Läsion \\ 病", mask, terminology_of("lesion"), (255, 0, 0))
    output.write_masks(target, loaded, [segment])
    if suffix == ".dcm":
        with quietly():
            seg = highdicom.seg.segread(target)
            volume = seg.get_volume(combine_segments=True, allow_missing_positions=True)
        found = volume.affine @ np.c_[np.argwhere(volume.array), np.ones(mask.sum())].T
        ijk = np.c_[np.argwhere(mask)[:, ::-1], np.ones(mask.sum())].T
        expected = loaded.volume.affine @ ijk
        places = [np.sort(np.round(p[2], 2)) for p in (found, expected)]
        if not np.allclose(*places, atol=0.1):
            raise ValueError("the DICOM SEG lies elsewhere")
        return suffix
    if suffix.startswith(".nii"):
        image = nibabel.load(target)
        array, affine = np.asanyarray(image.dataobj).T, image.affine
    else:
        again = CTVolume.from_sitk(sitk.ReadImage(str(target)))
        array, affine = again.array, again.affine
    if not np.array_equal(array > 0, mask):
        raise ValueError("the mask comes back differently")
    if not np.allclose(affine, loaded.volume.affine, rtol=1e-5, atol=1e-3):
        raise ValueError("the mask's grid comes back differently")
    return suffix


def child(kind: str, seed: int, bases: Bases, folder: Path) -> Result:
    """Do one case in this process."""
    result = Result(kind, seed)
    rng = np.random.default_rng([seed, 1])
    path = KINDS[kind][1](rng, bases, folder)
    with Path("/proc/self/clear_refs").open("w", encoding="ascii") as peak:
        peak.write("5")  # forget the peak that making the case took
    before = _memory_mib("VmRSS")
    # Other work on the machine does not count; a process that only waits is stopped by the clock.
    start = time.process_time()
    signal.alarm(6 * HANG_S)
    try:
        loaded = read_volume(path)
        result.seconds = time.process_time() - start
        result.volume_mib = loaded.volume.array.nbytes / 2**20
        result.extra_mib = _memory_mib("VmHWM") - before
        result.outcome = "read"
        if result.extra_mib > 2 * result.volume_mib + ALLOWANCE_MIB:
            result.outcome, result.detail = "memory", f"{result.extra_mib:.0f} MiB"
        elif wrong := check(path, loaded):
            result.outcome, result.detail = "differs", wrong
        elif rng.random() < 0.5:
            result.written = write_and_compare(rng, loaded, folder)
    except LsmsError as error:
        result.outcome, result.detail = "refused", str(error)[:200]
        if "Traceback" in str(error) or not str(error).strip():
            result.outcome = "traceback"
    except BaseException as error:  # noqa: BLE001 - finding these is what this is for
        result.outcome = "differs" if "differently" in str(error) else "traceback"
        result.detail = f"{error!r} " + " < ".join(
            f"{Path(f.filename).name}:{f.lineno}"
            for f in traceback.extract_tb(error.__traceback__)[::-1][:4]
        )
    signal.alarm(0)
    if result.outcome != "read":
        result.seconds = time.process_time() - start
    if result.seconds > HANG_S:
        result.outcome = "hang"
    return result


def _memory_mib(name: str) -> float:
    """A size of this process, such as VmRSS or VmHWM (its peak); Linux only."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def run_cases(cases: list[tuple[str, int]], bases: Bases, root: Path) -> list[Result]:
    """Do cases in a process of their own; one that kills it is counted, and ends the list."""
    folder = root / "case"
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        with os.fdopen(write_end, "wb") as stream:
            for kind, seed in cases:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                stream.write(json.dumps(child(kind, seed, bases, folder).__dict__).encode() + b"\n")
                stream.flush()
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        results = [Result(**json.loads(line)) for line in stream]
    _, status = os.waitpid(pid, 0)
    if len(results) < len(cases):
        kind, seed = cases[len(results)]
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        outcome = "hang" if number == signal.SIGALRM else "crash" if number else "script"
        results.append(Result(kind, seed, outcome, f"signal {number}"))
    return results


def table(results: list[Result]) -> str:
    """The figures, as a table."""
    outcomes = ["read", "refused", "traceback", "crash", "hang", "memory", "differs", "script"]
    lines = [f"| kind | cases | {' | '.join(outcomes)} | written and read back | slowest, s |",
             f"|---|{'---|' * (len(outcomes) + 3)}"]  # fmt: skip
    for kind in [*KINDS, "all"]:
        part = [r for r in results if kind in (r.kind, "all")]
        if not part:
            continue
        count = Counter(r.outcome for r in part)
        cells = " | ".join(str(count[o]) for o in outcomes)
        written = sum(bool(r.written) for r in part)
        slowest = max(r.seconds for r in part)
        lines.append(f"| {kind} | {len(part)} | {cells} | {written} | {slowest:.2f} |")
    return "\n".join(lines)


def main() -> int:
    """Run the cases that time allows; return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=540, help="stop after this time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder of real files to damage")
    parser.add_argument("--report", type=Path, help="write each failure as JSON here")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    start = time.monotonic()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="lsms-fuzz-") as name:
        root = Path(name)
        (root / "base").mkdir()
        bases = make_bases(root / "base", arguments.data)
        kinds = [k for k in KINDS if bases.real or k != "damaged real files"]
        weights = np.array([KINDS[k][0] for k in kinds])
        chosen = rng.choice(kinds, arguments.count, p=weights / weights.sum())
        todo = [(str(k), arguments.seed * 1_000_000 + n) for n, k in enumerate(chosen)]
        gc.freeze()
        while len(results) < len(todo) and time.monotonic() - start < arguments.seconds:
            first = len(results)
            results += run_cases(todo[first : first + _BATCH], bases, root)
    failures = [r for r in results if r.outcome not in ("read", "refused")]
    print(table(results))
    large = [r for r in results if r.volume_mib > 16]
    if large:
        ratio = max(r.extra_mib / r.volume_mib for r in large)
        print(f"Most memory for {len(large)} volumes above 16 MiB: {ratio:.2f} times the volume")
    print(f"{len(results)} cases in {time.monotonic() - start:.0f} s, {len(failures)} failures")
    for failure in failures[:40]:
        print(f"{failure.kind}, seed {failure.seed}: {failure.outcome} {failure.detail}")
    if arguments.report:
        arguments.report.write_text(json.dumps([f.__dict__ for f in failures], indent=1), "utf-8")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
