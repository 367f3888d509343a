"""The network's evidence for the appearance of candidates, from a search to an answer.

The network is run for appearances only where a text names one. The evidence is then kept with the
candidates, and further texts are answered without the model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lsms_core.inference.answer import reading_of
from lsms_core.inference.candidates import CandidateSet
from lsms_core.language.query import Reading
from lsms_core.language.unmeasured import Look


def needs_looks(found: CandidateSet, text: str | Reading) -> bool:
    """Whether a text speaks of looks that the model was taught and has not been asked for."""
    return found.looks is None and bool(found.scores) and bool(_asked(found, text))


def heard(found: CandidateSet, reading: Reading) -> CandidateSet:
    """Return the candidates with the evidence for what a text asks for: the least of its looks."""
    asked = () if found.looks is None else _asked(found, reading)
    if not asked:
        return found

    def evidence(number: int) -> float | None:
        told = (found.looks or {}).get(number, {})
        return min((told[look] for look in asked if look in told), default=None)

    return found.changed(
        tuple(replace(one, evidence=evidence(one.number)) for one in found.lesions)
    )


def looking_like(cut: CandidateSet, before: CandidateSet) -> CandidateSet:
    """Return candidates with the looks of those of another cut that they overlap most."""
    if before.looks is None:
        return cut
    looks = {}
    for number, box in cut.boxes.items():
        others = np.bincount(before.labels[box][cut.labels[box] == number])[1:]
        if others.any():
            looks[number] = before.looks.get(int(others.argmax()) + 1, {})
    return cut.changed(looks=looks)


def _asked(found: CandidateSet, text: str | Reading) -> tuple[Look, ...]:
    if found.config.evidence is None:
        return ()
    return found.config.evidence.asked(reading_of(text))
