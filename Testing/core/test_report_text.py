"""A report's findings are cut into sentences, and only those about liver lesions are asked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.language.image_references import ImageReference, take_references
from lsms_core.language.query import Query, Reading
from lsms_core.language.report_sentences import findings_section, sentences
from lsms_core.language.report_text import read_report

REPORT = """EXAM: CT of the abdomen, portal venous phase
INDICATION: Colon cancer, surveillance.
COMPARISON: CT of last spring.

FINDINGS:
Lung bases: 4 mm nodule in the right lower lobe (series 4, image 12).
Liver: Enlarged, approx. 19.5 cm, with mild steatosis of the liver. There is a 4.1 x 3.2 cm
hypodense metastasis in segment 7 (series 3, image 45), previously 3.0 cm. A simple cyst in
segment 3 measures 1.2 cm on image 60. Segment 8: 9 mm hypodensity; segment II: 6 mm cyst.
The previously described lesion in segment 5 is no longer seen. No other focal lesion.
Spleen: Normal in size. 1 cm hypodense lesion.

Kidneys:
2 cm cyst at the upper pole.

- There is a 2 cm mass in segment 6 (3/47) and a 1 cm cyst in the left hepatic lobe (3/50).
- MRI is recommended to characterise the liver lesion.

IMPRESSION:
1. Progressive metastases in segment 7.
"""


def fake_read(text: str) -> Reading:
    """Understand everything; "no ..." denies."""
    return Reading(text, Query(nothing=bool(re.match(r"no\b", text, re.IGNORECASE))))


def asked(report: str) -> list[str]:
    return [s.text for s in read_report(report, fake_read) if not s.skipped]


def test_only_sentences_about_liver_lesions_are_asked():
    assert asked(REPORT) == [
        "There is a 4.1 x 3.2 cm hypodense metastasis in segment 7.",
        "A simple cyst in segment 3 measures 1.2 cm.",
        "Segment 8: 9 mm hypodensity",
        "segment II: 6 mm cyst.",
        "There is a 2 cm mass in segment 6",
        "a 1 cm cyst in the left hepatic lobe.",
    ]


def test_the_others_say_why_they_are_skipped():
    reasons = {s.source: s.skipped for s in read_report(REPORT, fake_read) if s.skipped}
    assert reasons == {
        "4 mm nodule in the right lower lobe (series 4, image 12).":
            "is about another organ (lung bases)",
        "Enlarged, approx. 19.5 cm, with mild steatosis of the liver.":
            "speaks of the liver, but of no focal lesion",
        "The previously described lesion in segment 5 is no longer seen.":
            "says that the lesion is gone",
        "No other focal lesion.": "says that there is none",
        "Normal in size.": "is about another organ (spleen)",
        "1 cm hypodense lesion.": "is about another organ (spleen)",
        "2 cm cyst at the upper pole.": "is about another organ (kidneys)",
        "MRI is recommended to characterise the liver lesion.": "is advice, not a finding",
    }  # fmt: skip


def test_image_numbers_go_with_their_sentence():
    where = {s.text: s.where for s in read_report(REPORT, fake_read)}
    assert where["There is a 4.1 x 3.2 cm hypodense metastasis in segment 7."] == ImageReference(
        (45,), 3
    )
    assert where["A simple cyst in segment 3 measures 1.2 cm."] == ImageReference((60,))
    assert where["There is a 2 cm mass in segment 6"] == ImageReference((47,), 3)
    assert where["Segment 8: 9 mm hypodensity"] == ImageReference()


@pytest.mark.parametrize(
    ("sentence", "text", "images", "series"),
    [
        ("Mass (series 3, image 45).", "Mass.", (45,), 3),
        ("Mass (se 3, im 45-47).", "Mass.", (45, 46, 47), 3),
        ("Mass on image 3:45.", "Mass.", (45,), 3),
        ("Mass (4/56).", "Mass.", (56,), 4),
        ("Mass (image 4/56).", "Mass.", (56,), 4),
        ("Mass, image 60/120, is round.", "Mass, is round.", (60,), None),
        ("Mass seen on image 60 of 120.", "Mass.", (60,), None),
        ("Mass (images 12, 14 and 15).", "Mass.", (12, 14, 15), None),
        ("Mass (images 3-145).", "Mass.", (145,), 3),
        ("Mass (Series/Image 3/45).", "Mass.", (45,), 3),
        ("Mass in series 5.", "Mass.", (), 5),
        ("Mass [3/45] in segment 4.", "Mass in segment 4.", (45,), 3),
        ("A 4.1 x 3.2 cm mass in segments 5/6.", "A 4.1 x 3.2 cm mass in segments 5/6.", (), None),
    ],
)
def test_forms_of_image_numbers(sentence, text, images, series):
    assert take_references(sentence) == (text, ImageReference(images, series))


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("A 2 cm lesion in segment 4, previously 3.1 cm.", "A 2 cm lesion in segment 4."),
        ("Segment 4 lesion of 2 cm (was 3 cm).", "Segment 4 lesion of 2 cm."),
        ("Liver lesion measures 21 mm compared to 30 x 20 mm before.",
         "Liver lesion measures 21 mm."),
        ("Liver lesion has grown from 8 mm to 12 mm.", "Liver lesion has grown to 12 mm."),
        ("Cysts ranging from 8 mm to 2 cm.", "Cysts ranging from 8 mm to 2 cm."),
        ("The liver lesion was 3 cm.", "The liver lesion was 3 cm."),
    ],
)  # fmt: skip
def test_an_earlier_size_is_not_the_size_of_today(sentence, text):
    assert asked(sentence) == [text]


def test_prose_keeps_the_organ_until_another_is_named():
    report = (
        "The gallbladder is normal. It holds no lesion but a 5 mm polypoid mass. "
        "In segment 4 of the liver there is a 2 cm lesion. Another lesion measures 8 mm."
    )
    assert asked(report) == [
        "In segment 4 of the liver there is a 2 cm lesion.",
        "Another lesion measures 8 mm.",
    ]


def test_which_part_of_the_report_is_read():
    assert findings_section("Liver: 1 cm cyst.") == "Liver: 1 cm cyst."
    assert findings_section("HISTORY: pain\nIMPRESSION: Cyst.\n").strip() == "Cyst."
    both = "FINDINGS: Cyst.\nIMPRESSION: Metastasis.\n"
    assert findings_section(both).strip() == "Cyst."
    assert findings_section("Cyst in segment 2.\nSigned by: nobody").strip() == "Cyst in segment 2."


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            "Liver: Areas of hyperdensity are seen within the lesion.\nIt enhances at its rim.",
            ["describes the lesion before it"] * 2,
        ),
        ("There is no other lesion of the liver.", ["says that there is none"]),
        ("No change of the 2 cm liver lesion.", [""]),
        ("Segment 7: 4 cm metastasis\nSegment 3: 1 cm cyst", ["", ""]),
        ("Post-ablation cavity in segment 6.", ["speaks of the liver, but of no focal lesion"]),
    ],
)
def test_how_real_reports_put_it(report, expected):
    assert [s.skipped for s in read_report(report, fake_read)] == expected


def test_the_reader_gives_each_sentence_its_meaning():
    from lsms_core.language.read import read

    meant = [s.reading.query for s in read_report(REPORT, read) if not s.skipped]
    assert [(q.segments, q.sides, q.size_about_mm) for q in meant] == [
        (("7",), (), 41.0),
        (("3",), (), 12.0),
        (("8",), (), 9.0),
        (("2",), (), 6.0),
        (("6",), (), 20.0),
        ((), ("left",), 10.0),
    ]
    assert [q.attenuation for q in meant[:2]] == ["hypodense", "cystic"]


def test_a_text_that_is_not_understood_is_skipped():
    (statement,) = read_report("A glorp lesion.", lambda text: Reading(text, understood=False))
    assert statement.skipped == "was not understood"


_WORDS = st.lists(
    st.sampled_from(["lesion", "4.1", "cm", "segment", "seg.", "approx.", "right", "lobe"]),
    max_size=8,
)


@given(st.lists(_WORDS, max_size=6), st.sampled_from([". ", ".\n", "\n- ", "; ", ".\n\n"]))
def test_cutting_loses_no_word(parts, joint):
    text = joint.join(" ".join(words) for words in parts)
    cut = " ".join(s.text for s in sentences(text))
    assert re.findall(r"[a-z0-9]+", cut) == re.findall(r"[a-z0-9]+", text)


@given(st.text(max_size=300))
def test_any_text_can_be_given(text):
    for statement in read_report(text, fake_read):
        assert statement.source.strip()
        assert statement.skipped or statement.text
