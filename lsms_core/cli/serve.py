"""``lsms serve``: an engine for several hosts, over the network."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import click

from lsms_core.service.address import DEFAULT_PORT


@click.command("serve")
@click.option("--host", default="127.0.0.1", help=(
    "Address to listen at (default: 127.0.0.1, this computer only). Any other needs a token."
))  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True,
              help="TCP port; 0 for any that is free.")  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path), help=(
    "File with the token that clients must know; made, for you alone to read, where it is not "
    "there. Default: $LSMS_SERVER_TOKEN, or on this computer a new one that is printed."
))  # fmt: skip
@click.option("--certfile", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Certificate (PEM): connections are encrypted.")  # fmt: skip
@click.option("--keyfile", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Its key (PEM), where it is a file of its own.")  # fmt: skip
@click.option("--weights", "models", multiple=True, default=("lsms-tiny",), show_default=True,
              help="Model: a name or a folder; may be given several times.")  # fmt: skip
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--engines", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Engine processes; each holds the model.")  # fmt: skip
@click.option("--image-mb", type=click.IntRange(1), default=1024, show_default=True,
              help="Largest image, MiB.")  # fmt: skip
@click.option("--memory-mb", type=click.IntRange(1), default=4096, show_default=True, help=(
    "Memory for images and searches that are kept, MiB, beside the engines' own."
))  # fmt: skip
@click.option("--run-seconds", type=click.FloatRange(1), default=1800.0, show_default=True,
              help="A run that takes longer is cancelled.")  # fmt: skip
def command(
    host: str,
    port: int,
    token_file: Path | None,
    certfile: Path | None,
    keyfile: Path | None,
    models: tuple[str, ...],
    device: str,
    engines: int,
    image_mb: int,
    memory_mb: int,
    run_seconds: float,
) -> None:
    """Serve an engine to 3D Slicer and to `lsms segment --server` on other computers.

    Images and searches are kept in memory only, and nothing is written to disk but the token's
    file. No image, prompt or report is logged.
    """
    from lsms_core.errors import InputError
    from lsms_core.service.address import Address, is_loopback
    from lsms_core.service.limits import MEBIBYTE, Limits

    run_server, options_of = _server()
    if keyfile is not None and certfile is None:
        raise InputError("--keyfile goes with --certfile.")
    secret, told = _token(token_file, is_loopback(host))
    limits = replace(
        Limits(),
        image_bytes=image_mb * MEBIBYTE,
        # Searches are smaller than their images, and cheaper to make again.
        images_bytes=memory_mb * MEBIBYTE * 2 // 3,
        candidates_bytes=memory_mb * MEBIBYTE // 3,
        uploads_bytes=max(image_mb, memory_mb // 2) * MEBIBYTE + 64 * MEBIBYTE,
        run_seconds=run_seconds,
    )
    named = _named(models)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    # Its warnings hold what an engine said last, which may be of a patient.
    logging.getLogger("lsms_core.worker").setLevel(logging.CRITICAL)

    def listening(at: int) -> None:
        address = Address(host, at, certfile is not None)
        click.echo(f"LSMS engine at {address}: {', '.join(named)}. Stop it with Ctrl+C.")
        click.echo(told)
        if not is_loopback(host) and certfile is None:
            click.echo(
                f"lsms: other computers can reach {host}, and images travel unencrypted: give "
                "--certfile and --keyfile, or put a proxy with TLS before it.",
                err=True,
            )

    options = options_of(
        token=secret,
        models=named,
        host=host,
        port=port,
        device=device,
        engines=engines,
        certificate=certfile,
        key=keyfile,
        limits=limits,
    )
    run_server(options, listening)


def _server():  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Import the server, which an installation may be without."""
    from lsms_core.errors import DependencyError

    try:
        from lsms_core.service.running import ServeOptions, run_server
    except ModuleNotFoundError as error:
        raise DependencyError(
            f'The server needs {error.name}: run pip install "lsms-core[serve]".'
        ) from error
    return run_server, ServeOptions


def _token(file: Path | None, loopback: bool) -> tuple[str, str]:
    """Return the token, and what is said of it."""
    from lsms_core.errors import InputError
    from lsms_core.service.access_token import (
        ENVIRONMENT_NAME,
        given_token,
        make_token_file,
        new_token,
    )

    if file is not None and not file.exists():
        return make_token_file(file), f"A new token is in {file}."
    secret = given_token(file)
    if secret is not None:
        return secret, f"The token is that of {file or '$' + ENVIRONMENT_NAME}."
    if not loopback:
        raise InputError(
            "Other computers can reach this address, so it needs a token that clients know: give "
            f"--token-file FILE (made where it is not there) or set {ENVIRONMENT_NAME}."
        )
    secret = new_token()
    return secret, f"Token: {secret}"


def _named(models: tuple[str, ...]) -> dict[str, str]:
    """Return what to load by the name that clients say; the models are checked first."""
    from lsms_core.errors import InputError
    from lsms_core.models.installed import inspect_bundle

    named: dict[str, str] = {}
    for one in models:
        inspect_bundle(one)
        name = Path(one).name
        if name in named and named[name] != one:
            raise InputError(f"Two models are called {name}: give one of them another folder name.")
        named[name] = one
    return named
