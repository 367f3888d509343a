"""Recognises the lesions, the liver, its lobes and its segments in an existing segmentation.

By coded terminology first, then by names: those of 3D Slicer's terminology, of
TotalSegmentator (``liver``, ``liver_lesions``, ``liver_tumor``, ``liver_segment_1`` to ``_8``) and
plain ones. Needs numpy only, so that 3D Slicer uses it on its segments.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lsms_core.anatomy.liver_map import LEFT, RIGHT, LiverMap
from lsms_core.anatomy.regions import label_components

Role = Literal["lesion", "liver", "right lobe", "left lobe", "1", "2", "3", "4", "5", "6", "7", "8"]

# In a label map without names a structure larger than this, mL, is a liver, not a lesion.
_LIVER_ML = 300.0

_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
# "Segment_1" is the name that 3D Slicer gives to a new segment.
_SEGMENT = re.compile(
    r"\b(?:liver|hepatic|couinaud)(?: hepatic)? seg(?:ment)?s? ?"
    r"(viii|vii|vi|iv|iii|ii|i|v|[1-8])[ab]?\b"
    r"|\bseg(?:ment)? (viii|vii|vi|iv|iii|ii)[ab]?\b"
)
_LOBE = re.compile(r"\b(right|left)\b.*\b(?:lobe|hemiliver)\b|\bliver (right|left)\b")
_LESION = re.compile(
    r"\b(?:lesions?|tumou?rs?|metasta[a-z]+|mets?|mass(?:es)?|cysts?|nodules?|neoplasms?"
    r"|carcinomas?|hccs?|abscess(?:es)?|h[a]?emangiomas?|findings?|cancers?|targets?)\b"
)
_LIVER = re.compile(r"\b(?:whole |entire )?(?:liver|hepatic parenchyma|hepar)\b")
_OF_LIVER = re.compile(r"\b(?:liver|hepatic|hepato[a-z]+)\b")
_NOT_LIVER = re.compile(
    r"\b(?:vessels?|veins?|vena|arter[a-z]+|ducts?|hilum|ligament|spleen|fat)\b"
)
_OTHER_ORGAN = re.compile(
    r"\b(?:kidneys?|renal|lungs?|pulmonary|pancrea[a-z]+|colon[a-z]*|spleen|splenic|adrenal|bowel"
    r"|stomach|gastric|brain|bones?|vertebra[a-z]*|prostate|breast|lymph|nod(?:e|al)s?|bladder"
    r"|gallbladder|pleural|ovar[a-z]+|uter[a-z]+|esophag[a-z]+|oesophag[a-z]+|skin)\b"
)
_LIVER_CODES = {"10200004", "T-62000"}
_LESION_CODES = {
    "4147007", "52988006", "108369006", "86049000", "14799000", "367643001", "27925004",
    "44132006", "50960005", "6574001", "126851005", "94381002", "109841003", "49755003",
    "M-03000", "M-01000", "M-80003", "M-80006", "M-80000", "M-33400",
}  # fmt: skip
_SEGMENT_CODES: dict[str, Role] = {
    "71133005": "1", "277956007": "2", "277957003": "3", "277958008": "4",
    "277959000": "5", "277960005": "6", "277961009": "7", "277962002": "8",
}  # fmt: skip


@dataclass(frozen=True)
class NamedMask:
    """One outline of a segmentation, on the CT's grid.

    Attributes:
        name: as it stands in the file; "" where there is none.
        mask: (slices, rows, columns) bool.
        code: value of its coded type, such as "4147007"; "" where there is none.
        region: value of its coded anatomic region, likewise.
        value: its number in a label map; None elsewhere.
    """

    name: str
    mask: NDArray[np.bool_]
    code: str = ""
    region: str = ""
    value: int | None = None


@dataclass(frozen=True)
class Outlines:
    """The structures that were recognised in a segmentation.

    Attributes:
        lesions: (slices, rows, columns), lesions 1..n, the largest first; None where the
            segmentation holds none.
        liver: the liver as far as it is outlined, with the lesions; None without any.
        left_out: names of outlines that are something else.
    """

    lesions: NDArray[np.int32] | None
    liver: LiverMap | None
    left_out: tuple[str, ...] = ()


def role_of(name: str, code: str = "", region: str = "") -> Role | None:
    """Return what an outline is, None for something else.

    Example:
        >>> role_of("liver_segment_4"), role_of("kidney_cyst_left"), role_of("HCC")
        ('4', None, 'lesion')
    """
    if code in _SEGMENT_CODES:
        return _SEGMENT_CODES[code]
    if region and region not in _LIVER_CODES | _SEGMENT_CODES.keys():
        return None
    if _names_another_organ(name):
        return None
    words = _words(name)
    if code in _LESION_CODES or _LESION.search(words):
        return "lesion"
    if found := _SEGMENT.search(words):
        said = found.group(1) or found.group(2)
        return _ROMAN.get(said, said)  # type: ignore[return-value]
    if _NOT_LIVER.search(words):
        return None
    if found := _LOBE.search(words):
        if _OTHER_ORGAN.search(words):
            return None
        return "right lobe" if "right" in (found.group(1), found.group(2)) else "left lobe"
    return "liver" if code in _LIVER_CODES or _LIVER.search(words) else None


def _words(name: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.casefold()).split())


def _names_another_organ(name: str) -> bool:
    words = _words(name)
    return bool(_OTHER_ORGAN.search(words)) and not _OF_LIVER.search(words)


def recognise(
    masks: Sequence[NamedMask], voxel_ml: float, *, expected: Literal["lesions", "liver"]
) -> Outlines:
    """Sort outlines into lesions, liver, lobes and segments.

    Outlines with names or codes are taken by them. A label map without names is taken as LiTS has
    it (1 liver, 2 lesion) where its 1 is as large as a liver; as Couinaud's segments where it has
    1 to 8 and is as large as a liver; else as what is expected of it.

    Args:
        masks: all of one shape.
        voxel_ml: volume of a voxel.
        expected: what the segmentation was given as.
    """
    roles = [role_of(one.name, one.code, one.region) for one in masks]
    if not any(roles) and all(_unnamed(one) for one in masks):
        roles = _by_value(masks, voxel_ml, expected)
    if not any(roles) and len(masks) == 1 and not _names_another_organ(masks[0].name):
        # A single outline is what the option says that it is.
        roles = ["lesion" if expected == "lesions" else "liver"]
    left_out = tuple(m.name for m, role in zip(masks, roles, strict=True) if role is None)
    lesions = [m for m, role in zip(masks, roles, strict=True) if role == "lesion"]
    numbered = _number(lesions) if lesions else None
    return Outlines(numbered, _liver_of(masks, roles), left_out)


def recognisable(masks: Sequence[NamedMask]) -> list[NamedMask]:
    """Return the outlines that :func:`recognise` takes by name or code; all, where none is."""
    return [one for one in masks if role_of(one.name, one.code, one.region)] or list(masks)


def _unnamed(one: NamedMask) -> bool:
    words = re.sub(r"(?:segment|label)?[\s_-]*\d*", "", one.name.casefold())
    return not one.code and not words


def _by_value(
    masks: Sequence[NamedMask], voxel_ml: float, expected: Literal["lesions", "liver"]
) -> list[Role | None]:
    values = [one.value if one.value is not None else n for n, one in enumerate(masks, 1)]
    sizes = [float(np.count_nonzero(one.mask)) * voxel_ml for one in masks]
    if set(values) <= {1, 2} and 1 in values and sizes[values.index(1)] >= _LIVER_ML:
        # LiTS; as the liver, its lesions belong to it and are lesions, too.
        return ["liver" if value == 1 else "lesion" for value in values]
    if len(values) > 2 and set(values) <= set(range(1, 9)) and sum(sizes) >= _LIVER_ML:
        return [str(value) for value in values]  # type: ignore[misc]
    return ["lesion" if expected == "lesions" else "liver"] * len(masks)


def _number(lesions: Sequence[NamedMask]) -> NDArray[np.int32]:
    """Number the connected parts of each outline, the largest first."""
    labels = np.zeros(lesions[0].mask.shape, np.int32)
    count = 0
    for one in lesions:
        parts, more = label_components(one.mask)
        free = (parts > 0) & (labels == 0)
        labels[free] = parts[free] + count
        count += more
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    numbers = np.zeros(count + 1, np.int32)
    numbers[order + 1] = np.arange(1, count + 1)
    numbers[1:][sizes == 0] = 0
    return numbers[labels]


def _liver_of(masks: Sequence[NamedMask], roles: Sequence[Role | None]) -> LiverMap | None:
    shape = masks[0].mask.shape
    liver = np.zeros(shape, np.bool_)
    lobes, segments = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for one, role in zip(masks, roles, strict=True):
        if role is None or role == "lesion":
            continue
        liver |= one.mask
        if role == "right lobe":
            lobes[one.mask] = RIGHT
        elif role == "left lobe":
            lobes[one.mask] = LEFT
        elif role != "liver":
            segments[one.mask] = int(role)
    if not liver.any():
        return None
    for one, role in zip(masks, roles, strict=True):
        if role == "lesion":
            liver |= one.mask
    both = {RIGHT, LEFT} <= set(np.unique(lobes).tolist())
    return LiverMap(liver, lobes if both else None, segments if segments.any() else None)
