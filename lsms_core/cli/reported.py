"""Reads radiology reports and writes measurement reports, for ``lsms segment``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.io.volumes import LoadedVolume
    from lsms_core.language.report_text import Statement

F = TypeVar("F", bound=Callable[..., Any])
_LARGEST_REPORT = 1_000_000


@dataclass(frozen=True)
class ReportFiles:
    """A radiology report to read, and where measurement reports go; None for none.

    Attributes:
        text: a radiology report in plain text.
        dicom: a DICOM structured report, which refers to the DICOM SEG of ``--output``.
        html: a page for people.
        plain: plain text.
    """

    text: Path | None = None
    dicom: Path | None = None
    html: Path | None = None
    plain: Path | None = None

    @classmethod
    def taken(cls, options: dict[str, Any]) -> ReportFiles:
        """Take the values of :func:`report_options` out of a command's options."""
        names = ("report_text", "report_sr", "report_html", "report_txt")
        return cls(*(options.pop(name) for name in names))

    def check(self, output: Path | None, volumes: int) -> None:
        """Refuse early what could not be written.

        Raises:
            InputError: for names that do not fit, or reports of several volumes.
            OutputError: where nothing can be written.
            DependencyError: when DICOM is asked for without highdicom.
        """
        from lsms_core.errors import InputError
        from lsms_core.io.atomic import check_writable
        from lsms_core.io.dicom_seg import check_dicom_seg

        if volumes > 1 and (self or self.text):
            raise InputError(
                "Reports are about one CT: give one volume, or use lsms batch --dicom."
            )
        taken = {output.resolve()} if output is not None else set()
        for path, suffixes in ((self.dicom, (".dcm",)), (self.html, (".html", ".htm")),
                               (self.plain, (".txt",))):  # fmt: skip
            if path is None:
                continue
            if path.suffix.lower() not in suffixes:
                raise InputError(f"{path}: use a name that ends in {' or '.join(suffixes)}.")
            if path.resolve() in taken or (self.text and self.text.resolve() == path.resolve()):
                raise InputError(f"{path} is named twice: choose another name for the report.")
            taken.add(path.resolve())
            check_writable(path)
        if self.dicom is not None:
            if output is None or output.suffix.lower() != ".dcm":
                raise InputError("--report-sr refers to a DICOM SEG: give --output FILE.dcm, too.")
            check_dicom_seg()

    def __bool__(self) -> bool:
        return any((self.dicom, self.html, self.plain))


def report_options(command: F) -> F:
    """Add the options that read a radiology report and write measurement reports."""
    options = [
        click.option("--report", "report_text", type=click.Path(
            exists=True, dir_okay=False, path_type=Path
        ), help=(
            "A radiology report in plain text: each sentence about a focal liver lesion is asked."
        )),
        click.option("--report-sr", type=click.Path(path_type=Path), help=(
            "Write the measurements as a DICOM report (TID 1500), beside --output FILE.dcm."
        )),
        click.option("--report-html", type=click.Path(path_type=Path), help=(
            "Write the measurements as a page."
        )),
        click.option("--report-txt", type=click.Path(path_type=Path), help=(
            "Write the measurements as plain text."
        )),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def statements_of(path: Path) -> list[Statement]:
    """Read a report's text and cut its findings into statements. Nothing of it is kept or sent.

    Raises:
        InputError: when it is no text, or far too long.
    """
    from lsms_core.errors import InputError
    from lsms_core.language.read import read
    from lsms_core.language.report_text import read_report

    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if len(text) > _LARGEST_REPORT or "\0" in text:
        raise InputError(f"{path} is no report: give its plain text.")
    return read_report(text, read)


def answers_to(
    candidates: CandidateSet, statements: Sequence[Statement], loaded: LoadedVolume
) -> list[Answer]:
    """Answer the statements about focal liver lesions."""
    from lsms_core.inference.report_answers import ImageNumbers, answer_statements
    from lsms_core.io.image_numbers import numbers_of

    return answer_statements(candidates, statements, ImageNumbers(*numbers_of(loaded)))


def skipped_of(statements: Sequence[Statement]) -> list[dict[str, str]]:
    """Return the sentences that are not answered, with the reason, for ``--json``."""
    return [{"text": s.source, "reason": s.skipped} for s in statements if s.skipped]


def print_skipped(statements: Sequence[Statement]) -> None:
    """List the sentences that were not answered, with the reason."""
    skipped = skipped_of(statements)
    if not skipped:
        return
    click.echo(f"Skipped {len(skipped)} of {len(statements)} sentences of the report:")
    for one in skipped:
        click.echo(f'  "{one["text"]}" {one["reason"]}')


def write_reports(
    files: ReportFiles,
    loaded: LoadedVolume,
    answers: Sequence[Answer],
    written: Path | None,
    weights: str | Path,
    engine: str | None,
) -> tuple[list[Path], list[str]]:
    """Write the reports that were asked for.

    Args:
        files: where to.
        loaded: the CT.
        answers: at least one.
        written: the DICOM SEG; None where nothing was found.
        weights: the model's name or folder, for its SHA-256.
        engine: as it was given.

    Returns:
        The files, and notes for the user.

    Raises:
        InputError: when the series lacks what a DICOM report needs.
        OutputError: when a file cannot be written.
    """
    from lsms_core.inference.answer_report import report_of
    from lsms_core.io.report_page import html_page, plain_text
    from lsms_core.io.text_files import write_text

    report = report_of(answers, loaded.path.name, sha256=_sha256(answers, weights, engine))
    paths, notes = [], []
    if files.html is not None:
        paths.append(write_text(files.html, html_page(report)))
    if files.plain is not None:
        paths.append(write_text(files.plain, plain_text(report)))
    if files.dicom is not None:
        if written is not None and any(answer.lesions for answer in report.answers):
            from lsms_core.io.dicom_sr import write_dicom_sr

            paths.append(write_dicom_sr(files.dicom, loaded.slice_files, written, report))
        else:
            notes.append("No DICOM report was written: no lesion was found to measure.")
    return paths, notes


def _sha256(answers: Sequence[Answer], weights: str | Path, engine: str | None) -> str:
    from lsms_core.models.installed import default_weights, find_bundle
    from lsms_core.models.manifest import sha256

    # An existing segmentation has no model.
    if answers[0].engine == "labels":
        return ""
    return sha256(find_bundle(default_weights(weights, engine)) / "manifest.json")
