"""The page in a browser: prompts, lesions, corrections, painting, saving."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("slicer_layer_dm", reason="the page needs: pip install 'lsms-core[viewer]'")
pytest.importorskip("trame_slicer", reason="the page needs: pip install 'lsms-core[viewer]'")
pytestmark = pytest.mark.slow

RIGHT = "right lobe hypodense lesion"


def test_a_lesion_is_found_shown_and_measured(page):
    page.prompt("right lobe hypodense lesion, calcified")
    page.wait("document.querySelectorAll('#lsms-chips .unread').length == 1")
    assert page.chips[:2] == ["right lobe", "darker than liver"]
    page.where("range")
    page.tab.fill("#lsms-first", "9")
    page.tab.fill("#lsms-last", "12")
    page.wait("document.querySelector('#lsms-where-text').innerText.includes('4 axial slices')")

    said = page.run(RIGHT)

    assert "Found" in said
    assert page.chips == ["right lobe", "darker than liver"]
    assert page.kept >= 1
    others = [kept for kept, text in page.lesions if "the text asks for the right lobe" in text]
    assert others
    assert not any(others)
    assert page.segments == [RIGHT]
    finding = page.findings()[0]
    assert finding["Side"] == "Right"
    assert 30 < float(finding["Longest diameter (mm)"]) < 60
    page.picture("viewer")
    assert page.problems == []


def test_nothing_found_makes_no_segment_and_says_so(page):
    before = page.segments
    said = page.run("lesions larger than 20 cm", "nothing")
    assert "No segment was made or changed" in said
    assert page.segments == before


def test_space_drops_a_lesion_and_undo_brings_it_back(page):
    page.run(RIGHT)
    before, volume = page.kept, page.volume(RIGHT)
    page.leave()
    page.tab.keyboard.press("ArrowUp")
    page.tab.wait_for_selector("#lsms-lesions tr.selected")
    first_kept = next(n for n, (kept, _) in enumerate(page.lesions) if kept)
    page.tab.locator("#lsms-lesions tbody tr").nth(first_kept).click()
    page.leave()
    page.tab.keyboard.press("Space")
    page.said("taken out")
    assert page.kept == before - 1

    page.tab.click("#lsms-undo")

    page.said("Taken back")
    assert page.kept == before
    assert page.volume(RIGHT) == volume


def test_a_correction_in_words_grows_the_lesion(page):
    page.run(RIGHT)
    before = page.volume(RIGHT)
    page.tab.fill("#lsms-correction", "4 mm larger")
    page.tab.press("#lsms-correction", "Enter")
    page.said("4 mm larger")
    assert page.volume(RIGHT) > before
    page.tab.click("#lsms-undo")
    page.said("Taken back")
    assert page.volume(RIGHT) == before


def test_the_threshold_cuts_anew_without_a_run(page):
    page.run(RIGHT)
    before = page.volume(RIGHT)
    page.tab.focus("#lsms-threshold [role=slider]")
    page.tab.keyboard.press("End")
    page.wait("document.querySelector('#lsms-threshold-value').innerText == '0.99'")
    page.said("Found|Nothing is left")
    page.wait(f"!document.querySelector('#lsms-findings').innerText.includes('{before:g}')")
    assert sum(float(f["Volume (mL)"]) for f in page.findings()) < before


def test_painting_is_measured_and_taken_back_by_one_undo(page):
    count = len(page.segments)
    page.tab.click("#lsms-new-segment")
    page.wait(f"document.querySelectorAll('#lsms-segments tbody tr').length == {count + 1}")
    box = page.view(0)
    page.tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    page.tab.mouse.down()
    page.tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.4, steps=4)
    page.tab.mouse.up()
    page.wait("document.querySelector('#lsms-findings').innerText.includes('painted lesion')")
    assert page.volume("painted lesion") > 0
    page.leave()
    page.tab.keyboard.press("Control+z")
    page.wait("!document.querySelector('#lsms-findings')?.innerText.includes('painted lesion')")
    page.tab.click("#lsms-paint")  # put the brush away


def test_cancel_writes_nothing(page):
    page.where("volume")
    before = page.segments
    page.prompt("all lesions")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_selector("#lsms-progress")
    page.tab.keyboard.press("Escape")
    assert "nothing was changed" in page.said("Cancelled")
    assert page.segments == before
    page.where("range")


def test_files_are_handed_to_the_browser(page, ct, tmp_path):
    from lsms_core.io.segmentations import read_segmentation

    page.run(RIGHT)
    with page.tab.expect_download() as started:
        page.tab.click("#lsms-save-seg-nrrd")
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    masks, notes = read_segmentation(file, ct)
    assert [one.name for one in masks] == [RIGHT]
    assert notes == []
    with page.tab.expect_download() as started:
        page.tab.click("#lsms-save-html")
    started.value.save_as(tmp_path / "report.html")
    assert re.search(r"Longest diameter", (tmp_path / "report.html").read_text("utf-8"))
    page.tab.click("#lsms-save-dcm")
    page.said("DICOM", "warning")  # a NIfTI file has no series to refer to


def test_a_second_browser_sees_the_same_study(page, chromium, address):
    tab = chromium.new_context(viewport={"width": 1180, "height": 860}).new_page()
    other = type(page)(tab, address)
    other.open()
    assert other.segments == page.segments
    other.run("left lobe hypodense lesion")
    page.wait("document.querySelector('#lsms-segments').innerText.includes('left lobe')")
    tab.context.close()
    page.run(RIGHT)  # the first one still works


@pytest.mark.parametrize("path", ["", "?token=not-the-token-at-all", "lsms_viewer/viewer.js"])
def test_without_the_token_nothing_is_shown(chromium, address, path):
    tab = chromium.new_context().new_page()
    response = tab.goto(f"{address}{path}")
    assert response.status == 401
    assert "token" in tab.inner_text("body")
    tab.context.close()
