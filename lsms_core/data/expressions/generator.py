"""Draws expressions for the lesions of a slice, and some that name nothing in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from lsms_core.data.expressions.noise import add_noise
from lsms_core.data.expressions.query import Query, select
from lsms_core.data.expressions.vocabulary import ELSEWHERE, ORGAN, UNRELATED, WORDS
from lsms_core.data.measurements import SliceFindings

_SIZES_MM = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0)
_TRIES = 30

Split = Literal["train", "held-out"]


@dataclass(frozen=True)
class Expression:
    """A text and the lesions it names.

    Attributes:
        text: what is typed.
        instances: the lesions it names; () for none.
        kind: "generic", "attribute", "rank", "no-target", "elsewhere" or "unrelated".
        attributes: the query's entries that are set.
    """

    text: str
    instances: tuple[int, ...]
    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)


class ExpressionGenerator:
    """Writes expressions that hold for exactly the lesions they name.

    Args:
        split: "train", or "held-out" for words that training never uses.
        noise: share of texts with a typing mistake or another case.
    """

    def __init__(self, split: Split = "train", *, noise: float = 0.15) -> None:
        self._column = 0 if split == "train" else 1
        self._noise = noise

    def sample(
        self, findings: SliceFindings, rng: np.random.Generator, no_target_share: float = 0.25
    ) -> Expression:
        """Draw one expression for a slice."""
        if not findings.lesions or rng.random() < no_target_share:
            return self._no_target(findings, rng)
        for _ in range(_TRIES):
            query = self._query(rng)
            instances = select(findings, query)
            if instances:
                return self._express(query, instances, rng, no_target=False)
        query = Query()
        return self._express(query, select(findings, query) or (), rng, no_target=False)

    def generate(
        self, findings: SliceFindings, rng: np.random.Generator, count: int
    ) -> list[Expression]:
        """Draw up to ``count`` expressions with different texts."""
        found: dict[str, Expression] = {}
        for _ in range(_TRIES * count):
            if len(found) == count:
                break
            expression = self.sample(findings, rng)
            found.setdefault(expression.text, expression)
        return list(found.values())

    def write(self, query: Query, plural: bool, rng: np.random.Generator) -> str:
        """Put a query into words."""
        noun = self._word("lesions" if plural else "lesion", rng)
        before: list[str] = []
        place = ""
        if query.attenuation:
            before.append(self._word(query.attenuation, rng))
        if query.subcapsular is not None:
            before.append(self._word("subcapsular" if query.subcapsular else "central", rng))
        if query.side:
            if rng.random() < 0.5:
                place = self._word(f"in {query.side}", rng)
            else:
                before.append(self._word(query.side, rng))
        rng.shuffle(before)
        if query.rank:
            before.insert(0, self._word(query.rank, rng))
        words = [*before, noun]
        for limit, key in (
            (query.smaller_than_mm, "smaller than"),
            (query.larger_than_mm, "larger than"),
        ):
            if limit is not None:
                words += [self._word(key, rng), _millimetres(limit, rng)]
        phrase = " ".join(words)
        if not plural and not query.rank and rng.random() < 0.2:
            template = self._word("report", rng)
            article = "an" if phrase[0] in "aeiou" else "a"
            text = template.format(a=article, the="the", noun=phrase, place=place).strip()
            return add_noise(text, rng, self._noise)
        if plural and rng.random() < 0.5:
            phrase = f"{self._word('all', rng)} {phrase}"
        return add_noise(f"{phrase} {place}".strip(), rng, self._noise)

    def _word(self, key: str, rng: np.random.Generator) -> str:
        options = WORDS[key][self._column]
        return options[int(rng.integers(len(options)))]

    def _query(self, rng: np.random.Generator) -> Query:
        draw = rng.random(5)
        size = _SIZES_MM[int(rng.integers(len(_SIZES_MM)))]
        smaller = bool(rng.random() < 0.5)
        sized = draw[2] < 0.12
        attenuations: tuple[Literal["hypodense", "hyperdense", "cystic"], ...]
        attenuations = ("hypodense", "hypodense", "hypodense", "hyperdense", "cystic")
        ranks: tuple[Literal["largest", "smallest"], ...] = ("largest", "smallest")
        sides: tuple[Literal["left", "right"], ...] = ("left", "right")
        return Query(
            side=sides[int(rng.integers(2))] if draw[0] < 0.55 else None,
            attenuation=attenuations[int(rng.integers(5))] if draw[1] < 0.45 else None,
            smaller_than_mm=size if sized and smaller else None,
            larger_than_mm=size if sized and not smaller else None,
            subcapsular=bool(rng.random() < 0.7) if draw[3] < 0.08 else None,
            rank=ranks[int(rng.integers(2))] if draw[4] < 0.12 else None,
        )

    def _no_target(self, findings: SliceFindings, rng: np.random.Generator) -> Expression:
        draw = rng.random()
        if draw < 0.15:
            return Expression(UNRELATED[int(rng.integers(len(UNRELATED)))], (), "unrelated")
        if draw < 0.35:
            return Expression(ELSEWHERE[int(rng.integers(len(ELSEWHERE)))], (), "elsewhere")
        for _ in range(_TRIES):
            query = self._query(rng)
            if select(findings, query) == ():
                return self._express(query, (), rng, no_target=True)
        return Expression(ELSEWHERE[int(rng.integers(len(ELSEWHERE)))], (), "elsewhere")

    def _express(
        self,
        query: Query,
        instances: tuple[int, ...],
        rng: np.random.Generator,
        *,
        no_target: bool,
    ) -> Expression:
        # People type the singular for several, too, and mean all that fit.
        plural = rng.random() < (0.7 if len(instances) > 1 else 0.2 if no_target else 0.0)
        plural = plural and query.rank is None
        attributes = {k: v for k, v in asdict(query).items() if v is not None}
        kind = "rank" if query.rank else "attribute" if attributes else "generic"
        return Expression(
            self.write(query, plural, rng),
            instances,
            "no-target" if no_target else kind,
            attributes,
        )


def _millimetres(limit: float, rng: np.random.Generator) -> str:
    if rng.random() < 0.5 and limit >= 10:
        return f"{limit / 10:g} cm"
    return f"{limit:g} mm"


def organ_expression(rng: np.random.Generator) -> str:
    """Return a text that names the whole liver, for learning where it is."""
    return ORGAN[int(rng.integers(len(ORGAN)))]
