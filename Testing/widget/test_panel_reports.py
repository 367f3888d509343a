"""What leaves the panel: diameters as lines, the report's lines, and files."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

ONE_TEXT = False


def sizes(panel):
    table = panel.ui.findingsTableWidget
    return [table.item(row, 2).text() for row in range(table.rowCount)]


def lines(panel):
    return panel.slicer.util.getNodesByClass("vtkMRMLMarkupsLineNode")


def save(panel, path):
    panel.panel.results.candidates.saveReport(str(path))
    return path.read_text("utf-8") if path.exists() else None


def move(panel, end, line=0):
    """Move one end of a diameter, as a drag in a view does, and return its new length, mm."""
    node = lines(panel)[line]
    fixed, moved = [0.0] * 3, [0.0] * 3
    node.GetNthControlPointPositionWorld(0, fixed)
    node.GetNthControlPointPositionWorld(1, moved)
    node.SetNthControlPointPositionWorld(
        1, *(f + end * (m - f) for f, m in zip(fixed, moved, strict=True))
    )
    return node.GetLineLengthWorld()


def test_the_report_is_copied_and_saved(panel, whole, labels, liver, tmp_path):
    panel.search("left lobe lesion", labels, liver)
    panel.click(panel.ui.copyReportButton)
    text = panel.slicer.app.clipboard().text()
    assert text.startswith("Left lobe: ")
    assert text.count("\n") == 0
    assert text.endswith(" HU")
    lines = save(panel, tmp_path / "list.csv").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("number,name,place,longest_mm")
    assert ",no,the text asks for the left lobe" in lines[1]


def test_diameters_are_drawn_once_and_lie_where_they_were_measured(panel, whole, labels, liver):
    panel.search("all lesions", labels, liver)
    for _ in range(2):
        panel.click(panel.ui.diametersButton)
    assert len(lines(panel)) == 4
    lesion = panel.session.findings[0].answer.candidates.lesions[0]
    lengths = sorted(line.GetLineLengthWorld() for line in lines(panel))
    assert lengths[-1] == pytest.approx(lesion.longest_mm, abs=1.5)


def test_the_list_follows_a_diameter_that_is_moved(panel, whole, labels, liver, tmp_path):
    panel.search("all lesions", labels, liver)
    panel.click(panel.ui.diametersButton)
    before = sizes(panel)
    length = move(panel, 1.5)
    across = before[0].split(" × ")[1]
    assert sizes(panel) == [f"{length:.0f} × {across}*", before[1]]
    assert panel.status == f"Lesion 1 measures {length:.0f} x {across} mm, by hand."
    panel.click(panel.ui.copyReportButton)
    assert f"{length:.0f} x {across} mm" in panel.slicer.app.clipboard().text()
    assert f",{length:.1f}," in save(panel, tmp_path / "list.csv").splitlines()[1]
    page = save(panel, tmp_path / "report.html")
    assert "Diameters measured by hand: lesion 1." in page
    # Drawn anew they stand where they were measured first, and the list keeps what was measured.
    panel.click(panel.ui.diametersButton)
    assert sizes(panel)[0] == f"{length:.0f} × {across}*"


def test_another_search_forgets_what_was_measured_by_hand(panel, whole, labels, liver):
    panel.search("all lesions", labels, liver)
    before = sizes(panel)
    panel.click(panel.ui.diametersButton)
    move(panel, 1.5)
    panel.parameters.threshold = 0.6
    panel.recut()
    assert sizes(panel) == before


@pytest.mark.parametrize("name", ["report.html", "report.txt"])
def test_a_report_is_saved(panel, whole, labels, liver, tmp_path, name):
    panel.search("left lobe lesion", labels, liver)
    text = save(panel, tmp_path / name)
    assert "left lobe lesion" in text
    assert "Research use only" in text
    assert panel.status == "The report was saved."


def test_what_cannot_be_saved_says_why(panel, whole, labels, liver, tmp_path):
    panel.search("left lobe lesion", labels, liver)
    assert save(panel, tmp_path / "report.pdf") is None
    assert "ends in .csv, .html, .txt or .dcm" in panel.status


def test_a_dicom_report_needs_the_ct_from_dicom(panel, whole, labels, liver, tmp_path):
    pytest.importorskip("highdicom")
    panel.search("left lobe lesion", labels, liver)
    assert save(panel, tmp_path / "report.dcm") is None
    assert "was not loaded from Slicer's DICOM database" in panel.status


def test_a_dicom_report_and_its_segmentation_are_saved(panel, tmp_path, monkeypatch):
    """A CT of DICOM files, in the database, as Slicer loads it."""
    import numpy as np

    pytest.importorskip("highdicom")
    import pydicom
    from dicom_files import dicom_ct

    node, files = dicom_ct(panel, tmp_path / "series")
    database = type("Database", (), {"fileForInstance": lambda self, uid: str(files[uid])})()
    monkeypatch.setattr(panel.slicer, "dicomDatabase", database, raising=False)
    panel.parameters.inputVolume = node
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.WholeVolume
    panel.parameters.minimumArea = 0.0
    panel.settle()
    found = np.zeros(panel.slicer.util.arrayFromVolume(node).shape, np.uint16)
    found[2:5, 18:28, 18:30] = 1
    panel.search("all lesions", found)
    panel.panel.results.candidates.saveReport(str(tmp_path / "report.dcm"))
    assert panel.status == "The report was saved, and its segmentation as report-seg.dcm."
    report = pydicom.dcmread(tmp_path / "report.dcm")
    assert report.Modality == "SR"
    segmentation = pydicom.dcmread(tmp_path / "report-seg.dcm")
    assert segmentation.Modality == "SEG"
    referred = {i.ReferencedSOPInstanceUID for i in segmentation.ReferencedSeriesSequence[0]
                .ReferencedInstanceSequence}  # fmt: skip
    assert referred <= set(files)
