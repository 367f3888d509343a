"""Static pages to look through a cohort: pictures, readings and findings, worst doubts first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lsms_core.io.measurement_report import RESEARCH
from lsms_core.io.text_files import write_text

STUDIES_A_PAGE = 100
_MOST_LESIONS = 6
_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.3rem; } nav { margin: 1rem 0; } nav a, nav b { margin-right: .6rem; }
.studies { display: grid; gap: 1rem; }
.studies { grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); }
article { border: 1px solid #8886; border-radius: .5rem; padding: .8rem; overflow-wrap: anywhere; }
article h2 { font-size: 1rem; margin: 0 0 .5rem; }
article h3 { font-size: .95rem; margin: .8rem 0 0; }
img { width: 100%; border-radius: .3rem; background: #111; }
p, ul { margin: .2rem 0; } ul { padding-left: 1.2rem; }
.quiet, footer { color: #777; } .doubt { color: #b60; }
footer { margin-top: 2rem; font-size: .85rem; }
"""


@dataclass(frozen=True)
class _Card:
    """A study on a page, already HTML, and what orders it."""

    points: float
    name: str
    html: str


def write_gallery(
    folder: Path, studies: Iterable[Mapping[str, Any]], failed: int = 0, title: str = "Cohort"
) -> Path:
    """Write ``index.html``, and ``index-2.html`` and so on for large cohorts.

    Pictures are referred to by relative paths, so that the folder can be moved as it is.

    Args:
        folder: the cohort's.
        studies: contents of the ``answer.json`` files.
        failed: how many studies are in ``errors.csv``.
        title: of the pages.

    Returns:
        The first page.

    Raises:
        OutputError: when a page cannot be written.
    """
    cards = sorted(map(_card, studies), key=lambda card: (-card.points, card.name))
    pages = [cards[n : n + STUDIES_A_PAGE] for n in range(0, len(cards), STUDIES_A_PAGE)] or [[]]
    for number, page in enumerate(pages, start=1):
        write_text(folder / _file(number), _page(page, number, len(pages), cards, failed, title))
    for old in folder.glob("index-*.html"):
        named = old.stem.removeprefix("index-")
        if named.isdecimal() and int(named) > len(pages):
            old.unlink()
    return folder / _file(1)


def _file(number: int) -> str:
    return "index.html" if number == 1 else f"index-{number}.html"


def _page(
    page: Sequence[_Card], number: int, count: int, cards: Sequence[_Card], failed: int, title: str
) -> str:
    links = "".join(
        f"<b>{n}</b>" if n == number else f'<a href="{_file(n)}">{n}</a>'
        for n in range(1, count + 1)
    )
    nav = f"<nav>Page {links}</nav>" if count > 1 else ""
    errors = f' <a href="errors.csv">{failed} failed</a>.' if failed else ""
    tables = '<a href="results.csv">results.csv</a>, <a href="results.parquet">results.parquet</a>'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>"
        f"<h1>{escape(title)}</h1><p>{len(cards)} studies, the greatest doubt first; tables: "
        f"{tables}.{errors}</p>{nav}\n"
        f'<div class="studies">\n{"".join(card.html for card in page)}</div>{nav}'
        f"<footer>{RESEARCH}</footer></body></html>\n"
    )


def _card(study: Mapping[str, Any]) -> _Card:
    points = max((a["doubt"]["points"] for a in study["answers"]), default=0.0)
    here = f"studies/{quote(study['study'])}"
    picture = study.get("thumbnail")
    shown = (
        f'<a href="{here}/{quote(picture)}"><img loading="lazy" src="{here}/{quote(picture)}" '
        f'alt="the slice with the largest finding"></a>'
        if picture
        else ""
    )
    answers = sorted(study["answers"], key=lambda a: -a["doubt"]["points"])
    body = "".join(map(_answer, answers))
    files = " ".join(
        f'<a href="{here}/{quote(name)}">{escape(name)}</a>' for name in study.get("files", ())
    )
    html = (
        f"<article><h2>{escape(study['study'])}</h2>{shown}{body}"
        f'<p class="quiet">{files}</p></article>\n'
    )
    return _Card(points, study["study"], html)


def _answer(answer: Mapping[str, Any]) -> str:
    parts = [f"<h3>{escape(answer['text'])}</h3>"]
    if answer.get("reading_words"):
        parts.append(f'<p class="quiet">{escape(answer["reading_words"])}</p>')
    parts.append(f"<p>{escape(answer['message'])}</p>")
    lines = [f"<li>{escape(_said(lesion))}</li>" for lesion in answer["kept"][:_MOST_LESIONS]]
    more = len(answer["kept"]) - _MOST_LESIONS
    if more > 0:
        lines.append(f"<li>and {more} more</li>")
    if lines:
        parts.append(f"<ul>{''.join(lines)}</ul>")
    if answer["doubt"]["reasons"]:
        parts.append(f'<p class="doubt">{escape("; ".join(answer["doubt"]["reasons"]))}</p>')
    return "".join(parts)


def _said(lesion: Mapping[str, Any]) -> str:
    size = f"{lesion['longest_mm']:.0f} x {lesion['perpendicular_mm']:.0f} mm"
    return ", ".join(filter(None, (size, f"{lesion['volume_ml']:.1f} mL", lesion["place"])))
