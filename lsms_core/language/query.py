"""The meaning of a text: one type for writing, reading and selecting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lsms_core.anatomy.appearance import Margin, Shape, Texture
from lsms_core.anatomy.laterality import Side

Organ = Literal["liver", "other"]
Attenuation = Literal["hypodense", "hyperdense", "isodense", "cystic"]
Location = Literal["subcapsular", "central"]
Magnitude = Literal["large", "small"]
Rank = Literal[
    "largest",
    "smallest",
    "most anterior",
    "most posterior",
    "most superior",
    "most inferior",
]


@dataclass(frozen=True)
class Query:
    """The criteria of a text; every entry that is set narrows the answer.

    Attributes:
        organ: "liver", or "other" for a text about something else in the body.
        whole_organ: whether the liver or a lobe itself is meant, not a lesion in it.
        sides: the patient's lobes, "left" and "right"; () for any.
        segments: Couinaud's segments "1" to "8", any of them; a section is a set of segments.
        attenuation: against the liver around; "hypodense" includes cysts.
        size_min_mm: lower limit of the longest diameter in the plane of the slices, mm.
        size_max_mm: its upper limit.
        size_about_mm: its value, about.
        magnitude: a size in a word that sets no limit.
        rank: the first of those left, by diameter or by position in the patient.
        place: 2 for the second by rank, and so on.
        count: how many are meant: of a rank the first so many.
        excluded: whether the lesions that the rank names are left out ("all but the largest").
        location: at the liver's surface, or deep inside.
        shape: of the outline.
        margin: of the border.
        texture: how even it is.
        nothing: whether the text denies that there is anything.
        per_lobe: whether the rank is meant in each lobe ("the largest in each lobe").
        contradictory: whether the text asks for what cannot be, such as a lesion of the left lobe
            in the right one: no lesion fits.
    """

    organ: Organ = "liver"
    whole_organ: bool = False
    sides: tuple[Side, ...] = ()
    segments: tuple[str, ...] = ()
    attenuation: Attenuation | None = None
    size_min_mm: float | None = None
    size_max_mm: float | None = None
    size_about_mm: float | None = None
    magnitude: Magnitude | None = None
    rank: Rank | None = None
    place: int = 1
    count: int | None = None
    excluded: bool = False
    location: Location | None = None
    shape: Shape | None = None
    margin: Margin | None = None
    texture: Texture | None = None
    nothing: bool = False
    per_lobe: bool = False
    contradictory: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the entries for JSON."""
        values = asdict(self)
        values["sides"], values["segments"] = list(self.sides), list(self.segments)
        return values


@dataclass(frozen=True)
class Span:
    """The characters of a text from which an entry of the query was read.

    Attributes:
        name: the entry of the query, or "unread".
        start: index of its first character in the text as typed.
        end: index after its last one.
        value: what of the entry was read there, for an entry that lists several.
    """

    name: str
    start: int
    end: int
    value: str = ""


@dataclass(frozen=True)
class Reading:
    """The result of reading a text.

    Attributes:
        text: as typed.
        query: its meaning, as far as it was read.
        unread: the words or phrases of content that changed nothing, in lower case.
        understood: False where hardly any content word is known (gibberish, another topic,
            another language); such a text is answered with "not understood", never with a mask.
        spans: where in the text the entries of the query were read.
    """

    text: str
    query: Query = field(default_factory=Query)
    unread: tuple[str, ...] = ()
    understood: bool = True
    spans: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the reading for JSON, one flat object."""
        return {
            "text": self.text,
            "understood": self.understood,
            **self.query.to_dict(),
            "unread": list(self.unread),
        }
