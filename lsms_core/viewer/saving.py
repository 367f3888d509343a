"""Saves the segments as a .seg.nrrd, a DICOM SEG or a report, also as DICOM.

The segments are saved in their present state, painted or not. The files are made in a temporary
folder and sent to the browser; nothing stays on the disk of this machine.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.liver_map import LiverMap
from lsms_core.anatomy.regions import label_components
from lsms_core.anatomy.terminology import terminology_of
from lsms_core.errors import InputError, LsmsError
from lsms_core.inference.answer_report import slice_distance_mm
from lsms_core.inference.candidates import CandidateSet, Search
from lsms_core.io.measurement_report import Algorithm, MeasuredAnswer, MeasurementReport
from lsms_core.io.named_masks import Segment
from lsms_core.io.output import check_output, write_masks
from lsms_core.io.report_page import html_page, plain_text
from lsms_core.mrml.labelmaps import find_segment, read_mask, segment_ids
from lsms_core.mrml.provenance_tags import SegmentMeta, read_tags
from lsms_core.viewer.workspace import Workspace

KINDS = ("seg.nrrd", "dcm", "html", "txt", "sr")


@dataclass(frozen=True)
class SavedFile:
    """A file for the browser to keep.

    Attributes:
        name: what it is called; nothing of the patient is in it but the CT's own file name.
        mime: its type.
        content: its bytes.
        notes: for the user, in sentences.
    """

    name: str
    mime: str
    content: bytes
    notes: tuple[str, ...] = ()


def save(workspace: Workspace, kind: str) -> SavedFile:
    """Make a file of the findings.

    Args:
        workspace: with an open study.
        kind: one of :data:`KINDS`.

    Raises:
        InputError: when there is nothing to save, or the study has not what the file needs.
        DependencyError: when DICOM SEG is asked for without highdicom.
    """
    if workspace.loaded is None or workspace.study is None:
        raise InputError("Open a CT first.")
    stem = _stem(workspace.study.path)
    if kind in ("html", "txt"):
        report = report_of_segments(workspace)
        text = html_page(report) if kind == "html" else plain_text(report)
        mime = "text/html" if kind == "html" else "text/plain"
        return SavedFile(f"{stem}-report.{kind}", mime, text.encode("utf-8"))
    segments = segments_now(workspace)
    if not segments:
        raise InputError("There is no segment to save: run a prompt, or paint one.")
    if kind == "sr":
        return _dicom_report(workspace, segments, stem)
    model = _model(segments)
    with tempfile.TemporaryDirectory(prefix="lsms-") as folder:
        path = Path(folder, f"{stem}.{kind}")
        notes = check_output(path, workspace.loaded) if kind == "dcm" else []
        written, more = write_masks(
            path, workspace.loaded, segments, model=model[0], model_version=model[1]
        )
        assert written is not None  # there are segments
        mime = "application/dicom" if kind == "dcm" else "application/octet-stream"
        return SavedFile(path.name, mime, path.read_bytes(), (*notes, *more))


def _dicom_report(workspace: Workspace, segments: list[Segment], stem: str) -> SavedFile:
    """Make a zip of the DICOM structured report and the DICOM SEG that it refers to."""
    from lsms_core.io.dicom_sr import write_dicom_sr

    assert workspace.loaded is not None
    name, version = _model(segments)
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="lsms-") as folder:
        seg, report = Path(folder, f"{stem}-seg.dcm"), Path(folder, f"{stem}-report.dcm")
        notes = check_output(seg, workspace.loaded)
        _, more = write_masks(seg, workspace.loaded, segments, model=name, model_version=version)
        write_dicom_sr(report, workspace.loaded.slice_files, seg, report_of_segments(workspace))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in (report, seg):
                archive.write(path, path.name)
    zipped = f"{stem}-dicom-report.zip"
    return SavedFile(zipped, "application/zip", packed.getvalue(), (*notes, *more))


def segments_now(workspace: Workspace) -> list[Segment]:
    """Return the segments of the findings that are not empty."""
    node, found = workspace.findings, []
    for segment_id in segment_ids(node):
        mask = read_mask(node, workspace.volume, segment_id)
        if not mask.any():
            continue
        segment = find_segment(node, segment_id)
        meta = read_tags(segment)
        red, green, blue = (round(255 * c) for c in segment.GetColor())
        terms = terminology_of(meta.prompt if meta else segment.GetName())
        tags = _tags(meta) if meta else {}
        found.append(Segment(segment.GetName(), mask, terms, (red, green, blue), tags))
    return found


def _tags(meta: SegmentMeta) -> dict[str, str]:
    values = {
        "prompt": meta.prompt,
        "reading": meta.reading,
        "model": meta.model,
        "engine": meta.engine,
        "score": "" if meta.score is None else f"{meta.score:.4f}",
        "threshold": "" if meta.threshold is None else f"{meta.threshold:g}",
        "plane": meta.plane,
        "slices": meta.slices,
        "date": meta.date,
    }
    return {f"LSMS.{name}": value for name, value in values.items() if value}


def report_of_segments(workspace: Workspace) -> MeasurementReport:
    """Measure the segments as they are now.

    Raises:
        InputError: when there is none.
    """
    assert workspace.loaded is not None
    assert workspace.study is not None
    segments = segments_now(workspace)
    if not segments:
        raise InputError("There is nothing to report: run a prompt, or paint a segment.")
    liver = _liver(workspace)
    answers = tuple(
        MeasuredAnswer(
            segment.name,
            segment.tags.get("LSMS.reading", ""),
            _lesions(workspace, segment, liver),
            number,
        )
        for number, segment in enumerate(segments, 1)
    )
    name, version = _model(segments)
    now = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    return MeasurementReport(
        answers,
        Algorithm(name, version, _weights_sum(workspace, segments), _engine(segments)),
        slice_distance_mm(workspace.loaded.volume),
        workspace.study.path.name,
        now,
    )


def _lesions(workspace: Workspace, segment: Segment, liver: LiverMap | None) -> tuple[Lesion, ...]:
    assert workspace.loaded is not None
    volume = workspace.loaded.volume
    grid = SlicePlane.of(volume, "axial")
    every = tuple(range(grid.count(volume.shape)))
    search = Search(volume, every, grid.axis, grid.plane, engine="labels", model=segment.name)
    labels, _ = label_components(segment.mask)
    return CandidateSet.from_labels(search, labels, liver).lesions


def _liver(workspace: Workspace) -> LiverMap | None:
    """Return the liver as the last search has it, for the lesions' lobes and segments."""
    for finding in workspace.session.findings:
        if finding.answer is not None:
            liver: LiverMap | None = finding.answer.candidates.liver
            return liver
    return None


def _model(segments: list[Segment]) -> tuple[str, str]:
    """Return name and version of the model that made the first segment that a model made."""
    made = [s.tags["LSMS.model"] for s in segments if s.tags.get("LSMS.model")]
    if not made:
        return "painted by hand", ""
    name, _, version = made[0].rpartition(" ")
    return (name, version) if name else (version, "")


def _engine(segments: list[Segment]) -> str:
    return segments[0].tags.get("LSMS.engine", "")


def _weights_sum(workspace: Workspace, segments: list[Segment]) -> str:
    """Return the SHA-256 of the model's manifest, "" where the outlines come from no model."""
    from lsms_core.models.installed import find_bundle
    from lsms_core.models.manifest import sha256

    if not any(s.tags.get("LSMS.model") for s in segments) or _engine(segments) == "labels":
        return ""
    try:
        return sha256(find_bundle(workspace.model["weights"]) / "manifest.json")
    except LsmsError:
        return ""  # a server has the model


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".zip"):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or "ct"
    return name or "ct"
