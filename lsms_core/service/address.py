"""The address of an engine's server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from lsms_core.errors import InputError

DEFAULT_PORT = 8417
_EXAMPLE = f"write it as http://127.0.0.1:{DEFAULT_PORT} or https://engine.hospital.example"


@dataclass(frozen=True)
class Address:
    """A server's address.

    Attributes:
        host: name or IP address.
        port: TCP port.
        tls: whether the connection is encrypted.
        path: what a proxy puts before the service's own paths, without a slash at its end.
    """

    host: str
    port: int
    tls: bool
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address such as ``https://engine:8417``; a scheme that is missing is http.

        Raises:
            InputError: when it is none.
        """
        text = text.strip()
        whole = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(whole)
            port = parts.port
        except ValueError as error:
            raise InputError(f"{text!r} is no server's address ({error}): {_EXAMPLE}.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise InputError(f"{text!r} is no server's address: {_EXAMPLE}.")
        if parts.username or parts.password:
            raise InputError("The server's address holds a password: give the token by itself.")
        if not (parts.hostname + parts.path).isascii() or any(c <= " " for c in whole):
            raise InputError(f"{text!r} is no server's address: {_EXAMPLE}.")
        tls = parts.scheme == "https"
        usual = 443 if tls else DEFAULT_PORT
        return cls(parts.hostname, usual if port is None else port, tls, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port, as HTTP's Host field has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.path}"


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer can reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
