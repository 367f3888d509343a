"""Installs and removes models on this computer, from a folder, a zip or a download.

Works with no network. Everything is checked against the model's SHA-256
manifest in a temporary folder first and then renamed, so a model is there
whole or not at all. Free of torch, so that the host program can use it.
"""

from __future__ import annotations

import errno
import logging
import shutil
import stat
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from lsms_core.errors import BundleError, CancelledError, InputError, LsmsError, OutputError
from lsms_core.models.installed import inspect_bundle, search_path, user_models_folder
from lsms_core.models.manifest import MANIFEST

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all (0 where that is not known)."""

DOWNLOADS = ".downloads"
# Loading these can run code that somebody else wrote.
_PICKLED = frozenset({".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib"})
_BLOCK = 1 << 20
_MIB = 1 << 20


@dataclass(frozen=True)
class InstalledModel:
    """A model that is on this computer.

    Attributes:
        name: how it is asked for.
        version: its version.
        engine: the engine that runs it.
        folder: where it is.
        size_bytes: what it takes on the disk.
        removable: whether it lies in the cache; models that came with the software do not.
    """

    name: str
    version: str
    engine: str
    folder: Path
    size_bytes: int
    removable: bool


class WeightsCache:
    """The folder that holds a user's models, one folder each.

    Args:
        root: the folder; default: the user's data folder, where models are looked up by name.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root).expanduser() if root else user_models_folder()

    def installed(self) -> list[InstalledModel]:
        """Return the models that can be used, the cache's first; damaged ones are left out."""
        found: dict[str, InstalledModel] = {}
        for root in dict.fromkeys([self.root, *search_path()]):
            for folder in _model_folders(root):
                try:
                    info = inspect_bundle(folder, verify=False)
                except LsmsError as error:
                    logger.warning("%s is left out: %s", folder, error)
                    continue
                model = InstalledModel(
                    name=folder.name,
                    version=info.version,
                    engine=info.engine,
                    folder=folder,
                    size_bytes=_size(folder),
                    removable=root == self.root,
                )
                found.setdefault(model.name, model)
        return list(found.values())

    def install(
        self,
        source: str | Path,
        *,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Path:
        """Copy a model into the cache.

        Args:
            source: the model's folder, or a zip that holds it.
            progress: called after each block.
            cancelled: asked before each block.

        Returns:
            The model's folder in the cache; a model of the same name is replaced.

        Raises:
            InputError: when ``source`` is neither a folder nor a zip.
            BundleError: when it holds no model, or an incomplete, altered or unsafe one.
            OutputError: when it cannot be written; nothing is left behind.
            CancelledError: when ``cancelled`` said so.
        """
        path = Path(source).expanduser()
        files = _Copier(progress, cancelled)
        with self._temporary() as temporary:
            if path.is_dir():
                files.copy_folder(path, temporary)
            elif path.is_file():
                files.extract(path, temporary)
            else:
                raise InputError(f"{path} does not exist: choose a model's folder or its zip.")
            info = inspect_bundle(temporary)
            _refuse_pickles(temporary)
            return self._put(temporary, _folder_name(info.name))

    def remove(self, name: str) -> int:
        """Delete a model from the cache; returns the bytes that became free.

        Raises:
            InputError: when the cache does not hold it.
            OutputError: when it is in use.
        """
        folder = self.root / name
        if PurePosixPath(name).name != name or not (folder / MANIFEST).is_file():
            raise InputError(f"The model folder {self.root} holds no {name!r}; nothing to remove.")
        size = _size(folder)
        _delete(folder)
        return size

    def clear(self) -> int:
        """Delete all models and half-finished downloads; returns the bytes that became free."""
        size = sum(self.remove(folder.name) for folder in _model_folders(self.root))
        for pattern in (DOWNLOADS, ".new-*", ".old-*"):  # the latter two only after a crash
            for folder in list(self.root.glob(pattern)):
                size += _size(folder)
                _delete(folder)
        return size

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        except OSError as error:
            raise_output_error(error, self.root)
        try:
            yield folder
        except OSError as error:
            raise_output_error(error, self.root)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put(self, temporary: Path, name: str) -> Path:
        target = self.root / name
        temporary.chmod(0o755)  # mkdtemp's folders are closed to everybody else
        if not target.exists():
            temporary.rename(target)
            return target
        with self._temporary() as aside:
            old = aside / name
            target.rename(old)
            try:
                temporary.rename(target)
            except OSError:
                old.rename(target)
                raise
        return target


class _Copier:
    """Copies a model's files in blocks, so that it can report and stop."""

    def __init__(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._done = 0
        self._total = 0

    def copy_folder(self, source: Path, target: Path) -> None:
        if not (source / MANIFEST).is_file():
            raise BundleError(f"{source} holds no model: choose the folder that holds {MANIFEST}.")
        files = sorted(file for file in source.rglob("*") if file.is_file())
        self._need(sum(file.stat().st_size for file in files), target)
        for file in files:
            with file.open("rb") as incoming:
                self._write(incoming, target / file.relative_to(source))

    def extract(self, source: Path, target: Path) -> None:
        try:
            with zipfile.ZipFile(source) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                names = {entry.filename: _safe_name(entry) for entry in entries}
                top = _top_folder(list(names.values()), source)
                inside = [e for e in entries if names[e.filename].is_relative_to(top)]
                self._need(sum(entry.file_size for entry in inside), target)
                for entry in inside:
                    relative = names[entry.filename].relative_to(top)
                    with archive.open(entry) as incoming:
                        self._write(incoming, target / Path(*relative.parts))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise BundleError(
                f"{source.name} is not a whole zip file ({error}); copy or download it again."
            ) from error

    def _need(self, size: int, folder: Path) -> None:
        require_space(size, folder.parent)
        self._total = size

    def _write(self, incoming: IO[bytes], target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as outgoing:
            while block := incoming.read(_BLOCK):
                if self._cancelled is not None and self._cancelled():
                    raise CancelledError("Cancelled; the models on this computer are unchanged.")
                outgoing.write(block)
                self._done += len(block)
                if self._progress is not None:
                    self._progress(self._done, self._total)


def require_space(size: int, folder: Path) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        size: bytes that will be written.
        folder: an existing folder on that disk.

    Raises:
        OutputError: when there is less room than that.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OutputError(
            f"The disk of {folder} has {free // _MIB} MB free and the model needs "
            f"{-(-size // _MIB)} MB: free some space or choose another model folder."
        )


def raise_output_error(error: OSError, folder: Path) -> NoReturn:
    """Say what to do about a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "the disk is full; free some space or choose another model folder"
    elif error.errno == errno.ENAMETOOLONG or (error.filename and len(str(error.filename)) > 250):
        advice = "the path is too long for this system; choose a model folder with a short path"
    elif isinstance(error, PermissionError):
        advice = "it may not be written or is in use; press Free memory or choose another folder"
    else:
        advice = error.strerror or type(error).__name__
    raise OutputError(f"The model could not be written to {folder}: {advice}.") from error


def _safe_name(entry: zipfile.ZipInfo) -> PurePosixPath:
    """An entry's path inside the archive; anything that could leave the folder is refused."""
    name = entry.filename
    path = PurePosixPath(name)
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    if "\\" in name or ":" in name or path.is_absolute() or ".." in path.parts or is_link:
        raise BundleError(f"The zip holds the unsafe path {name!r}; it is not a model of ours.")
    return path


def _top_folder(names: list[PurePosixPath], source: Path) -> PurePosixPath:
    manifests = sorted((n for n in names if n.name == MANIFEST), key=lambda n: len(n.parts))
    if not manifests:
        raise BundleError(f"{source.name} holds no model: there is no {MANIFEST} in it.")
    if len(manifests) > 1 and len(manifests[0].parts) == len(manifests[1].parts):
        raise BundleError(f"{source.name} holds several models: give one at a time.")
    return manifests[0].parent


def _folder_name(name: str) -> str:
    if not name or name.startswith(".") or any(c in name for c in '/\\:*?"<>|') or len(name) > 64:
        raise BundleError(f"The model's name {name!r} cannot be a folder's name; ask its makers.")
    return name


def _refuse_pickles(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.suffix.lower() in _PICKLED:
            raise BundleError(
                f"The model holds {file.name}, which can run code when it is read: only "
                "safetensors are accepted."
            )


def _model_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(
        folder
        for folder in root.iterdir()
        if not folder.name.startswith(".") and (folder / MANIFEST).is_file()
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _delete(folder: Path) -> None:
    """Rename first: then the model is gone at once, or still whole when it is in use."""
    doomed = folder.with_name(f".old-{uuid.uuid4().hex[:8]}")
    try:
        folder.rename(doomed)
    except OSError as error:
        raise OutputError(
            f"{folder.name} is in use ({error.strerror}): press Free memory under Set-up and "
            "help, then remove it again."
        ) from error
    shutil.rmtree(doomed, ignore_errors=True)
