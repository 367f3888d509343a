"""Prompts are remembered in the scene and offered again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.errors import InputError
from lsms_core.mrml.completions import PROMPTS, completions
from lsms_core.mrml.history import (
    LONGEST_HISTORY,
    favourites,
    forget,
    history,
    remember,
    set_favourite,
)


def test_newest_first_and_each_once(world):
    assert history(world.scene) == []
    for prompt in ("left lobe lesion", "cyst", "  Left  lobe\nlesion "):
        remember(world.scene, prompt)
    assert history(world.scene) == ["Left lobe lesion", "cyst"]


def test_the_history_has_an_end(world):
    for number in range(LONGEST_HISTORY + 10):
        remember(world.scene, f"lesion {number}")
    kept = history(world.scene)
    assert len(kept) == LONGEST_HISTORY
    assert kept[0] == f"lesion {LONGEST_HISTORY + 9}"


def test_favourites_come_and_go(world):
    set_favourite(world.scene, "cyst")
    set_favourite(world.scene, "all lesions")
    set_favourite(world.scene, "Cyst")
    assert favourites(world.scene) == ["cyst", "all lesions"]
    remember(world.scene, "liver")
    forget(world.scene)
    assert history(world.scene) == []
    assert set_favourite(world.scene, "CYST", False) == ["all lesions"]
    assert favourites(world.scene) == ["all lesions"]


def test_reading_makes_no_node(world):
    count = world.scene.GetNumberOfNodes()
    history(world.scene), favourites(world.scene), forget(world.scene)
    assert world.scene.GetNumberOfNodes() == count


def test_no_text_is_refused(world):
    for text in ("", "   ", "?!"):
        with pytest.raises(InputError):
            remember(world.scene, text)


def test_a_damaged_history_is_an_empty_one(world):
    remember(world.scene, "cyst")
    node = world.scene.GetSingletonNode("LSMSPromptHistory", "vtkMRMLScriptedModuleNode")
    for broken in ("[", "{}", "7"):
        node.SetParameter("history", broken)
        assert history(world.scene) == []
    node.SetParameter("history", '["cyst", 4]')
    assert history(world.scene) == ["cyst"]


def test_what_was_typed_is_completed():
    assert completions("left lobe hypo")[0] == "left lobe hypodense lesion"
    assert completions("LEFT  lobe hypo")[0] == "left lobe hypodense lesion"
    # Words in any order, as far as they are typed.
    assert "largest lesion in the right lobe" in completions("right larg")
    assert completions("zebra") == []
    assert completions("")[: len(PROMPTS)] == list(PROMPTS[:12])


def test_favourites_and_history_come_first():
    found = completions("les", ["lesion in segment 4"], ["lesion beside the gallbladder"])
    assert found[:2] == ["lesion in segment 4", "lesion beside the gallbladder"]
    assert "all lesions" in found
    assert completions("all les", ["All lesions"], ["all lesions"])[0] == "All lesions"


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=20), max_size=4))
def test_completions_hold_what_was_typed_once_each(typed, used):
    found = completions(typed, history=used)
    assert len(found) <= 12
    folded = [" ".join(f.casefold().split()) for f in found]
    assert len(set(folded)) == len(folded)
    for text in folded:
        assert all(
            any(w.startswith(t) for w in text.split()) for t in typed.casefold().split()
        ) or (text.startswith(" ".join(typed.casefold().split())))


def test_the_vocabulary_is_short_and_clean():
    from lsms_core.inference.texts import clean_text

    assert len(set(PROMPTS)) == len(PROMPTS) < 60
    assert all(clean_text(p) == p for p in PROMPTS)
