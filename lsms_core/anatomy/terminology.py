"""Coded terminology and a colour for a text, without torch and without Slicer.

Codes and meanings are those of DICOM PS3.16 (CID 7150 and its relatives; CID 244 for
laterality), in the two lists that Slicer ships as "... - DICOM master list". A code never
says more than the text does: a "cyst-like lesion" is no cyst, and a word that is not known
gives the general "Mass".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

TYPE_CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Code:
    """One coded concept.

    Attributes:
        value: its code.
        meaning: its name, as in the standard.
        scheme: "SCT" (SNOMED CT) or "DCM".
    """

    value: str
    meaning: str
    scheme: str = "SCT"

    @property
    def triplet(self) -> str:
        """Scheme, value and meaning as Slicer writes them."""
        return f"{self.scheme}^{self.value}^{self.meaning}"


@dataclass(frozen=True)
class Terminology:
    """What a segment is, where it is, and on which side.

    Attributes:
        category: such as "Morphologically Altered Structure".
        type: such as "Mass", or an organ.
        type_modifier: an organ's side, where ``type`` is a paired organ.
        region: the organ that holds a finding; None where ``type`` is the organ.
        region_modifier: the patient's side in it, as far as the text says.
        segments: the Couinaud segments that the text names.
    """

    category: Code
    type: Code
    type_modifier: Code | None = None
    region: Code | None = None
    region_modifier: Code | None = None
    segments: tuple[Code, ...] = ()

    @property
    def laterality(self) -> Code | None:
        """The side, wherever it is kept."""
        return self.type_modifier or self.region_modifier

    @property
    def slicer_entry(self) -> str:
        """The value of Slicer's segment tag ``TerminologyEntry``."""

        def triplet(code: Code | None) -> str:
            return "^^" if code is None else code.triplet

        parts = [
            TYPE_CONTEXT,
            triplet(self.category),
            triplet(self.type),
            triplet(self.type_modifier),
            REGION_CONTEXT,
            triplet(self.region),
            triplet(self.region_modifier),
        ]
        return "~".join(parts)


FINDING = Code("49755003", "Morphologically Altered Structure")
ANATOMY = Code("123037004", "Anatomical Structure")
MASS = Code("4147007", "Mass")
LIVER = Code("10200004", "Liver")
LEFT = Code("7771000", "Left")
RIGHT = Code("24028007", "Right")
BOTH_SIDES = Code("51440002", "Right and left")

# DICOM CID 7170.
COUINAUD: dict[str, Code] = {
    str(n): Code(value, f"Couinaud hepatic segment {roman}")
    for n, (value, roman) in enumerate(
        zip(
            ("71133005", "277956007", "277957003", "277958008", "277959000", "277960005",
             "277961009", "277962002"),
            ("I", "II", "III", "IV", "V", "VI", "VII", "VIII"),
            strict=True,
        ), start=1,
    )
}  # fmt: skip

# The most specific word decides, so that "cystic metastasis" is a metastasis.
_FINDINGS: tuple[tuple[str, Code], ...] = (
    (r"metasta\w+|mets|secondar(?:y|ies)", Code("14799000", "Neoplasm, Secondary")),
    (
        r"hccs?|hepatocellular carcinomas?|cholangiocarcinomas?|primary (?:tumou?rs?|neoplasms?)",
        Code("86049000", "Neoplasm, Primary"),
    ),
    (r"abscess(?:es)?", Code("44132006", "Abscess")),
    (r"ha?ematomas?|ha?emorrhages?", Code("50960005", "Hemorrhage")),
    (r"necros[ie]s|necrotic areas?", Code("6574001", "Necrosis")),
    (r"thromb(?:us|i)|blood clots?", Code("75753009", "Blood clot")),
    (r"tumou?rs?|neoplasms?|carcinomas?", Code("108369006", "Neoplasm")),
    (r"cysts?(?![\s-]?like)", Code("367643001", "Cyst")),
    (r"nodules?", Code("27925004", "Nodule")),
)
_ORGANS: tuple[tuple[str, Code], ...] = (
    (r"spleen|splenic", Code("78961009", "Spleen")),
    (r"kidneys?|renal", Code("64033007", "Kidney")),
    (r"pancreas|pancreatic", Code("15776009", "Pancreas")),
    (r"adrenals?|adrenal glands?|suprarenal", Code("23451007", "Adrenal gland")),
    (r"gall ?bladder", Code("28231008", "Gallbladder")),
    (r"stomach|gastric", Code("69695003", "Stomach")),
    (r"lungs?|pulmonary", Code("39607008", "Lung")),
    (r"aorta|aortic", Code("15825003", "Aorta")),
    (r"vertebral?|vertebrae|spine", Code("51282000", "Vertebra")),
    (r"liver|hepatic|hemiliver", LIVER),
)
_PAIRED = {"Kidney", "Adrenal gland", "Lung"}
# An organ by itself ("whole liver", "left kidney") is a structure, not a finding in it.
_ORGAN_ALONE = re.compile(
    r"(?:please |outline |segment |show )*(?:the )?(?:whole |entire |left |right |both )*"
    r"(?:spleen|kidneys?|pancreas|adrenal glands?|gall ?bladder|stomach|lungs?|aorta|liver"
    r"|liver parenchyma|hepatic parenchyma)"
)
_LEFT = re.compile(r"\b(?:left|lt|sinister)\b")
_RIGHT = re.compile(r"\b(?:right|rt|dexter)\b")
_BILATERAL = re.compile(
    r"\b(?:bilateral|bilobar|both (?:hepatic |liver )?(?:lobes|sides|kidneys))\b"
)
_NEGATED = re.compile(r"\b(?:not|no|without|except|excluding|outside)\b")
# Couinaud: segments II to IV belong to the left hemiliver, V to VIII to the right.
_SEGMENT = re.compile(r"\bseg(?:ment)?s?\.? ?(viii|vii|vi|v|iv|iii|ii|[2-8])[ab]?\b")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii")
_SEGMENT_RUN = re.compile(
    r"\bseg(?:ment)?s?\.? ?((?:(?:viii|vii|vi|iv|v|iii|ii|i|[1-8])[ab]?(?![a-z0-9])"
    r"(?:,? (?:and|or|&) |, ?| ?/ ?|-)?)+)"
)
_SEGMENTS_LEFT = {"ii", "iii", "iv", "2", "3", "4"}


