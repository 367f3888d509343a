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
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import highdicom
import nibabel
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
from scripts.fuzz_cases import KINDS, Bases, make_bases

HANG_S = 10
# Cases of one process; starting it takes longer than a case.
_BATCH = 100
# Decoders, caches and interpreter memory that a first call takes whatever the volume.
ALLOWANCE_MIB = 64
_OUTPUTS = (".nii.gz", ".nii", ".nrrd", ".seg.nrrd", ".dcm")
_MENDED = ("Hounsfield", "turned over", "converted", "Padding", "s-form cannot", "does not say")


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
