"""Paraphrases mean their query, and training never sees one."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.measurements import SliceFindings
from lsms_core.language import other_words, vocabulary
from lsms_core.language.expression import named_by
from lsms_core.language.generator import ExpressionGenerator
from lsms_core.language.paraphrases import (
    ELSEWHERE,
    FILLERS,
    PARAPHRASES,
    UNRELATED,
)
from lsms_core.language.paraphrasing import STYLES, ParaphraseGenerator, fill
from lsms_core.language.query import Query
from Testing.core.measured import lesion

SIDES = {"left": {"left", "lt", "l", "links", "gauche"}, "right": {"right", "rt", "r", "rechts"}}
SIDES["right"].add("droit")


lesions = st.builds(
    lesion,
    number=st.just(0),
    side=st.sampled_from(["left", "right"]),
    mm=st.floats(4, 80),
    attenuation=st.sampled_from(["hypodense", "hyperdense", "cystic", None]),
    location=st.sampled_from(["subcapsular", "central", None]),
    margin=st.sampled_from(["well-defined", "ill-defined", None]),
    segments=st.sampled_from([("2",), ("8",), ("2", "3"), ("5", "8"), ("4", "5"), ()]),
)
slices = st.lists(lesions, max_size=4).map(
    lambda found: SliceFindings(
        tuple(
            replace(m, number=i + 1, centroid_ras=(0.0, -30.0 * i, 0.0))
            for i, m in enumerate(found)
        ),
        20000.0,
    )
)


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9{}]+", text.lower()))


@given(findings=slices, seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.5]))
def test_a_paraphrase_names_exactly_its_instances(findings, seed, share):
    expression = ParaphraseGenerator().sample(findings, np.random.default_rng(seed), share)
    assert expression.text.strip()
    assert "{" not in expression.text
    style, query = expression.facts["style"], expression.query
    assert style in (*STYLES, "elsewhere", "unrelated")
    if expression.kind in ("elsewhere", "unrelated"):
        assert expression.instances == ()
        assert query == Query()
        return
    assert named_by(findings.lesions, query) == expression.instances
    if expression.kind == "negated":
        assert query.nothing
        return
    assert (expression.kind == "no-target") == (expression.instances == ())
    # Typing mistakes may hit any word; the other styles say the side in so many words.
    if style != "misspelt":
        found = {s for s, words in SIDES.items() if words & set(plain(expression.text).split())}
        if style == "negation":
            assert found == {"left", "right"} - set(query.sides)
        elif "not" in expression.text:
            assert found == {"left", "right"}
        elif query.sides:
            assert found == set(query.sides)
        elif not query.segments:
            assert not found


@pytest.mark.parametrize("paraphrase", PARAPHRASES, ids=lambda p: p.template)
def test_a_template_says_what_its_query_asks(paraphrase):
    one = {
        "sides": ("left",),
        "attenuation": "cystic",
        "size_about_mm": 24.0,
        "count": 2,
    }
    two = {
        "sides": ("right",),
        "attenuation": "hypodense",
        "size_about_mm": 31.0,
        "count": 3,
    }
    assert not paraphrase.fields.keys() & paraphrase.says.keys()
    Query(**paraphrase.says)
    for entry, field in paraphrase.fields.items():
        first, second = one, two
        if entry == "segments":
            by_section = field == "sector"
            first = {**one, entry: ("2", "3") if by_section else ("8",)}
            second = {**two, entry: ("5", "8") if by_section else ("2",)}
        rng = np.random.default_rng(0)
        texts = {fill(paraphrase, Query(**{**first, entry: v[entry]}), rng)
                 for v in (first, second)}  # fmt: skip
        assert len(texts) == 2, f"{entry} changes nothing"


def test_sizes_and_segments_are_written_as_measured():
    texts = {p.template: p for p in PARAPHRASES}
    rng = np.random.default_rng(0)
    mass = texts["seg {roman} mass {cm}"]
    assert fill(mass, Query(segments=("8",), size_about_mm=24.0), rng) == "seg VIII mass 2.4 cm"
    spelt = texts["only the {cm} one"]
    assert fill(spelt, Query(size_about_mm=30.0), rng) == "only the 3 cm one"
    dictated = texts["A {cm} {dens} lesion is demonstrated within the {side} liver."]
    text = fill(dictated, Query(sides=("left",), attenuation="cystic", size_about_mm=80.0), rng)
    assert text.startswith("An 8 cm ")


def test_training_has_none_of_these_words():
    trained = {plain(w) for words in vocabulary.WORDS.values() for part in words for w in part}
    for group in (vocabulary.ORGAN, other_words.ELSEWHERE, other_words.UNRELATED):
        trained |= {plain(w) for w in group}
    own = [p.template for p in PARAPHRASES] + [*ELSEWHERE, *UNRELATED]
    # Single words of the field, such as "hypodense", belong to everybody.
    phrases = [w for by in FILLERS.values() for words in by.values() for w in words if " " in w]
    assert not {plain(w) for w in own + phrases} & trained
    assert len({plain(p.template) for p in PARAPHRASES}) >= len(PARAPHRASES) - 2


def test_denials_by_hand_are_none_that_training_can_write():
    words = {key: options[0] for key, options in vocabulary.WORDS.items()}
    trained = {
        plain(template.format(organ=organ, noun=noun))
        for template in words["healthy"]
        for organ in (*words["the left"], *words["the right"], *words["the liver"])
        for noun in words["lesion"]
    }
    denials = [p.template for p in PARAPHRASES if p.denies]
    assert len(denials) > 3
    filled = {
        plain(template.format(side=side, sd=side, dens="hypodense", roman="VI"))
        for template in denials
        for side in ("left", "right")
    }
    assert not filled & trained


def test_training_texts_are_no_paraphrases():
    rng = np.random.default_rng(1)
    slice_ = SliceFindings((lesion(1, segments=("2",)), lesion(2, "right", 45.0, "cystic")), 1.0)
    training, held = ExpressionGenerator(), ParaphraseGenerator()
    trained = {plain(training.sample(slice_, rng).text) for _ in range(1500)}
    asked = {plain(held.sample(slice_, rng).text) for _ in range(1500)}
    assert len(asked) > 200
    assert not trained & asked


def test_every_style_is_drawn_with_and_without_a_target():
    rng = np.random.default_rng(2)
    slice_ = SliceFindings(
        (
            lesion(1, segments=("2",)),
            lesion(2, "right", 45.0, "hyperdense", location="central", margin="ill-defined"),
            lesion(3, "right", 8.0, "cystic"),
        ),
        1.0,
    )
    one_sided = SliceFindings(slice_.lesions[:1], 1.0)
    drawn = [ParaphraseGenerator().sample(f, rng) for f in (slice_, one_sided) for _ in range(400)]
    for named in (True, False):
        styles = {e.facts["style"] for e in drawn if bool(e.instances) == named}
        assert set(STYLES) <= styles
    used = {entry for e in drawn if e.instances for entry in e.attributes}
    assert {
        "sides",
        "attenuation",
        "size_about_mm",
        "rank",
        "count",
        "location",
        "segments",
    } <= used


def test_mistyped_texts_have_a_mistake():
    rng = np.random.default_rng(3)
    slice_ = SliceFindings((lesion(1), lesion(2, "right", 45.0)), 1.0)
    generator = ParaphraseGenerator()
    drawn = [generator.sample(slice_, rng, 0.0) for _ in range(400)]
    mistyped = [e.text for e in drawn if e.facts["style"] == "misspelt"]
    words = {w for p in PARAPHRASES for w in plain(p.template).split()}
    words |= {
        w for by in FILLERS.values() for ws in by.values() for x in ws for w in plain(x).split()
    }
    strange = [t for t in mistyped if not {w for w in plain(t).split() if w.isalpha()} <= words]
    assert len(mistyped) > 20
    assert len(strange) > 0.8 * len(mistyped)


def test_a_side_alone_can_be_asked_for():
    rng = np.random.default_rng(4)
    generator = ParaphraseGenerator()
    for _ in range(40):
        singular = generator.write(Query(sides=("left",)), False, rng)
        assert "left" in singular.lower() or singular.startswith("L-")
        assert generator.write(Query(sides=("right",)), True, rng) != "the right one"
