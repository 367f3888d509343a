"""Series and image numbers in the sentences of a report."""

from __future__ import annotations

import re
from dataclasses import dataclass

# "images 3-45" is images 3 to 45 only if somebody would list so many; else series 3, image 45.
_LONGEST_RUN = 20
# "image 4/56" is series 4, image 56; "image 60/120" is one of 120 images.
_HIGHEST_SERIES = 20

_SERIES = r"(?:series|ser\.?|se\.?)"
_IMAGE = r"(?:images?|img\.?|im\.?|slices?|sl\.?)"
_NUMBERS = r"(\d{1,4}(?:\s*(?:-|–|to|through|,|and|&)\s*\d{1,4})*)"
_JOIN = r"\s*[,;:/]?\s*"
_FORMS = (
    # series 3, image 45; se 3 im 45-47; series/image 3/45
    re.compile(rf"\b{_SERIES}\s*(?:#|no\.?)?\s*(\d{{1,4}}){_JOIN}{_IMAGE}\s*(?:#|no\.?)?\s*{_NUMBERS}",
               re.IGNORECASE),
    re.compile(rf"\b{_SERIES}\s*/\s*{_IMAGE}\s*(\d{{1,4}})\s*[/:-]\s*{_NUMBERS}", re.IGNORECASE),
    # image 3:45
    re.compile(rf"\b{_IMAGE}\s*(\d{{1,4}})\s*[:/]\s*{_NUMBERS}", re.IGNORECASE),
)  # fmt: skip
_OF_ALL = re.compile(rf"\b{_IMAGE}\s*(\d{{1,4}})\s*(of|/)\s*(\d{{2,4}})\b", re.IGNORECASE)
_IMAGE_ALONE = re.compile(rf"\b{_IMAGE}\s*(?:#|no\.?|number)?\s*{_NUMBERS}", re.IGNORECASE)
_SERIES_ALONE = re.compile(rf"\b{_SERIES}\s*(?:#|no\.?|number)?\s*(\d{{1,4}})\b", re.IGNORECASE)
# (3/45), as some dictation systems write series and image
_PAIR = re.compile(r"[(\[]\s*(\d{1,4})\s*[/:]\s*(\d{1,4})\s*[)\]]")
_EMPTY = re.compile(
    r"[(\[]\s*(?:(?:see|on|key|axial|coronal|e\.g\.|best seen(?: on)?|[,;:.])\s*)*[)\]]",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r",?\s*\b(?:(?:as |best )?(?:seen|shown|visible|noted)\s+)?(?:on|at|in|see)\s*(?=[,;.)]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ImageReference:
    """Where a sentence's finding is to be seen.

    Attributes:
        images: image numbers as the viewer shows them (DICOM InstanceNumber), ascending.
        series: the series' number, None where none is given.
    """

    images: tuple[int, ...] = ()
    series: int | None = None

    def __bool__(self) -> bool:
        return bool(self.images) or self.series is not None


def take_references(sentence: str) -> tuple[str, ImageReference]:
    """Return a sentence without its series and image numbers, and those numbers.

    Example:
        >>> take_references("4.1 cm metastasis in segment 7 (series 3, image 45).")
        ('4.1 cm metastasis in segment 7.', ImageReference(images=(45,), series=3))
    """
    images: set[int] = set()
    series: int | None = None

    def paired(match: re.Match[str]) -> str:
        nonlocal series
        series = int(match[1])
        images.update(_numbers(match[2])[1])
        return ""

    def of_all(match: re.Match[str]) -> str:
        image, count = int(match[1]), int(match[3])
        if image > count or (match[2] == "/" and image <= _HIGHEST_SERIES):
            return match[0]
        images.add(image)
        return ""

    def alone(match: re.Match[str]) -> str:
        nonlocal series
        pair, numbers = _numbers(match[1])
        series = pair if pair is not None else series
        images.update(numbers)
        return ""

    def only_series(match: re.Match[str]) -> str:
        nonlocal series
        series = int(match[1])
        return ""

    text = sentence
    for form in _FORMS[:2]:
        text = form.sub(paired, text)
    text = _OF_ALL.sub(of_all, text)
    text = _FORMS[2].sub(paired, text)
    text = _PAIR.sub(paired, text)
    text = _IMAGE_ALONE.sub(alone, text)
    text = _SERIES_ALONE.sub(only_series, text)
    reference = ImageReference(tuple(sorted(images)), series)
    return (_tidy(text) if reference else sentence), reference


def _numbers(text: str) -> tuple[int | None, set[int]]:
    """Read "45", "45, 47" and "45-48"; an implausible run is a series and an image."""
    run = re.fullmatch(r"(\d+)\s*(?:-|–|to|through)\s*(\d+)", text.strip())
    if run:
        first, last = int(run[1]), int(run[2])
        if first <= last <= first + _LONGEST_RUN:
            return None, set(range(first, last + 1))
        return first, {last}
    return None, {int(number) for number in re.findall(r"\d+", text)}


def _tidy(text: str) -> str:
    text = _EMPTY.sub("", text)
    text = _DANGLING.sub("", text)
    text = re.sub(r"[(\[]\s*[,;:]?\s*[)\]]", "", text)
    text = re.sub(r"\(\s*[,;]\s*", "(", text)
    text = re.sub(r"\s*[,;]\s*\)", ")", text)
    text = re.sub(r"\s+([.,;:)])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"[,;:]\s*(?=[.]|$)", "", text)
    return re.sub(r"\s{2,}", " ", text).strip()
