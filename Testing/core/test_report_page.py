"""What a report says to people: the page, the plain text, and the target lesions it proposes."""

from __future__ import annotations

from lsms_core.anatomy.lesion import Lesion
from lsms_core.anatomy.target_lesions import target_lesions
from lsms_core.io.measurement_report import Algorithm, MeasuredAnswer, MeasurementReport
from lsms_core.io.report_page import html_page, plain_text

ALGORITHM = Algorithm("lsms-tiny", "1.2.3", "ab" * 32, "lsms")


def lesion(number=1, longest=20.0, **more) -> Lesion:
    ends = ((0.0, 0.0, 0.0), (longest, 0.0, 0.0))
    values = {
        "number": number, "plane": "axial", "longest_mm": longest, "perpendicular_mm": longest / 2,
        "longest_ends": ends, "perpendicular_ends": ends, "diameter_slice": 3, "area_mm2": 99.6,
        "volume_ml": 1.234, "mean_hu": 41.4, "sd_hu": 9.6, "slices": (2, 4),
        "centroid_ras": (float(number), 0.0, 0.0),
    }  # fmt: skip
    return Lesion(**(values | more))


def test_targets_are_two_of_ten_millimetres_or_more():
    found = [lesion(1, 12.0), lesion(2, 9.9), lesion(3, 40.0), lesion(4, 25.0)]
    targets = target_lesions(found, 3.0)
    assert [x.number for x in targets.lesions] == [3, 4]
    assert targets.sum_mm == 65.0
    assert target_lesions([lesion(1, 9.9)], 3.0).lesions == ()
    # Slices 8 mm apart measure nothing below 16 mm.
    assert target_lesions([lesion(1, 15.0), lesion(2, 16.0)], 8.0).sum_mm == 16.0
    assert target_lesions([lesion(1, plane="coronal")], 3.0).lesions == ()


def page_report():
    answers = (
        MeasuredAnswer(
            "<b>left</b> & small",
            "left lobe",
            (lesion(1, 20.0, sides=("left",), segments=("2", "3")),),
            1,
            ("not read: <small>",),
        ),
        MeasuredAnswer("cyst", "", ()),
    )
    return MeasurementReport(answers, ALGORITHM, 3.0, "a<b", "2026-01-02")


def test_the_page_says_everything_and_escapes_what_people_typed():
    page = html_page(page_report())
    assert "<b>" not in page.replace("&lt;b&gt;", "")
    assert "&lt;b&gt;left&lt;/b&gt; &amp; small" in page
    assert "not read: &lt;small&gt;" in page
    for said in ("left lobe, segment 2 or 3", "20.0", "1.23", "41", "2 to 4", "Nothing found.",
                 "a proposal by size alone", "ab" * 32, "not a medical device"):  # fmt: skip
        assert said in page
    assert "http" not in page


def test_plain_text_says_the_same():
    text = plain_text(page_report())
    assert (
        "1. 20.0 x 10.0 mm axial, 100 mm², 1.23 mL, 41 ± 10 HU, left lobe, segment 2 or 3" in text
    )
    assert "nothing found" in text
    assert "Sum of the longest axial diameters: 20.0 = 20.0 mm." in text


def test_a_volume_without_lesions_has_no_targets():
    report = MeasurementReport((MeasuredAnswer("cyst", "", ()),), ALGORITHM, 3.0)
    assert "No lesion of 10 mm or more" in plain_text(report)
