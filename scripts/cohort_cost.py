"""What a cohort costs a study, and how that grows: a table of `lsms batch` on synthetic studies.

    python scripts/cohort_cost.py OUT --counts 1 10 100 --processes 1 2

Each study is four slices of a synthetic CT, so that the whole takes minutes; what counts is how the
cost of a study changes with their number, against a plain loop in one process. CPU seconds are
given beside the time on the clock, since they depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lsms_core.io.nifti import write_nifti
from lsms_core.phantom import SMALL_SHAPE, make_phantom

SLICES = 4
TEXTS = ("left lobe lesion", "largest lesion")
LOOP = """
import sys
from pathlib import Path
from lsms_core.inference.answer_segments import segments_of
from lsms_core.inference.predictor import Predictor
from lsms_core.io.output import write_masks
from lsms_core.io.volumes import read_volume
predictor = Predictor.from_pretrained("lsms-tiny", "cpu", threads=int(sys.argv[3]))
for path in sorted(Path(sys.argv[1]).glob("*.nii.gz")):
    loaded = read_volume(path)
    answers = predictor.segment(loaded.volume, sys.argv[4:], keep_probability=False)
    write_masks(Path(sys.argv[2]) / (path.name[:-7] + ".seg.nrrd"), loaded, segments_of(answers))
"""


def make_studies(folder: Path, count: int) -> None:
    """Write studies of a few slices, cut out of a handful of bodies."""
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for seed in range(count):
        whole = make_phantom(seed, shape=SMALL_SHAPE)
        for first in range(2, SMALL_SHAPE[0] - SLICES, 1):
            affine = whole.ct.affine.copy()
            affine[:3, 3] += first * affine[:3, 2]
            part = whole.ct.array[first : first + SLICES]
            write_nifti(folder / f"study_{made:04d}.nii.gz", part, affine, "synthetic")
            made += 1
            if made == count:
                return


def run(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds on the clock and of CPU, with those of its children."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0:4]} ended with {process.returncode}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--loop-up-to", type=int, default=10, help="studies of the plain loop")
    given = parser.parse_args()
    texts = [part for text in TEXTS for part in ("--text", text)]
    print("| studies | how | s a study, clock | s a study, CPU | s in all, clock |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    for count in given.counts:
        source = given.out / f"studies_{count}"
        make_studies(source, count)
        masks = given.out / f"loop_{count}"
        rows = [
            ("a plain loop", [sys.executable, "-c", LOOP, str(source), str(masks), "1", *TEXTS])
        ]
        masks.mkdir(exist_ok=True)
        for processes in given.processes:
            output = given.out / f"batch_{count}_{processes}"
            shutil.rmtree(output, ignore_errors=True)
            command = [sys.executable, "-m", "lsms_core", "batch", str(source), *texts]
            command += ["--output", str(output), "--processes", str(processes)]
            command += ["--threads", "1", "--device", "cpu"]
            rows.append(
                (f"lsms batch, {processes} process{'es' if processes > 1 else ''}", command)
            )
        for name, command in rows:
            clock, cpu = run(command)
            print(
                f"| {count} | {name} | {clock / count:.1f} | {cpu / count:.1f} | {clock:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
