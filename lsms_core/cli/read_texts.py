"""``lsms read``: say what a text means, before anything is searched."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("read")
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option("--file", "path", type=click.Path(path_type=Path), help=(
    "Text file in UTF-8 with one text a line; each line gets a reading, an empty one, too."
))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a text, a line each.")
def command(texts: tuple[str, ...], path: Path | None, as_json: bool) -> None:
    """Say how TEXT is read: what it asks for, and which of its words were not read."""
    from lsms_core.errors import InputError
    from lsms_core.language.chips import describe
    from lsms_core.language.read import read

    given = [*texts, *(_lines(path) if path is not None else [])]
    if not texts and path is None:
        raise InputError('Which text? Give one, such as lsms read "left lobe cyst", or --file.')
    for text in given:
        reading = read(text)
        if as_json:
            click.echo(json.dumps(reading.to_dict(), ensure_ascii=False))
        else:
            click.echo(f"{text}: {describe(reading)}" if len(given) > 1 else describe(reading))


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file.

    Raises:
        InputError: when it cannot be read as text.
    """
    from lsms_core.errors import InputError

    try:
        written = path.read_text(encoding="utf-8-sig")
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder: give a text file with one text a line.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: save it in that encoding.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    lines = written.split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
