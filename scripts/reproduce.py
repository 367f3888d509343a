"""Make the released weights' figures anew: the data sets, the evaluations, and one page of tables.

Run by `make reproduce CASES=... TEST=...`; it takes from half an hour to hours. `CASES` and `TEST`
are folders of cases as docs/training.md describes them; the weights have learnt from `CASES`, so
that only the words are scored there, on the true outlines. With `SLICES`, the folder of single
slices, the patients that the released weights were kept from are scored, too.
"""

from __future__ import annotations

import argparse
import csv
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

# Patients of the single slices that lsms-tiny has not seen, since 1.0.0.
HELD_OUT = ("p031", "p064", "p094", "p101", "p110", "p117", "p129")
HELD_OUT_SETS = (
    ("held-out", "held-out", ["--per-slice", "8", "--seed", "1", "--words", "held-out"], []),
    (
        "held-out-para",
        "held-out",
        ["--per-slice", "9", "--seed", "1", "--words", "paraphrases"],
        ["--no-text-tests"],
    ),
)


def held_out_cases(slices: Path, folder: Path) -> Path:
    """Link the held-out patients' slices with outlined lesions into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (slices / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["patient_group"] in HELD_OUT and row["kind"] == "lesion"
        ]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        link = folder / row["case"]
        if not link.exists():
            link.symlink_to((slices / row["case"]).resolve(), target_is_directory=True)
    return folder


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
    parser.add_argument("--slices", type=Path, help="single slices, with the held-out patients'")
    parser.add_argument("--readings", type=Path, help="texts with their meaning, JSONL")
    parser.add_argument("--weights", default="lsms-tiny")
    parser.add_argument("--output", type=Path, default=Path("out/reproduce"))
    parser.add_argument("--only", nargs="*", choices=[s[0] for s in (*SETS, *HELD_OUT_SETS)])
    options = parser.parse_args()
    folders = {"cases": options.cases, "test": options.test}
    sets = list(SETS)
    if options.slices is not None:
        folders["held-out"] = held_out_cases(options.slices, options.output / "held-out-cases")
        sets += HELD_OUT_SETS
    for name, source, building, evaluating in sets:
        if options.only and name not in options.only:
            continue
        data = options.output / "data" / name
        if not (data / "dataset.json").is_file():
            lsms("build-dataset", folders[source], data, *building)
        report = options.output / f"{name}.json"
        lsms("evaluate", data, "--weights", options.weights, *evaluating, "--output", report)
    if options.slices is not None:
        script = Path(__file__).with_name("score_drawing.py")
        drawing = [options.slices, "--weights", options.weights, "--patients", *HELD_OUT]
        print("$", script, *drawing, flush=True)
        subprocess.run([sys.executable, str(script), *map(str, drawing)], check=True)
    if options.readings is not None:
        report = options.output / "readings.json"
        lsms("evaluate", "--readings", options.readings, "--output", report)
    print(f"The tables are the .md files in {options.output}.")


if __name__ == "__main__":
    main()
