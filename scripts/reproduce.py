"""Make the released weights' figures anew: the data sets, the evaluations, and one page of tables.

Run by `make reproduce CASES=... TEST=...`; it takes from half an hour to hours. `CASES` and `TEST`
are folders of cases as docs/training.md describes them; the weights have learnt from `CASES`, so
that only the words are scored there, on the true outlines.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# name, folder of cases, options of build-dataset, options of evaluate
SETS = (
    ("test", "test", ["--per-slice", "4", "--seed", "1"], []),
    ("test-syn", "test", ["--per-slice", "2", "--seed", "1", "--synthetic", "4"], []),
    (
        "test-para",
        "test",
        ["--per-slice", "6", "--seed", "2", "--words", "paraphrases"],
        ["--no-text-tests"],
    ),
    (
        "words-test",
        "test",
        ["--per-slice", "4", "--seed", "1", "--words", "held-out"],
        ["--candidates", "labels"],
    ),
    (
        "words-cases",
        "cases",
        ["--per-slice", "3", "--seed", "1", "--words", "held-out"],
        ["--candidates", "labels"],
    ),
)


def lsms(*arguments: str | Path) -> None:
    """Run a command of the package and stop at the first that fails."""
    print("$ lsms", *arguments, flush=True)
    command = [sys.executable, "-m", "lsms_core", *(str(a) for a in arguments)]
    subprocess.run(command, check=True)


def main() -> None:
    """Build what is missing, and evaluate it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--readings", type=Path, help="texts with their meaning, JSONL")
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--output", type=Path, default=Path("out/reproduce"))
    parser.add_argument("--only", nargs="*", choices=[name for name, *_ in SETS])
    options = parser.parse_args()
    folders = {"cases": options.cases, "test": options.test}
    for name, source, building, evaluating in SETS:
        if options.only and name not in options.only:
            continue
        data = options.output / "data" / name
        if not (data / "dataset.json").is_file():
            lsms("build-dataset", folders[source], data, *building)
        report = options.output / f"{name}.json"
        lsms("evaluate", data, "--weights", options.weights, *evaluating, "--output", report)
    if options.readings is not None:
        report = options.output / "readings.json"
        lsms("evaluate", "--readings", options.readings, "--output", report)
    print(f"The tables are the .md files in {options.output}.")


if __name__ == "__main__":
    main()
