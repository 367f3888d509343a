"""Words for appearances that are not measured, and that a network may have learnt.

The reader lists these words as not read. The evidence of LSMS for them (its map for the text
compared with its map for "lesion") is shown beside each lesion, see
:mod:`lsms_core.inference.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from lsms_core.anatomy.lesion import Lesion
from lsms_core.language.query import Reading
from lsms_core.language.select import Selection, Verdict

Look = Literal["rim", "necrotic"]
LOOKS: tuple[Look, ...] = get_args(Look)

# The note of an answer for which the network was asked about an appearance.
TAUGHT = (
    "The appearance was judged by the network LSMS, which learnt it from synthetic lesions: "
    "check it yourself."
)
# Evidence under this value is given as a doubt.
LIKELY = 0.5

# The text with which every appearance is compared.
PLAIN = "lesion"


@dataclass(frozen=True)
class LookWords:
    """The wordings for one appearance.

    Attributes:
        asked: the text that the network is given.
        taught: texts of training; "{n}" is a word for a lesion.
        kept_back: texts that training never sees, for the evaluation.
        stems: an unread phrase that holds one of these speaks of the look.
    """

    asked: str
    taught: tuple[str, ...]
    kept_back: tuple[str, ...]
    stems: tuple[str, ...]


WORDS: dict[Look, LookWords] = {
    "rim": LookWords(
        "rim-enhancing lesion",
        (
            "rim-enhancing {n}", "ring-enhancing {n}", "{n} with rim enhancement",
            "{n} with a bright rim", "rim enhancing liver {n}", "{n} with peripheral enhancement",
            "hypodense {n} with an enhancing rim", "the {n} with the bright border",
        ),
        ("peripherally enhancing {n}", "{n} with ring enhancement", "{n} with a hyperdense rim"),
        ("rim", "ring enhanc", "ring-enhanc", "peripheral enhanc", "peripherally enhanc",
         "peripheral hyperenhanc"),
    ),
    "necrotic": LookWords(
        "necrotic lesion",
        (
            "necrotic {n}", "centrally necrotic {n}", "{n} with central necrosis",
            "{n} with a necrotic centre", "necrotic liver {n}", "{n} with a darker centre",
            "hypodense {n} with necrosis", "{n} with central hypodensity",
        ),
        ("{n} with a necrotic core", "partly necrotic {n}", "{n} with a hypodense center"),
        ("necro", "hypodense cent", "darker cent", "central hypodens", "central hypoatten"),
    ),
}  # fmt: skip

NOUNS = ("lesion", "lesions", "mass", "nodule", "metastasis", "tumour", "focus")


def looks_in(unread: Iterable[str]) -> tuple[Look, ...]:
    """Return the looks that unread phrases of a text speak of.

    Example:
        >>> looks_in(["ring enhancing", "calcified"])
        ('rim',)
    """
    phrases = [phrase.lower() for phrase in unread]
    return tuple(look for look in LOOKS if any(s in p for p in phrases for s in WORDS[look].stems))


def doubted_by_looks(found: Selection, lesions: Sequence[Lesion], reading: Reading) -> Selection:
    """Return a selection in which lesions that hardly show the look are in doubt.

    Args:
        found: what the measurements decide.
        lesions: with the evidence for the looks, where it was asked for.
        reading: of the text.
    """
    evidence = {one.number: one.evidence for one in lesions if one.evidence is not None}
    if not evidence:
        return found
    looks = looks_in(reading.unread)
    wanted = WORDS[looks[0]].asked.removesuffix(f" {PLAIN}") if len(looks) == 1 else "as asked"

    def doubted(verdict: Verdict) -> Verdict:
        likely = evidence.get(verdict.number)
        if not verdict.kept or likely is None or likely >= LIKELY:
            return verdict
        doubt = f"hardly looks {wanted} ({likely:.0%})"
        return Verdict(verdict.number, "doubtful", (*verdict.reasons, doubt))

    return replace(found, verdicts=tuple(doubted(verdict) for verdict in found.verdicts))
