"""Saves an answer: the list as CSV, or a measurement report in three formats."""

from dataclasses import replace
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from lsms_core.session.lesion_rows import csvText


def askWhere():
    """Ask where to save; returns a path, "" when nothing was chosen."""
    kinds = [
        _("List (*.csv)"),
        _("Report as a page (*.html)"),
        _("Report as text (*.txt)"),
        _("DICOM report and segmentation (*.dcm)"),
    ]
    return qt.QFileDialog.getSaveFileName(
        slicer.util.mainWindow(), _("Save the list or a report"), "lesions.csv", ";;".join(kinds)
    )


def saveReport(path, findings, rows, names=None):
    """Save what a run found; the file's name says in which form.

    Args:
        path: ends in .csv, .html, .txt or .dcm. Beside a DICOM report its DICOM SEG is written.
        findings: the run's findings.
        rows: the list's LesionRows, with what was measured by hand.
        names: number -> the name that a reader gave; in the CSV only.

    Returns:
        What was done, in a sentence.

    Raises:
        LsmsError: when it cannot be saved; the message says what to do.
    """
    from lsms_core.errors import InputError
    from lsms_core.io.text_files import write_text

    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".csv":
        write_text(path, csvText(rows, names))
        return _("The list was saved.")
    if kind not in (".html", ".htm", ".txt", ".dcm"):
        raise InputError("Use a name that ends in .csv, .html, .txt or .dcm.")
    if not findings or any(finding.answer is None for finding in findings):
        raise InputError("There is no answer to report: press Run first.")
    report = _report(findings, rows)
    if kind == ".dcm":
        return _saveDicom(path, findings, report)
    from lsms_core.io.report_page import html_page, plain_text

    write_text(path, plain_text(report) if kind == ".txt" else html_page(report))
    return _("The report was saved.")


def _report(findings, rows):
    from lsms_core.inference.answer_report import report_of

    study = findings[0].request.volumeNode.GetName()
    report = report_of([f.answer for f in findings], study, sha256=_weightsSum(findings[0]))
    answers = []
    for source, answer in enumerate(report.answers):
        byHand = {
            row.lesion.number: row.lesion
            for row in rows
            if row.byHand and row.source in (None, source)
        }
        lesions = tuple(_asMeasured(one, byHand.get(one.number)) for one in answer.lesions)
        notes = answer.notes
        if any(one.number in byHand for one in answer.lesions):
            numbers = ", ".join(str(n) for n in sorted(byHand))
            notes = (*notes, f"Diameters measured by hand: lesion {numbers}.")
        answers.append(replace(answer, lesions=lesions, notes=notes))
    return replace(report, answers=tuple(answers))


def _asMeasured(lesion, byHand):
    if byHand is None:
        return lesion
    return replace(
        lesion,
        longest_mm=byHand.longest_mm,
        longest_ends=byHand.longest_ends,
        perpendicular_mm=byHand.perpendicular_mm,
        perpendicular_ends=byHand.perpendicular_ends,
    )


def _weightsSum(finding):
    """SHA-256 of the model's manifest, "" where the outlines come from no model."""
    from lsms_core.errors import LsmsError
    from lsms_core.models.installed import find_bundle
    from lsms_core.models.manifest import sha256

    if finding.request.lesionsFrom is not None:
        return ""
    try:
        return sha256(find_bundle(finding.request.model["weights"]) / "manifest.json")
    except LsmsError:
        return ""  # it was removed after the run


def _saveDicom(path, findings, report):
    from lsms_core.inference.answer_segments import segments_of
    from lsms_core.io.dicom_seg import check_dicom_seg, write_dicom_seg
    from lsms_core.io.dicom_sr import write_dicom_sr

    check_dicom_seg()
    files = sliceFiles(findings[0].request.volumeNode)
    segmentation = path.with_name(f"{path.stem}-seg.dcm")
    name, _space, version = findings[0].answer.model.rpartition(" ")
    segments = segments_of([finding.answer for finding in findings])
    write_dicom_seg(segmentation, files, segments, model=name or version, model_version=version)
    write_dicom_sr(path, files, segmentation, report)
    return _("The report was saved, and its segmentation as {name}.").format(name=segmentation.name)


def sliceFiles(volumeNode):
    """Return the DICOM files of a volume, in the order of its slices.

    Raises:
        InputError: when it was not loaded from Slicer's DICOM database, or does not lie slice by
            slice on the files.
    """
    from lsms_core.errors import InputError
    from lsms_core.io.dicom_order import in_slice_order
    from lsms_core.mrml.volume_nodes import read_ct

    uids = (volumeNode.GetAttribute("DICOM.instanceUIDs") or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    files = [database.fileForInstance(uid) for uid in uids] if database is not None else []
    if not files or not all(files):
        raise InputError(
            "A DICOM report refers to the CT's DICOM files, and this CT was not loaded from "
            "Slicer's DICOM database: import the study there, load it, and run again."
        )
    if volumeNode.GetParentTransformNode() is not None:
        raise InputError(
            "The CT lies under a transform, as after a gantry tilt: a DICOM report would not fit "
            "its files. Harden or remove the transform, or save a page."
        )
    ct = read_ct(volumeNode)
    return in_slice_order([Path(file) for file in files], ct.affine, ct.shape[0])
