"""Download a model's zip: resumed where it stopped, checked by SHA-256, then installed.

A download is what a radiologist starts and leaves, so it runs in a process of
its own (``python -m lsms_core.models.weights_download URL SHA256 ROOT``), which
reports in lines of JSON; :class:`BackgroundDownload` is the other side, polled
like the segmentation worker.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lsms_core.errors import BundleError, CancelledError, InputError, LsmsError, OutputError
from lsms_core.models.manifest import sha256 as file_sha256
from lsms_core.models.weights_cache import (
    DOWNLOADS,
    Progress,
    WeightsCache,
    raise_output_error,
    require_space,
)
from lsms_core.processes import kill_tree, make_non_blocking, read_available, spawn_options

_BLOCK = 1 << 18
_TIMEOUT_SECONDS = 30.0
_REPORT_SECONDS = 0.2
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RESUME = "Press Download again to go on where it stopped, or install the model from a zip."


def download_model(
    url: str,
    sha256: str,
    cache: WeightsCache,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Download a model's zip and put the model into the cache.

    Args:
        url: where the zip is, https.
        sha256: the zip's SHA-256, 64 hexadecimal digits.
        cache: where the model goes. What has arrived of a download that stops is kept there and
            used by the next call for the same zip.
        progress: called after each block with bytes done and in all (0: not known).
        cancelled: asked before each block.

    Returns:
        The model's folder.

    Raises:
        InputError: for an address or a SHA-256 that cannot be used.
        BundleError: when what arrived is not the promised file, or the server cannot be reached.
        OutputError: when it cannot be written.
        CancelledError: when ``cancelled`` said so; what has arrived is kept.
    """
    digest = sha256.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InputError(
            "The SHA-256 must have 64 hexadecimal digits: copy it from the model's page."
        )
    _check_address(url)
    folder = cache.root / DOWNLOADS
    partial = folder / f"{digest}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (partial.is_file() and file_sha256(partial) == digest):
            _fetch(url, partial, progress, cancelled)
            if file_sha256(partial) != digest:
                partial.unlink()
                raise BundleError(
                    "The downloaded file is not the expected one (its SHA-256 differs) and was "
                    "deleted: check the address and press Download again."
                )
    except OSError as error:
        raise_output_error(error, folder)
    model = cache.install(partial, cancelled=cancelled)
    partial.unlink(missing_ok=True)
    return model


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not (secure and parts.hostname):
        raise InputError(f"{url!r} cannot be used: give an address that begins with https://.")


def _fetch(
    url: str,
    partial: Path,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    """Append to ``partial`` what is missing of the file at ``url``."""
    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"User-Agent": "lsms-core", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked by the caller
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            # It is at least as long as the file and not the file: begin again.
            partial.unlink()
            _fetch(url, partial, progress, cancelled)
            return
        raise BundleError(
            f"The server answered {error.code} ({error.reason}): check the address."
        ) from error
    except (urllib.error.URLError, TimeoutError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise BundleError(
            f"The server could not be reached ({reason}). With no network, install the model "
            "from a folder or a zip."
        ) from error
    with response:
        if have and not _continues(response, have):
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        require_space(length, partial.parent)
        with partial.open("ab" if have else "wb") as file:
            _receive(response, file, have, have + length if length else 0, progress, cancelled)


def _continues(response: http.client.HTTPResponse, have: int) -> bool:
    """Whether the server sends the rest from byte ``have`` on, not the whole file."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _receive(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    done: int,
    total: int,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    while True:
        if cancelled is not None and cancelled():
            raise CancelledError(f"The download was cancelled. {_RESUME}")
        try:
            block = response.read(_BLOCK)
        except (http.client.HTTPException, OSError) as error:
            raise BundleError(
                f"The download stopped after {_megabytes(done)} ({type(error).__name__}). {_RESUME}"
            ) from error
        if not block:
            break
        file.write(block)
        done += len(block)
        if progress is not None:
            progress(done, total)
    if total and done < total:
        raise BundleError(
            f"The download stopped after {_megabytes(done)} of {_megabytes(total)}. {_RESUME}"
        )


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MB"


@dataclass(frozen=True)
class DownloadEvent:
    """What a background download reported.

    Attributes:
        kind: "progress", "done" or "failed"; the latter two come once, last.
        done: bytes that have arrived.
        total: bytes in all, 0 where not known.
        folder: the installed model, for "done".
        message: what to do, for "failed".
    """

    kind: str
    done: int = 0
    total: int = 0
    folder: Path | None = None
    message: str = ""


class BackgroundDownload:
    """A download in a process of its own; poll it from whatever event loop there is.

    Args:
        url: where the zip is.
        sha256: the zip's SHA-256.
        root: the cache's folder.
        command: how to start Python; default: this interpreter. In Slicer, PythonSlicer.
    """

    def __init__(
        self, url: str, sha256: str, root: str | Path, *, command: Sequence[str] | None = None
    ) -> None:
        package_parent = str(Path(__file__).resolve().parents[2])
        paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
        arguments = ["-m", "lsms_core.models.weights_download", url, sha256, str(root)]
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload] # noqa: S603
                [*(command or [sys.executable]), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                bufsize=0,
                **spawn_options(),
            )
        except OSError as error:
            raise OutputError(f"The download could not be started ({error.strerror}).") from error
        assert self._process.stdout is not None
        make_non_blocking(self._process.stdout.fileno())
        self._buffer = b""
        self._finished = False

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return not self._finished

    def poll(self) -> list[DownloadEvent]:
        """Return what has happened since the last call; never blocks."""
        if self._finished:
            return []
        assert self._process.stdout is not None
        ended = self._process.poll() is not None  # asked first: what it wrote before is read below
        while data := read_available(self._process.stdout.fileno()):
            self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        events = [_read_event(line) for line in lines]
        if ended and not any(event.kind in ("done", "failed") for event in events):
            events.append(DownloadEvent("failed", message=f"The download ended early. {_RESUME}"))
        if any(event.kind in ("done", "failed") for event in events):
            self.close()
        return events

    def close(self) -> None:
        """End it; what has arrived is kept for the next time."""
        self._finished = True
        kill_tree(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _read_event(line: bytes) -> DownloadEvent:
    fields = json.loads(line)
    folder = Path(fields["folder"]) if fields.get("folder") else None
    return DownloadEvent(
        fields["kind"],
        int(fields.get("done", 0)),
        int(fields.get("total", 0)),
        folder,
        str(fields.get("message", "")),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Download in this process, and report in lines of JSON."""
    parser = argparse.ArgumentParser(prog="python -m lsms_core.models.weights_download")
    for name in ("url", "sha256", "root"):
        parser.add_argument(name)
    options = parser.parse_args(arguments)
    last = 0.0

    def say(**fields: object) -> None:
        print(json.dumps(fields), flush=True)

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _REPORT_SECONDS:
            last = time.monotonic()
            say(kind="progress", done=done, total=total)

    try:
        cache = WeightsCache(options.root)
        folder = download_model(options.url, options.sha256, cache, progress=progress)
    except LsmsError as error:
        say(kind="failed", message=str(error))
        return LsmsError.exit_code
    say(kind="done", folder=str(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
