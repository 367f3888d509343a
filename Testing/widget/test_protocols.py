"""Named lists of prompts: kept, carried over in a file, run in one go."""

from __future__ import annotations

import pytest

from lsms_core.errors import InputError

STAGING = ["all lesions", "largest lesion in the right lobe"]


@pytest.fixture
def protocols(panel):
    from LSMSSegmentationLib.Panel import Protocols

    return Protocols


def entries(panel):
    line = panel.panel.promptLine
    line._fillMenu()
    return {action.text: action for action in line._menu.actions()}


def test_a_protocol_is_one_entry_of_the_menu(panel, protocols):
    protocols.saveProtocol("liver staging", STAGING)
    entries(panel)["liver staging"].trigger()
    assert panel.ui.promptLineEdit.text == "; ".join(STAGING)


def test_what_stands_in_the_line_is_kept_under_a_name(panel, protocols, monkeypatch):
    monkeypatch.setattr(protocols, "askName", lambda: "follow-up")
    panel.ui.promptLineEdit.text = "largest lesion; ; smallest lesion"
    entries(panel)["Keep these prompts as a protocol…"].trigger()
    assert protocols.protocols() == {"follow-up": ["largest lesion", "smallest lesion"]}
    monkeypatch.setattr(protocols, "askName", lambda: "")
    entries(panel)["Keep these prompts as a protocol…"].trigger()
    assert list(protocols.protocols()) == ["follow-up"]
    assert panel.status == "Kept as the protocol “follow-up”."
    removal = entries(panel)["Remove a protocol"].menu()
    removal.actions()[0].trigger()
    assert protocols.protocols() == {}
    assert panel.status == "The protocol “follow-up” was removed."
    assert "Remove a protocol" not in entries(panel)


def test_protocols_travel_in_a_file(panel, protocols, tmp_path, monkeypatch):
    protocols.saveProtocol("liver staging", STAGING)
    path = tmp_path / "protocols.json"
    monkeypatch.setattr(protocols, "askFile", lambda save: str(path))
    entries(panel)["Save protocols to a file…"].trigger()
    assert panel.status == "The protocols were saved."
    protocols.removeProtocol("liver staging")
    entries(panel)["Load protocols from a file…"].trigger()
    assert protocols.protocols() == {"liver staging": STAGING}
    assert panel.status == "Protocols loaded: liver staging."
    path.write_text("{}", "utf-8")
    entries(panel)["Load protocols from a file…"].trigger()
    assert "holds no protocols" in panel.status


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"protocols": {"a": "b", "": ["c"], "d": []}}', "{broken"]
)
def test_a_file_without_protocols_is_refused(panel, protocols, tmp_path, content):
    protocols.saveProtocol("mine", STAGING)
    path = tmp_path / "protocols.json"
    path.write_text(content, "utf-8")
    with pytest.raises(InputError):
        protocols.importProtocols(path)
    assert protocols.protocols() == {"mine": STAGING}


def test_a_long_prompt_is_short_in_the_menu_and_whole_in_the_line(panel, volume):
    from LSMSSegmentationLib import PromptHistory

    long = "hypodense lesion in segment 4, " + "which was seen before, " * 6
    PromptHistory.remember(long)
    (entry,) = [text for text in entries(panel) if text.endswith("…") and "segment 4" in text]
    assert len(entry) == 60
    entries(panel)[entry].trigger()
    assert panel.ui.promptLineEdit.text == PromptHistory.history()[0]
