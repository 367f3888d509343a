"""The folder of a cohort's results; the results of a study are there completely or not at all.

::

    DIR/cohort.json              what the results depend on; other settings are refused here
        studies/<name>/          answer.json and the files of one study
        errors/<name>.json       why a study failed
        results.parquet, .csv    one row a lesion
        errors.csv               one row a failed study
        index.html               the gallery

A study is finished when its folder has its name. The folder is filled under another name and then
renamed, which a file system does at once: after a power cut or ``kill -9`` it is there or not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsms_core.errors import InputError, OutputError
from lsms_core.io.text_files import read_json, write_text

ANSWER = "answer.json"
_PARTIAL = ".partial-"


class CohortStore:
    """Results of a cohort on disk.

    Args:
        folder: where to; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.studies = folder / "studies"
        self.errors = folder / "errors"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other run out of this folder; the lock ends with the process.

        Raises:
            InputError: when another run works in it.
            OutputError: when the folder cannot be written.
        """
        try:
            self.studies.mkdir(parents=True, exist_ok=True)
            self.errors.mkdir(exist_ok=True)
            file = (self.folder / ".lock").open("a+")
        except OSError as error:
            raise OutputError(f"{self.folder} cannot be written: {error.strerror}.") from error
        with file:
            if not _lock(file):
                raise InputError(
                    f"Another run is working in {self.folder}: wait for it, or choose another "
                    "folder."
                )
            for leftover in self.studies.glob(f"{_PARTIAL}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Remember what the results depend on, or compare it with what is remembered.

        Raises:
            InputError: naming what differs from the run that began here.
        """
        path = self.folder / "cohort.json"
        if not path.exists():
            write_text(path, json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
            return
        known = read_json(path)
        differing = sorted(k for k in {*known, *settings} if known.get(k) != settings.get(k))
        if differing:
            raise InputError(
                f"{self.folder} was begun with other {', '.join(differing)}: go on with the same, "
                "or choose another folder."
            )

    def finished(self) -> set[str]:
        """Names of the studies that have their results."""
        return {path.name for path in self.studies.iterdir() if not path.name.startswith(".")}

    def failed(self) -> set[str]:
        """Names of the studies that failed."""
        return {path.stem for path in self.errors.glob("*.json")}

    def write(self, name: str, files: Mapping[str, bytes]) -> None:
        """Write a study's results; nothing is there before everything is.

        Raises:
            OutputError: when they cannot be written, the disk being full included.
        """
        partial, target = self.studies / f"{_PARTIAL}{name}", self.studies / name
        try:
            partial.mkdir()
            for file, content in files.items():
                with (partial / file).open("wb") as opened:
                    opened.write(content)
                    opened.flush()
                    os.fsync(opened.fileno())
            partial.rename(target)
            (self.errors / f"{name}.json").unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{target} cannot be written: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def write_error(self, name: str, kind: str, message: str) -> None:
        """Remember why a study failed.

        Raises:
            OutputError: when that cannot be written.
        """
        content = {"study": name, "kind": kind, "error": message}
        path = self.errors / f"{name}.json"
        write_text(path, json.dumps(content, ensure_ascii=False) + "\n")

    def forget_errors(self) -> None:
        """Let the studies that failed be tried again."""
        for path in self.errors.glob("*.json"):
            path.unlink(missing_ok=True)

    def answers(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Read the answers of those studies that are finished, in the order of ``names``."""
        there = self.finished()
        for name in names:
            if name in there:
                yield read_json(self.studies / name / ANSWER)

    def error_rows(self, names: Sequence[str]) -> list[dict[str, str]]:
        """Read why studies failed, in the order of ``names``."""
        there = self.failed()
        return [read_json(self.errors / f"{name}.json") for name in names if name in there]


if sys.platform == "win32":

    def _lock(file: Any) -> bool:  # noqa: ANN401
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _lock(file: Any) -> bool:  # noqa: ANN401
        import fcntl

        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
