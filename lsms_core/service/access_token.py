"""The access token that the server and its clients share."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path

from lsms_core.errors import InputError, OutputError

ENVIRONMENT_NAME = "LSMS_SERVER_TOKEN"
_SHORTEST = 16


def new_token() -> str:
    """Return a new random token (256 bits)."""
    return secrets.token_urlsafe(32)


def checked_token(token: str, source: str) -> str:
    """Return a token without the blanks around it.

    Raises:
        InputError: when it is too short, or cannot be sent in HTTP's header.
    """
    token = token.strip()
    if not all("!" <= one <= "~" for one in token):
        raise InputError(f"The token in {source} must be one line of letters, digits and signs.")
    if len(token) < _SHORTEST:
        raise InputError(f"The token in {source} has fewer than {_SHORTEST} characters.")
    return token


def same_token(given: str, expected: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def read_token(file: Path) -> str:
    """Read a token from a file that only its owner can read.

    Raises:
        InputError: when it is not there, others can read it, or it holds no token.
    """
    try:
        mode = file.stat().st_mode
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The token's file {file} cannot be read ({error}).") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"Others can read the token's file {file}: run chmod 600 {file}.")
    return checked_token(text, str(file))


def make_token_file(file: Path) -> str:
    """Write a new token to a file that only its owner can read; return the token.

    Raises:
        OutputError: when it cannot be written, or is there already.
    """
    token = new_token()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(token + "\n")
    except OSError as error:
        raise OutputError(f"The token's file {file} cannot be written ({error}).") from error
    return token


def given_token(file: Path | None) -> str | None:
    """Return the token of a file or of the environment, None where neither gives one.

    Raises:
        InputError: when what is given is no token.
    """
    if file is not None:
        return read_token(file)
    text = os.environ.get(ENVIRONMENT_NAME, "")
    return checked_token(text, f"the environment's {ENVIRONMENT_NAME}") if text else None
