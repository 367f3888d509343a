"""A segment's number is read from the text itself: 5 is no 6."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.sections import SEGMENTS, section_with
from lsms_core.language.segments import stated_sections

ARABIC = {"II": "2", "III": "3", "IVa": "4a", "IVb": "4b", "V": "5", "VI": "6", "VII": "7"}
ARABIC["VIII"] = "8"
TEMPLATES = (
    "hypodense lesion in segment {}",
    "Segment {} lesion.",
    "seg {} mass 2 cm",
    "seg. {} cyst",
    "seg{}",
    "lesion in S{}",
    "s{} cyst",
    "{} segment nodule",
    "there is a mass in hepatic segment {}, 15 mm",
    "two lesions, segment {}",
)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("segment", [s for two in SEGMENTS.values() for s in two])
def test_each_segment_in_roman_and_arabic_numerals(template, segment):
    for written in (segment, ARABIC[segment], segment.lower()):
        assert stated_sections(template.format(written)) == (section_with(segment),), written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lesion in segments 5/8", ("right anterior",)),
        ("lesions in segments V and VI", ("right anterior", "right posterior")),
        ("segments II-III cyst", ("left lateral",)),
        ("segment 4 lesion", ("left medial",)),
        ("segment IV", ("left medial",)),
        ("segment 1 lesion", ()),
        ("segment I/II", ()),
        ("left lobe lesion", None),
        ("segment the lesion", None),
        ("segment 2 lesions in the left lobe", None),
        ("segment 3 hypodense cysts", None),
        ("segment 2 metastases", None),
        ("segment 2 cm lesion", None),
        ("segment 2.5 cm lesion", None),
        ("segment 25 mm lesion", None),
        ("left lateral segment", None),
        ("largest lesions 2 cm", None),
        ("it is 5 mm", None),
        ("", None),
    ],
)
def test_lists_and_what_is_no_segment(text, expected):
    assert stated_sections(text) == expected


@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    sections = stated_sections(text)
    assert sections is None or set(sections) <= set(SEGMENTS)
