"""The table of a cohort: a row for each lesion of each answer, or for an answer without lesions."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lsms_core.errors import DependencyError
from lsms_core.io.atomic import replacing

# Column -> kind: a text, a whole number, a number, or a truth value.
COLUMNS: dict[str, str] = {
    "study": "text",
    "path": "text",
    "prompt": "text",
    "reading": "text",
    "understood": "truth",
    "unread": "text",
    "region": "text",
    "present": "truth",
    "message": "text",
    "lesion": "whole",
    "decision": "text",
    "reasons": "text",
    "longest_mm": "number",
    "perpendicular_mm": "number",
    "area_mm2": "number",
    "volume_ml": "number",
    "mean_hu": "number",
    "sd_hu": "number",
    "contrast_hu": "number",
    "attenuation": "text",
    "capsule_mm": "number",
    "location": "text",
    "sides": "text",
    "segments": "text",
    "plane": "text",
    "diameter_slice": "whole",
    "first_slice": "whole",
    "last_slice": "whole",
    "x_ras": "number",
    "y_ras": "number",
    "z_ras": "number",
    "score": "number",
    "doubt": "number",
    "notes": "text",
    "model": "text",
    "version": "text",
    "seconds": "number",
}
ERROR_COLUMNS = ("study", "path", "kind", "error")
_ROWS_A_GROUP = 20_000


def check_parquet() -> None:
    """Find out whether Parquet can be written.

    Raises:
        DependencyError: saying what to install.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            'A cohort\'s table needs pyarrow: pip install "lsms-core[cohort]".'
        ) from error


def rows_of(study: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the rows of one study's ``answer.json``."""
    for answer in study["answers"]:
        reading = answer.get("reading") or {}
        common = {
            "study": study["study"],
            "path": study["path"],
            "prompt": answer["text"],
            "reading": answer.get("reading_words", ""),
            "understood": reading.get("understood", True),
            "unread": "; ".join(reading.get("unread", ())),
            "region": answer["region"],
            "present": answer["present"],
            "message": answer["message"],
            "doubt": answer["doubt"]["points"],
            "notes": " ".join(answer["notes"]),
            "model": study["model"]["name"],
            "version": study["model"]["version"],
            "seconds": study["seconds"],
        }
        if not answer["kept"]:
            yield common
        for lesion in answer["kept"]:
            x, y, z = lesion["centroid_ras"]
            first, last = lesion["slices"]
            told = {name: lesion[name] for name in COLUMNS if name in lesion}
            yield {
                **common,
                **told,
                "lesion": lesion["number"],
                "reasons": "; ".join(lesion["reasons"]),
                "sides": " ".join(lesion["sides"]),
                "segments": " ".join(lesion["segments"]),
                "first_slice": first,
                "last_slice": last,
                "x_ras": x,
                "y_ras": y,
                "z_ras": z,
            }


def write_tables(folder: Path, studies: Iterable[Mapping[str, Any]]) -> int:
    """Write ``results.parquet`` and ``results.csv``, all or nothing each.

    Args:
        folder: where to.
        studies: contents of the ``answer.json`` files; taken one after the other, so that a
            cohort of any size fits into memory.

    Returns:
        How many rows.

    Raises:
        DependencyError: without pyarrow.
        OutputError: when they cannot be written.
    """
    check_parquet()
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "text": pyarrow.string(),
        "whole": pyarrow.int32(),
        "number": pyarrow.float64(),
        "truth": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    count = 0
    rows = itertools.chain.from_iterable(map(rows_of, studies))
    with (
        replacing(folder / "results.csv") as plain,
        replacing(folder / "results.parquet") as columnar,
        plain.open("w", encoding="utf-8", newline="") as file,
        pyarrow.parquet.ParquetWriter(columnar, schema) as parquet,
    ):
        table = csv.DictWriter(file, list(COLUMNS))
        table.writeheader()
        while group := list(itertools.islice(rows, _ROWS_A_GROUP)):
            parquet.write_table(pyarrow.Table.from_pylist(group, schema))
            table.writerows(group)
            count += len(group)
    return count


def write_errors(folder: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write ``errors.csv``; a table with its head alone says that nothing failed.

    Raises:
        OutputError: when it cannot be written.
    """
    with (
        replacing(folder / "errors.csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, ERROR_COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
