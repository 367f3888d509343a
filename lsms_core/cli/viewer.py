"""``lsms viewer``: a page in the browser, with real Slicer views."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

_TOKEN_VARIABLE = "LSMS_VIEWER_TOKEN"  # noqa: S105 - a name, no secret
_NEEDED = ("trame", "trame_slicer", "slicer", "slicer_layer_dm")


@click.command("viewer")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--host", default="127.0.0.1", help=(
    "Address to listen at (default: 127.0.0.1, this computer only). Any other needs a token."
))  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8070, show_default=True,
              help="TCP port; 0 for any that is free.")  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help=(
    f"File with the token that a browser must know. Default: ${_TOKEN_VARIABLE}, else for an "
    "address other than this computer's a new one, which is printed."
))  # fmt: skip
@click.option("--weights", default="lsms-tiny", help="Model: a name or a folder.")
@click.option("--engine", help="Engine, where it is not the model's own.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--server", metavar="URL", help=(
    "Ask the engine of a server (lsms serve) instead of this computer's."
))  # fmt: skip
@click.option("--server-token-file", type=click.Path(path_type=Path),
              help="File with the server's token. Default: $LSMS_SERVER_TOKEN.")  # fmt: skip
@click.option("--server-cert", type=click.Path(path_type=Path), help=(
    "Certificate (PEM) that signed the server's, where this computer does not know it."
))  # fmt: skip
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
def command(
    folder: Path,
    host: str,
    port: int,
    token_file: Path | None,
    weights: str,
    engine: str | None,
    device: str,
    server: str | None,
    server_token_file: Path | None,
    server_cert: Path | None,
    browser: bool,
) -> None:
    """Show the CTs of FOLDER in a browser, and ask for lesions in words.

    FOLDER holds .nii.gz, .nrrd or DICOM files, or is one CT. Nothing is written to it: findings
    are saved by the browser. Stop with Ctrl+C.
    """
    check_installed()
    from lsms_core.service.address import is_loopback
    from lsms_core.viewer.app import ViewerApp

    token = _token(token_file, host)
    make_client = _engine(weights, server, server_token_file, server_cert)
    app = ViewerApp(folder, {"weights": weights, "engine": engine, "device": device}, make_client)

    def tell(used: int) -> None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - printed only
        address = f"http://{f'[{shown}]' if ':' in shown else shown}:{used}/"
        if token is not None:
            address += f"?token={quote(token, safe='')}"
        click.echo(f"Open {address}")
        if not is_loopback(host):
            click.echo(
                f"Other computers reach this page at {host}: whoever has the token sees the CTs. "
                "The connection is not encrypted; on a shared network put a TLS proxy in front."
            )
        click.echo("Stop with Ctrl+C. Research use only; not a medical device.")
        if browser:
            webbrowser.open(address)

    app.start(host, port, token, tell)


def check_installed() -> None:
    """Find out whether the page can be shown.

    Raises:
        DependencyError: saying what to install.
    """
    from lsms_core.errors import DependencyError

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise DependencyError(
            f"The page needs {', '.join(missing)}: pip install 'lsms-core[viewer]'. On Linux "
            "without a desktop also Mesa: apt-get install libegl1 libgl1 libxrender1."
        )


def _token(file: Path | None, host: str) -> str | None:
    from lsms_core.service.access_token import checked_token, new_token, read_token
    from lsms_core.service.address import is_loopback

    if file is not None:
        return read_token(file)
    text = os.environ.get(_TOKEN_VARIABLE, "")
    if text:
        return checked_token(text, f"the environment's {_TOKEN_VARIABLE}")
    return None if is_loopback(host) else new_token()


def _engine(
    weights: str, server: str | None, token_file: Path | None, certificate: Path | None
) -> Callable[[], Any]:
    """Return what makes the client of this computer's engine, or of a server's.

    Raises:
        InputError: for a server without its token.
        BundleError: for a model that is not there.
    """
    from lsms_core.errors import InputError

    if server is None:
        from lsms_core.models.installed import find_bundle
        from lsms_core.worker.client import WorkerClient

        if token_file is not None or certificate is not None:
            raise InputError("--server-token-file and --server-cert go with --server.")
        find_bundle(weights)
        return WorkerClient
    from lsms_core.service.access_token import ENVIRONMENT_NAME, given_token
    from lsms_core.service.service_client import ServiceClient

    token = given_token(token_file)
    if token is None:
        raise InputError(
            f"The server asks for its token: set {ENVIRONMENT_NAME}, or give "
            "--server-token-file FILE."
        )
    return lambda: ServiceClient(server, token, certificate=certificate)
