"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lsms_core.errors import OutputError


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``target``; on leaving, it takes the target's place.

    The temporary name keeps the target's suffixes, since writers choose the format by them.
    Whatever interrupts the writing, an existing target stays as it was and the temporary file
    goes.

    Raises:
        OutputError: when the file cannot be written, the disk being full included.
    """
    path = Path(target)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder: give a file name for the output.")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def check_writable(target: str | Path) -> None:
    """Find out early whether a file can be made at ``target``, without making it.

    Raises:
        OutputError: when it cannot.
    """
    path = Path(target)
    if path.is_dir():
        raise OutputError(f"{path} is a folder: give a file name for the output.")
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{path} cannot be written: {folder} is a file, not a folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"{path} cannot be written: no permission to write to {folder}; choose another folder."
        )
