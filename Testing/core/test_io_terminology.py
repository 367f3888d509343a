"""Codes say what the text says, and never more."""

from __future__ import annotations

import pytest

from lsms_core.anatomy.terminology import (
    ANATOMY,
    FINDING,
    PALETTE,
    colour_of,
    colours_of,
    laterality_of,
    terminology_of,
)


@pytest.mark.parametrize(
    ("text", "finding", "region", "side"),
    [
        ("left lobe hypodense lesion", "Mass", "Liver", "Left"),
        ("Cyst in the RIGHT lobe", "Cyst", "Liver", "Right"),
        ("segment VII cyst-like focus", "Mass", "Liver", "Right"),
        ("cystic lesion in segment 2", "Mass", "Liver", "Left"),
        ("largest lesion", "Mass", "Liver", None),
        ("mets", "Neoplasm, Secondary", "Liver", None),
        ("cystic metastasis, lt lobe", "Neoplasm, Secondary", "Liver", "Left"),
        ("dominant liver tumour", "Neoplasm", "Liver", None),
        ("HCC", "Neoplasm, Primary", "Liver", None),
        ("subcapsular nodule < 1 cm", "Nodule", "Liver", None),
        ("renal cyst", "Cyst", "Kidney", None),
        ("splenic lesion", "Mass", "Spleen", None),
        ("lesions in both lobes", "Mass", "Liver", "Right and left"),
        ("both lesions in the right lobe", "Mass", "Liver", "Right"),
        ("lesion not in the left lobe", "Mass", "Liver", None),
        ("bright lesion", "Mass", "Liver", None),
    ],
)
def test_a_finding_its_organ_and_side(text, finding, region, side):
    entry = terminology_of(text)
    assert entry.category == FINDING
    assert entry.type.meaning == finding
    assert entry.region is not None
    assert entry.region.meaning == region
    assert (entry.laterality.meaning if entry.laterality else None) == side


def test_an_organ_alone_is_a_structure():
    entry = terminology_of("the left kidney")
    assert entry.category == ANATOMY
    assert (entry.type.meaning, entry.region) == ("Kidney", None)
    assert entry.type_modifier is not None
    assert entry.type_modifier.meaning == "Left"
    assert terminology_of("whole liver").type.meaning == "Liver"


def test_the_entry_as_slicer_writes_it():
    assert terminology_of("left lobe lesion").slicer_entry == (
        "Segmentation category and type - DICOM master list"
        "~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^"
        "~Anatomic codes - DICOM master list~SCT^10200004^Liver~SCT^7771000^Left"
    )


def test_segments_on_both_sides_are_both():
    side = laterality_of("segments iv and viii, seg 4 and seg 8")
    assert side is not None
    assert side.meaning == "Right and left"


def test_colours_are_stable_and_differ_within_one_result():
    assert colour_of("Left lobe  lesion") == colour_of("left lobe lesion")
    texts = [f"lesion {n}" for n in range(len(PALETTE))]
    assert len(set(colours_of(texts))) == len(PALETTE)
    assert len(colours_of(texts * 2)) == 2 * len(PALETTE)
    assert colours_of(["all lesions"]) == [colour_of("all lesions")]
