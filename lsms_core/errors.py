"""The project's own errors: every message says what happened and what to do.

The command line prints the message in one line and exits with status 2; the
Slicer module shows it. Anything else that escapes is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class LsmsError(Exception):
    """Base of every error a user can cause or repair.

    Attributes:
        exit_code: exit status of a process that ends with one.
    """

    exit_code: ClassVar[int] = 2


class InputError(LsmsError):
    """An image, a text or an option that cannot be used."""


class BundleError(LsmsError):
    """Model weights that are missing, incomplete, altered or of another format."""


class OutputError(LsmsError):
    """A result that could not be written; nothing partial is left behind."""


class DependencyError(LsmsError):
    """An optional package that the requested function needs is not installed."""


class DeviceError(LsmsError):
    """The requested device is not there, or ran out of memory with no way back."""


class WorkerError(LsmsError):
    """The worker process could not be started, died, or answered out of protocol."""


class CancelledError(LsmsError):
    """The user cancelled; nothing was changed."""
