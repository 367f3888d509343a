"""Run tests with the oldest versions of the dependencies that pyproject.toml allows.

Run by `make test-minimum`, with the oldest Python that the project supports where it is installed.
Each requirement of the package and of the extras is pinned to its lower bound, in an environment of
its own. The tests are those of the rooms that call third-party libraries (files, DICOM, networks,
training, tables, the server), without the slow ones: what depends on a library's version shows
there, while reading, geometry and selection use nothing but NumPy and are covered by `make test`.

The oldest torch is large on systems whose package index serves CUDA builds only. `--without-torch`
leaves it and its extras out; the tests that need it are then skipped.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# onnx makes the graph by hand with which processes answer in tests.
TOOLS = ("pytest", "hypothesis", "onnx")
EXTRAS = ("pictures", "dicom", "cohort", "serve")
TORCH_EXTRAS = ("torch", "train", "medclip")
# A test file that begins with one of these does not load without torch.
LOADS_TORCH = re.compile(
    r"^(import torch|from (torch|transformers|lightning)\b|from Testing\.core\.\w+_tiny import)",
    re.MULTILINE,
)
# The names of test files.
TESTS = "test_io_* test_dicom_* test_demo test_report_page test_cohort* test_service_parts \
    test_geometry test_regions test_resampling test_follow_up test_hounsfield test_cli_* \
    test_existing_segmentations test_explain test_missing_extras test_examples test_phantom"
TORCH_TESTS = "test_bundle test_model* test_runtime test_predictor test_sampling test_training \
    test_drawing_runs test_text_free test_medclip_models test_medclip_losses test_weights_cache"


def lower_bounds(extras: tuple[str, ...]) -> list[str]:
    """Return the requirements of the package and of some extras, each pinned to its lower bound."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    pinned = {}
    for name in ("dependencies", *extras):
        # An extra that includes another has a bracket in the middle of a line.
        (found,) = re.findall(rf"^{name} = \[(.*?)\]$", text, re.DOTALL | re.MULTILINE)
        for package, version in re.findall(r'"([A-Za-z0-9_.-]+)>=([0-9.]+)[^"]*"', found):
            pinned[package.lower()] = f"{package}=={version}"
    return sorted(pinned.values())


def oldest_python() -> str:
    """Return the oldest Python that the project supports, or this one where it is missing."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    (oldest,) = re.findall(r'^requires-python = ">=(3\.\d+)"$', text, re.MULTILINE)
    found = shutil.which(f"python{oldest}")
    works = found and subprocess.run([found, "-V"], check=False, capture_output=True).returncode
    return found if found and works == 0 else sys.executable


def test_files(names: str) -> list[str]:
    """Return the test files that names with wildcards stand for."""
    folder = REPOSITORY / "Testing" / "core"
    return sorted({str(path) for name in names.split() for path in folder.glob(f"{name}.py")})


def main() -> None:
    """Install the lower bounds and run the tests with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-torch", action="store_true", help="Leave torch out.")
    options = parser.parse_args()
    extras = EXTRAS if options.without_torch else (*EXTRAS, *TORCH_EXTRAS)
    files = test_files(f"{TESTS} {TORCH_TESTS}")
    if options.without_torch:
        files = [f for f in files if not LOADS_TORCH.search(Path(f).read_text("utf-8"))]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([oldest_python(), "-m", "venv", folder], check=True)
        python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        bounds = lower_bounds(extras)
        print("\n".join(bounds), flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *bounds, *TOOLS], check=True)
        subprocess.run([*pip, "--no-deps", "--editable", str(REPOSITORY)], check=True)
        command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-m", "not slow and not shared_data", *files]
        sys.exit(subprocess.run(command, cwd=REPOSITORY, check=False).returncode)


if __name__ == "__main__":
    main()
