"""Build the wheel and the source archive, install each in an empty environment, and use it.

Run by `make test-package`. What is checked: the archives build; the wheel and the source archive
install without extras; `lsms --help`, `lsms info` and `lsms demo` work from an empty folder, so
nothing of the checkout is needed, and no torch.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command and stop at the first that fails."""
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def environment(folder: Path) -> Path:
    """Make an empty environment and return its folder of programs."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


def check(archive: Path, extras: str, folder: Path) -> None:
    """Install an archive and run the main job with it."""
    programs = environment(folder / "env")
    pip = programs / "python", "-m", "pip", "install", "--quiet"
    run(*pip, f"{archive}{extras}", cwd=folder)
    run(programs / "lsms", "--help", cwd=folder)
    run(programs / "lsms", "info", cwd=folder)
    if extras:
        run(programs / "lsms", "demo", "--output", folder / "demo", cwd=folder)
        if not (folder / "demo" / "demo.png").is_file():
            sys.exit(f"lsms demo of {archive.name} made no picture.")


def main() -> None:
    """Check the wheel with and without extras, and the source archive."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        builder = environment(folder / "build")
        run(builder / "python", "-m", "pip", "install", "--quiet", "build", cwd=folder)
        run(builder / "python", "-m", "build", "--outdir", folder / "dist", REPOSITORY, cwd=folder)
        wheel = next((folder / "dist").glob("*.whl"))
        source = next((folder / "dist").glob("*.tar.gz"))
        for number, (archive, extras) in enumerate(
            [(wheel, ""), (wheel, "[pictures]"), (source, "[pictures]")]
        ):
            place = folder / str(number)
            place.mkdir()
            check(archive, extras, place)
    print("The wheel and the source archive install and work.")


if __name__ == "__main__":
    main()
