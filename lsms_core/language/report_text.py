"""Extracts the statements on focal liver lesions from a radiology report, sentence by sentence.

The report stays in memory: nothing here writes, logs or sends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lsms_core.language.image_references import ImageReference, take_references
from lsms_core.language.query import Reading
from lsms_core.language.report_sentences import (
    LIVER,
    OTHER_ORGANS,
    Sentence,
    findings_section,
    sentences,
)

_LESION = re.compile(
    r"\b(?:lesions?|mass(?:es)?|nodules?|nodularity|cysts?|metasta\w+|mets|h?a?emangiomas?|"
    r"haemangiomas?|hccs?|hepatocellular carcinomas?|cholangiocarcinomas?|abscess(?:es)?|"
    r"adenomas?|fnhs?|focal nodular hyperplasias?|tumou?rs?|neoplasms?|carcinomas?|deposits?|"
    r"malignanc(?:y|ies)|foc(?:us|i)|hypodensit(?:y|ies)|hyperdensit(?:y|ies)|lucenc(?:y|ies)|"
    r"(?:hypo|hyper|iso)(?:dense|attenuating|attenuation|vascular) (?:area|region|structure)s?|"
    r"areas? of (?:\w+ ){0,2}(?:attenuation|density|enhancement|hypoattenuation)|"
    r"(?:low|high|decreased|increased)[ -](?:attenuation|density) (?:area|region|structure)s?)\b",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\b(?:the |an? )?(?:(?:second |third |next )?(?:largest|smallest|biggest|dominant)|"
    r"another(?: one)?|a (?:second|third|further)(?: one)?|others?)\b",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"\b(?:no longer (?:\w+ ){0,2}(?:seen|visible|identified|present|appreciated|evident|"
    r"measurable)|ha(?:s|ve) (?:\w+ )?(?:resolved|disappeared|vanished)|"
    r"(?:complete|interval) resolution)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\s*(?:there (?:is|are) )?(?:no|without)\b(?!\s+(?:change|interval|significant change))",
    re.IGNORECASE,
)
# What a sentence says of the lesion before it is no lesion of its own.
_DESCRIPTION = re.compile(
    r"^(?:it|they|this|these|both)\b|\bwith(?:in)? the (?:same )?(?:lesions?|mass(?:es)?|nodules?|"
    r"tumou?rs?)\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"\b(?:recommend\w*|advised?|suggest (?:an? )?(?:mri?|biopsy|follow|correlation)|"
    r"follow[- ]?up (?:mri?|ct|imaging|is|in|with)|correlat(?:e|ion) with|"
    r"should be considered|consider (?:an? )?(?:mri?|biopsy|follow))\b",
    re.IGNORECASE,
)
_SIZE = r"\d+(?:[.,]\d+)?(?:\s*(?:x|×|by)\s*\d+(?:[.,]\d+)?)*\s*(?:cm|mm)"
# What a lesion measured on an earlier study must not be taken for its size today.
_EARLIER = re.compile(
    rf"[,;]?\s*[(\[]?\s*\b(?:(?:as )?compared (?:to|with)|previously|formerly|prior(?:ly)?|"
    rf"versus|vs\.?|(?<=[(,] )was|(?<=[(,])was|(?<=grown )from|(?<=creased )from|(?<=shrunk )from)"
    rf"(?: (?:measuring|measured|about|approximately))*\s+"
    rf"{_SIZE}(?:\s+(?:previously|before|earlier|on (?:the )?prior(?: \w+)?))?[)\]]?",
    re.IGNORECASE,
)
_UNCHANGED = re.compile(r"^no (?:significant |interval )*change (?:of|in|to) ", re.IGNORECASE)
_SIZE_OR_PLACE = re.compile(rf"{_SIZE}|\bseg|\blobe|\bcaudate|\bdome", re.IGNORECASE)
_SECOND = re.compile(
    r",?\s+(?:and|as well as|with)\s+(?=(?:an?|another|one|two|three|multiple|several|further)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """One sentence of the findings, with its reading.

    Attributes:
        source: the sentence as written.
        text: what is asked of the CT: the sentence without image numbers and earlier sizes.
        reading: its meaning.
        where: the images that it refers to.
        skipped: why it is not answered; "" for one about focal liver lesions.
    """

    source: str
    text: str
    reading: Reading
    where: ImageReference = field(default_factory=ImageReference)
    skipped: str = ""


def read_report(report: str, read: Callable[[str], Reading]) -> list[Statement]:
    """Return what the findings of a report say, in their order.

    Args:
        report: the whole report, or its findings alone.
        read: gives a text its meaning, :func:`lsms_core.language.read.read`.

    Returns:
        One statement a sentence; where a sentence names two lesions, one for each.
    """
    found = []
    organ = ""  # what the sentence before spoke of, "" for the liver or nothing yet
    for sentence in sentences(findings_section(report)):
        named = _organ(sentence)
        organ = organ if named is None else named
        for part in _parts(sentence.text):
            asked, where = take_references(_EARLIER.sub("", part))
            asked = _UNCHANGED.sub("", asked.strip())
            reading = read(asked)
            reason = _reason(part, reading, organ)
            found.append(Statement(part, asked, reading, where, reason))
    return found


def _organ(sentence: Sentence) -> str | None:
    """Return the organ that a sentence is about, "" for the liver, None where none is named."""
    if LIVER.search(sentence.text):
        return ""
    other = OTHER_ORGANS.search(sentence.text)
    if other:
        return other[0].lower()
    if LIVER.search(sentence.heading):
        return ""
    return sentence.heading.lower() or None


def _reason(sentence: str, reading: Reading, organ: str) -> str:
    """Say why a sentence gives no answer; "" where it does."""
    query = reading.query
    lesion = _LESION.search(sentence) or _BACK.search(sentence)
    liver = LIVER.search(sentence)
    if _GONE.search(sentence):
        return "says that the lesion is gone"
    if organ and not liver:
        return f"is about another organ ({organ})"
    if query.nothing or (lesion and _DENIAL.match(sentence)):
        return "says that there is none"
    if lesion and _ADVICE.search(sentence):
        return "is advice, not a finding"
    if _DESCRIPTION.search(sentence):
        return "describes the lesion before it"
    if query.organ == "other":
        return "is about another organ"
    if not lesion:
        return "speaks of the liver, but of no focal lesion" if liver else "names no lesion"
    return "" if reading.understood else "was not understood"


def _parts(sentence: str) -> list[str]:
    """Cut "a 4 cm metastasis in segment 7 and a 1 cm cyst in segment 3" into its two lesions."""
    parts = [sentence]
    for match in _SECOND.finditer(sentence):
        start = len(sentence) - len(parts[-1])
        if match.start() < start:
            continue
        halves = sentence[start : match.start()], sentence[match.end() :]
        if all(_LESION.search(h) and _SIZE_OR_PLACE.search(h) for h in halves):
            parts[-1:] = halves
    return [part.strip(" ,") for part in parts]
