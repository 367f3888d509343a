"""The report on the clipboard: sentences are asked, the others told, the text is kept nowhere."""

from __future__ import annotations

import pytest

ONE_TEXT = False

REPORT = """CLINICAL HISTORY: colon cancer.
FINDINGS:
There is an 18 mm hypodense lesion in the right lobe (image 6).
A 7 mm cyst is seen in the left lobe. No other focal lesion of the liver.
The spleen is normal.
"""


@pytest.fixture
def copied(panel, whole):
    def copy(text):
        panel.slicer.app.clipboard().setText(text)
        panel.settle()

    return copy


def paste(panel, labels, liver):
    from PySide6.QtCore import Qt

    panel.ui.pasteReportButton.setFocus()
    panel.press(Qt.Key_Space, panel.ui.pasteReportButton)
    panel.client.found(labels, liver)
    panel.poll()


def test_each_sentence_about_a_lesion_becomes_a_segment(panel, copied, labels, liver):
    from LSMSSegmentationLib import PromptHistory
    from LSMSSegmentationLib.ParameterNode import Where

    panel.parameters.where = Where.CurrentSlice  # a report is about the whole volume
    copied(REPORT)
    paste(panel, labels, liver)
    assert ".:" not in panel.ui.resultLabel.text  # a sentence's full stop
    assert panel.client.asked[-1]["slices"] is None
    first, second = panel.session.findings
    assert first.prompt == "There is an 18 mm hypodense lesion in the right lobe."
    assert [one.number for one in first.answer.kept] == [1]
    assert [one.number for one in second.answer.kept] == [2]
    assert len(panel.segments()) == 2
    assert "Skipped 2 of 4 sentences:" in panel.status
    assert "“No other focal lesion of the liver.” says that there is none" in panel.status
    assert "slices were counted from 1" in " ".join(first.answer.notes)
    # Nothing of it is kept: not among the prompts, not in the settings.
    assert PromptHistory.history() == []
    assert panel.parameters.prompt == ""
    assert not panel.ui.thresholdSlider.enabled
    assert "report" in panel.session.canRecut()
    panel.panel.results.undo()
    assert panel.segments() == {}


def test_image_numbers_narrow_and_two_alike_are_two_segments(panel, copied, labels, liver):
    copied("FINDINGS: Liver lesion (image 3). Liver lesion (image 6).")
    shown = labels.copy()
    shown[7:] = 0
    paste(panel, shown, liver)
    first, second = panel.session.findings
    assert first.prompt == second.prompt
    assert [one.number for one in first.answer.kept] == [1]
    assert [one.number for one in second.answer.kept] == [1, 2]
    assert len(panel.segments()) == 2


def test_nothing_of_the_report_is_sent_to_where_the_network_runs(panel, copied, labels, liver):
    sent = []
    search = panel.client.search

    def listen(*arguments, texts=(), **options):
        sent.append(texts)
        return search(*arguments, texts=texts, **options)

    panel.client.search = listen
    copied(REPORT)
    paste(panel, labels, liver)
    assert [tuple(one) for one in sent] == [()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Copy the report's text first"),
        ("FINDINGS: The spleen is normal.", "names no focal lesion of the liver"),
    ],
)
def test_what_is_no_report_is_refused(panel, copied, text, said):
    copied(text)
    panel.click(panel.ui.pasteReportButton)
    assert said in panel.status
    assert panel.client.asked == []


def test_an_engine_for_one_text_is_refused(panel, copied, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["lsms_core.session.run_answers"], "looksForOneText",
                        lambda _model: True)  # fmt: skip
    copied(REPORT)
    panel.click(panel.ui.pasteReportButton)
    assert "looks for one text at a time" in panel.status
    assert panel.client.asked == []


def test_numbers_are_those_of_the_dicom_files(panel, tmp_path, monkeypatch):
    pytest.importorskip("highdicom")
    from dicom_files import dicom_ct
    from LSMSSegmentationLib.Panel.Requests import reportRequest

    node, files = dicom_ct(panel, tmp_path / "series")
    database = type("Database", (), {"fileForInstance": lambda self, uid: str(files[uid])})()
    monkeypatch.setattr(panel.slicer, "dicomDatabase", database, raising=False)
    panel.widget.enter()
    panel.parameters.inputVolume = node
    panel.slicer.app.clipboard().setText("FINDINGS: Liver lesion on image 2.")
    images = reportRequest(panel.parameters, {}).report.images
    assert sorted(images.slices.values()) == list(range(len(files)))
    assert images.note == ""
    # Resampled in Slicer: the files' numbers are not those of its slices.
    database = type("Database", (), {"fileForInstance": lambda self, uid: ""})()
    monkeypatch.setattr(panel.slicer, "dicomDatabase", database)
    assert reportRequest(panel.parameters, {}).report.images.slices == {}


@pytest.mark.slow
def test_a_picture_for_the_documentation(panel, copied, labels, liver):
    import os
    from pathlib import Path

    target = os.environ.get("LSMS_SCREENSHOTS")
    if not target:
        pytest.skip("set LSMS_SCREENSHOTS to a folder to get pictures")
    copied(REPORT)
    paste(panel, labels, liver)
    assert len(panel.segments()) == 2
    panel.ui.inputsCollapsibleButton.collapsed = True
    panel.picture(Path(target) / "panel-report.png")