def terminology_of(text: str, default_region: Code = LIVER) -> Terminology:
    """Return the codes for a text.

    Args:
        text: what was asked for.
        default_region: where a finding lies when the text names no organ.

    Example:
        >>> found = terminology_of("cyst in the left lobe")
        >>> found.type.meaning, found.region.meaning, found.region_modifier.meaning
        ('Cyst', 'Liver', 'Left')
    """
    words = " ".join(text.casefold().split())
    organ = _first(_ORGANS, words)
    side = laterality_of(words)
    if organ is not None and _ORGAN_ALONE.fullmatch(words.rstrip(".")):
        return Terminology(ANATOMY, organ, side if organ.meaning in _PAIRED else None)
    finding = _first(_FINDINGS, words) or MASS
    region = organ or default_region
    segments = segments_of(words) if region == LIVER else ()
    return Terminology(FINDING, finding, None, region, side, segments)


def segments_of(text: str) -> tuple[Code, ...]:
    """Return the Couinaud segments that a text names, none where it denies one."""
    words = text.casefold()
    if _NEGATED.search(words):
        return ()
    named: set[int] = set()
    for run in _SEGMENT_RUN.findall(words):
        for part in re.findall(r"viii|vii|vi|iv|v|iii|ii|i|[1-8]", run):
            named.add(int(part) if part.isdecimal() else _ROMAN.index(part) + 1)
    return tuple(COUINAUD[str(n)] for n in sorted(named))


def laterality_of(text: str) -> Code | None:
    """Return the patient's side that a text names, None where it names none clearly."""
    words = text.casefold()
    if _NEGATED.search(words):
        return None
    if _BILATERAL.search(words):
        return BOTH_SIDES
    segments = set(_SEGMENT.findall(words))
    left = bool(_LEFT.search(words)) or bool(segments & _SEGMENTS_LEFT)
    right = bool(_RIGHT.search(words)) or bool(segments - _SEGMENTS_LEFT)
    if left and right:
        return BOTH_SIDES
    return LEFT if left else RIGHT if right else None


def _first(table: tuple[tuple[str, Code], ...], words: str) -> Code | None:
    for pattern, code in table:
        if re.search(rf"\b(?:{pattern})\b", words):
            return code
    return None


# Bright enough on the grey of a CT and told apart by colour-blind eyes in most pairs.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (255, 150, 30),
    (80, 180, 255),
    (255, 220, 60),
    (235, 90, 160),
    (90, 225, 200),
    (250, 100, 80),
    (170, 140, 255),
    (170, 230, 70),
    (255, 170, 200),
    (110, 150, 235),
    (225, 180, 120),
    (200, 110, 220),
)


def colour_of(text: str) -> tuple[int, int, int]:
    """Return the colour of a text (red, green, blue, 0 to 255): the same on every machine."""
    return PALETTE[_place(text)]


def colours_of(texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return a colour for each text, different ones as long as the palette lasts."""
    used: set[int] = set()
    colours = []
    for text in texts:
        index = _place(text)
        if len(used) < len(PALETTE):
            while index in used:
                index = (index + 1) % len(PALETTE)
        used.add(index)
        colours.append(PALETTE[index])
    return colours


def _place(text: str) -> int:
    return zlib.crc32(" ".join(text.casefold().split()).encode()) % len(PALETTE)
