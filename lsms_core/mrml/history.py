"""The prompt history and the favourite prompts, kept in the scene."""

from __future__ import annotations

import json

from slicer import vtkMRMLScene, vtkMRMLScriptedModuleNode

from lsms_core.inference.texts import clean_text

_TAG = "LSMSPromptHistory"
_HISTORY = "history"
_FAVOURITES = "favourites"
LONGEST_HISTORY = 50


def history(scene: vtkMRMLScene) -> list[str]:
    """Return the prompts used in a scene, newest first."""
    return _read(scene, _HISTORY)


def favourites(scene: vtkMRMLScene) -> list[str]:
    """Return the scene's favourite prompts, in the order in which they were added."""
    return _read(scene, _FAVOURITES)


def remember(scene: vtkMRMLScene, prompt: str) -> list[str]:
    """Put a prompt first in the history, once, and return the history.

    Raises:
        InputError: for an empty text.
    """
    text = clean_text(prompt)
    others = [p for p in history(scene) if p.casefold() != text.casefold()]
    return _write(scene, _HISTORY, [text, *others][:LONGEST_HISTORY])


def set_favourite(scene: vtkMRMLScene, prompt: str, favourite: bool = True) -> list[str]:
    """Add a prompt to the favourites or take it out; return the favourites.

    Raises:
        InputError: for an empty text.
    """
    text = clean_text(prompt)
    kept = favourites(scene)
    known = [p for p in kept if p.casefold() == text.casefold()]
    if favourite and not known:
        kept.append(text)
    elif not favourite:
        kept = [p for p in kept if p not in known]
    return _write(scene, _FAVOURITES, kept)


def forget(scene: vtkMRMLScene) -> None:
    """Empty the history; favourites stay."""
    if history(scene):
        _write(scene, _HISTORY, [])


def _node(scene: vtkMRMLScene) -> vtkMRMLScriptedModuleNode | None:
    return scene.GetSingletonNode(_TAG, "vtkMRMLScriptedModuleNode")


def _read(scene: vtkMRMLScene, name: str) -> list[str]:
    node = _node(scene)
    text = node.GetParameter(name) if node is not None else ""
    try:
        values = json.loads(text) if text else []
    except json.JSONDecodeError:
        return []
    return [v for v in values if isinstance(v, str)] if isinstance(values, list) else []


def _write(scene: vtkMRMLScene, name: str, prompts: list[str]) -> list[str]:
    node = _node(scene)
    if node is None:
        node = vtkMRMLScriptedModuleNode()
        node.SetSingletonTag(_TAG)
        node.SetName("LSMS prompts")
        # Not the module's own name: its parameter node is found by that.
        node.SetModuleName(_TAG)
        node.SetHideFromEditors(True)
        node = scene.AddNode(node)
    # ASCII only: the scene file keeps the value in one XML attribute.
    node.SetParameter(name, json.dumps(prompts))
    return prompts
