"""The prompts of a cohort: common ones, and those of single studies."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsms_core.cohort.studies import CohortStudy
from lsms_core.errors import InputError
from lsms_core.inference.texts import clean_texts

_TEXT_COLUMNS = ("prompt", "text")


@dataclass(frozen=True)
class Prompts:
    """The prompts of a cohort.

    Attributes:
        everywhere: asked of every study.
        of_study: asked of one study, by its name.
    """

    everywhere: tuple[str, ...] = ()
    of_study: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, study: CohortStudy) -> tuple[str, ...]:
        """Return what is asked of a study: the common ones, its row's and its own, each once."""
        own = self.of_study.get(study.name, ())
        return tuple(dict.fromkeys((*self.everywhere, *study.prompts, *own)))


def read_prompts(path: Path | None, more: Sequence[str] = ()) -> Prompts:
    """Read prompts: a CSV with the column ``prompt`` (and, if need be, ``study``), or a text file
    with one a line.

    Args:
        path: the file; None for none.
        more: further ones for every study.

    Raises:
        InputError: when the file cannot be used, or a prompt is empty or too long.
    """  # noqa: D205
    everywhere: list[str] = []
    of_study: dict[str, list[str]] = {}
    if path is not None:
        for study, prompt in _rows(path):
            (of_study.setdefault(study, []) if study else everywhere).append(prompt)
    everywhere += more
    return Prompts(
        tuple(dict.fromkeys(clean_texts(everywhere))) if everywhere else (),
        {study: tuple(dict.fromkeys(clean_texts(own))) for study, own in of_study.items()},
    )


def check_prompts(studies: Sequence[CohortStudy], prompts: Prompts) -> None:
    """Refuse prompts for studies that are not there, and studies that nothing is asked of.

    Raises:
        InputError: naming the first few.
    """
    known = {study.name for study in studies}
    unknown = sorted(set(prompts.of_study) - known)
    if unknown:
        raise InputError(
            f"There are prompts for {len(unknown)} unknown studies ({', '.join(unknown[:3])}): "
            f"the studies are named like {', '.join(sorted(known)[:3])}."
        )
    idle = [study.name for study in studies if not prompts.of(study)]
    if idle:
        raise InputError(
            f"Nothing is asked of {len(idle)} studies ({', '.join(idle[:3])}): give --text, or "
            "prompts without a study's name."
        )


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from error
    if path.suffix.lower() not in (".csv", ".tsv"):
        return [("", line.strip()) for line in text.splitlines() if line.strip()]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    names = [n.strip().lower() for n in reader.fieldnames or []]
    reader.fieldnames = names
    column = next((name for name in _TEXT_COLUMNS if name in names), None)
    if column is None:
        raise InputError(f'{path} has no column "prompt": name the columns in the first line.')
    rows = [((row.get("study") or "").strip(), (row.get(column) or "").strip()) for row in reader]
    filled = [row for row in rows if row[1]]
    if not filled:
        raise InputError(f"{path} holds no prompt.")
    return filled
