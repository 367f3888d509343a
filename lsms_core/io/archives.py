"""Unpacks zip archives safely: sizes, paths and links in them are not trusted."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from lsms_core.errors import InputError
from lsms_core.io.headers import damaged

MAX_FILES = 20_000
# Enough for one CT and its other files; a zip bomb is far larger.
MAX_BYTES = 8 * 2**30
# Above this size an archive that shrinks so well holds no CT.
_MOST_SHRUNK = 200
_SMALL_BYTES = 2**28
_BLOCK = 1 << 20
# Files that operating systems add: resource forks, caches and hidden files.
_SKIPPED = ("__MACOSX", "Thumbs.db", "desktop.ini")
_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".mha")


def unpacked(path: Path) -> tuple[Path, tempfile.TemporaryDirectory[str], list[str]]:
    """Unpack an archive into a folder of its own.

    Entries that would leave that folder, links and encrypted entries are refused or left out;
    nothing larger than ``MAX_BYTES`` is written, whatever the archive claims.

    Returns:
        The volume file or the folder to read, an object that keeps the files while it exists,
        and notes.

    Raises:
        InputError: for archives that are damaged, encrypted, too large or hold nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries, notes = _entries(path, archive)
            keeper = tempfile.TemporaryDirectory(prefix="lsms-zip-", ignore_cleanup_errors=True)
            try:
                files = _write(path, archive, entries, Path(keeper.name))
            except BaseException:
                keeper.cleanup()
                raise
    except (zipfile.BadZipFile, EOFError, zlib.error, UnicodeError, ValueError) as error:
        raise damaged(path, f"it is no whole zip archive: {error}") from error
    except NotImplementedError as error:
        raise InputError(
            f"{path} is compressed in a way that is not read here: {error}."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be unpacked to {tempfile.gettempdir()}: {error.strerror or error}."
        ) from error
    volumes = [f for f in files if f.name.lower().endswith(_VOLUMES)]
    if not volumes:
        return Path(keeper.name), keeper, notes
    if len(volumes) == 1:
        return volumes[0], keeper, notes
    keeper.cleanup()
    names = ", ".join(f.name for f in volumes[:6])
    raise InputError(f"{path} holds {len(volumes)} volumes ({names}): unpack it and give one.")


def _entries(path: Path, archive: zipfile.ZipFile) -> tuple[list[zipfile.ZipInfo], list[str]]:
    kept, unsafe, nested = [], 0, 0
    for entry in archive.infolist():
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir() or name.name.startswith(".") or set(name.parts) & set(_SKIPPED):
            continue
        link = (entry.external_attr >> 16) & 0o170000 == 0o120000
        drive = bool(name.parts) and name.parts[0].endswith(":")
        if name.is_absolute() or ".." in name.parts or drive or link:
            unsafe += 1
            continue
        if entry.flag_bits & 0x1:
            raise InputError(f"{path} is encrypted: unpack it with its password first.")
        nested += name.suffix.lower() in (".zip", ".7z", ".tar", ".rar")
        kept.append(entry)
    if not kept:
        raise InputError(f"{path} holds no file that can be read: give a zip of one CT.")
    if len(kept) > MAX_FILES:
        raise InputError(f"{path} holds more than {MAX_FILES:,} files: zip one study.")
    size = sum(e.file_size for e in kept)
    packed = max(sum(e.compress_size for e in kept), 1)
    if size > MAX_BYTES or (size > _SMALL_BYTES and size / packed > _MOST_SHRUNK):
        raise InputError(
            f"{path} would unpack to {size / 2**30:.1f} GiB from {packed / 2**20:.1f} MiB: this "
            "is no archive of one CT."
        )
    notes = []
    if unsafe:
        notes.append(f"Left out {unsafe} entries of the zip that lead outside of it.")
    if nested:
        notes.append(f"Archives inside the zip ({nested}) were not opened.")
    return kept, notes


def _write(
    path: Path, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path
) -> list[Path]:
    if sum(e.file_size for e in entries) > shutil.disk_usage(folder).free:
        raise InputError(f"{path} does not fit on the disk of {folder.parent} when unpacked.")
    files, total = [], 0
    for number, entry in enumerate(entries):
        name = PurePosixPath(entry.filename.replace("\\", "/")).name
        # Entries keep their last name only, in folders of our own numbering.
        target = folder / f"{number // 1000:02d}" / f"{number % 1000:03d}" / _plain(name)
        target.parent.mkdir(parents=True)
        with archive.open(entry) as source, target.open("wb") as file:
            done = 0
            while block := source.read(_BLOCK):
                done += len(block)
                total += len(block)
                if done > entry.file_size or total > MAX_BYTES:
                    raise InputError(f"{path} unpacks to more than it says: it is damaged.")
                file.write(block)
        files.append(target)
    return files


def _plain(name: str) -> str:
    clean = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return clean[-100:].lstrip(".") or "file"
