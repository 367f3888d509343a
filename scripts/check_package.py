"""Build the wheel and the source archive, install each in an empty environment, and use it.

Run by `make test-package`. The working folder is empty, so nothing of the checkout is used. Without
extras the demo, the command line and the Python call work, and a command that needs an optional
library says in one line which extra to install. The small extras are tried next. torch is large: it
is tried only with `--torch torch==2.13.0` or another requirement.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# The commands that need an optional library, and the extra that each must name.
NEEDS = {
    "benchmark": "torch",
    "serve": "serve",
    "viewer {demo}": "viewer",
    "segment {demo}/ct.nii.gz --text lesion --picture {demo}/x.png": "pictures",
    "batch {demo} --text lesion --output {demo}/batch": "cohort",
}
PYTHON_CALL = """
import sys
from lsms_core.inference.predictor import Predictor
from lsms_core.io.volumes import read_volume

predictor = Predictor.from_pretrained("lsms-tiny")
answer = predictor.segment(read_volume(sys.argv[1]).volume, "left lobe hypodense lesion")[0]
assert answer.present, answer.message
assert not {"torch", "transformers", "PIL"} & set(sys.modules)
"""


class Installation:
    """An empty environment with one archive in it, and an empty folder to work in."""

    def __init__(self, folder: Path, archive: Path, extras: str = "", *, first: str = "") -> None:
        """Make the environment and install `archive` with its extras, after `first`."""
        self.folder = folder
        print(f"\n== {archive.name}{extras}", flush=True)
        self.programs = environment(folder / "env")
        if first:
            self.run("python", "-m", "pip", "install", "--quiet", first)
        self.run("python", "-m", "pip", "install", "--quiet", f"{archive}{extras}")

    def run(self, program: str, *arguments: str | Path, fails: str = "") -> None:
        """Run a program of the environment.

        Args:
            program: its name.
            arguments: its arguments.
            fails: it must stop with one line that contains this, and exit status 2.
        """
        command = [str(self.programs / program), *map(str, arguments)]
        print("$", program, *arguments, flush=True)
        # A folder on PYTHONPATH would stand in for what was installed.
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        ran = subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )
        as_expected = (
            ran.returncode == 2 and ran.stderr.count("\n") == 1 and fails in ran.stderr
            if fails
            else ran.returncode == 0
        )
        if not as_expected:
            sys.exit(f"{ran.stdout}{ran.stderr}\n{program} ended with {ran.returncode}.")

    def demo(self, *, picture: bool) -> Path:
        """Run the demo and return its folder."""
        folder = self.folder / "demo"
        self.run("lsms", "demo", "--output", folder)
        files = {"ct.nii.gz", "truth.nii.gz", "found.seg.nrrd"} | (
            {"demo.png"} if picture else set()
        )
        found = {path.name for path in folder.iterdir()}
        if found != files:
            sys.exit(f"lsms demo wrote {sorted(found)} instead of {sorted(files)}.")
        return folder


def environment(folder: Path) -> Path:
    """Make an empty environment and return its folder of programs."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


def build(folder: Path) -> tuple[Path, Path]:
    """Build the source archive, and from it the wheel; return the wheel and the archive."""
    python = environment(folder / "build") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "build"], check=True)
    subprocess.run([python, "-m", "build", "--outdir", folder / "dist", REPOSITORY], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (source,) = (folder / "dist").glob("*.tar.gz")
    return wheel, source


def check_without_extras(there: Installation) -> None:
    """Use an installation that has no optional library."""
    there.run("lsms", "--help")
    there.run("lsms", "info")
    there.run("lsms", "read", "left lobe cyst under 1 cm")
    demo = there.demo(picture=False)
    there.run("lsms", "info", demo / "ct.nii.gz")
    there.run("python", "-c", PYTHON_CALL, demo / "ct.nii.gz")
    for command, extra in NEEDS.items():
        there.run("lsms", *command.format(demo=demo).split(), fails=f"lsms-core[{extra}]")


def check_with_extras(there: Installation) -> None:
    """Use an installation with the extras that are small."""
    ct = there.demo(picture=True) / "ct.nii.gz"
    asked = "segment", ct, "--text", "left lobe hypodense lesion", "--slices", "15:25"
    there.run("lsms", *asked, "--output", "one.seg.nrrd", "--picture", "one.png")
    there.run("lsms", "batch", ct, "--text", "largest lesion", "--output", "cohort")
    there.run("python", "-c", "import highdicom, lsms_core.io.dicom_seg, lsms_core.io.dicom_sr")
    there.run("lsms", "serve", "--help")
    for name in ("one.seg.nrrd", "one.png", "cohort/results.parquet"):
        if not (there.folder / name).is_file():
            sys.exit(f"{name} was not written.")


def check_with_torch(there: Installation) -> None:
    """Answer with torch instead of ONNX Runtime."""
    ct = there.demo(picture=True) / "ct.nii.gz"
    there.run("lsms", "benchmark", "--help")
    there.run(
        "python", "-c", "import torch, lsms_core.models.bundle as b; b.load_bundle('lsms-tiny')"
    )
    there.run(
        "lsms", "segment", ct, "--text", "lesion", "--slices", "15:20", "--output", "a.nii.gz"
    )


def main() -> None:
    """Check the wheel without and with extras, and the source archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default="", help="Also try the extra torch, with this torch.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel, source = build(folder)
        check_without_extras(Installation(folder / "1", wheel))
        check_with_extras(Installation(folder / "2", wheel, "[pictures,dicom,cohort,serve]"))
        there = Installation(folder / "3", source, "[pictures]")
        there.run("lsms", "info")
        there.demo(picture=True)
        if options.torch:
            extras = "[pictures,torch]"
            check_with_torch(Installation(folder / "4", wheel, extras, first=options.torch))
    print("\nThe wheel and the source archive install and work.")


if __name__ == "__main__":
    main()
