"""Earlier prompts and favourites: the scene's first, then this computer's."""

import json
from contextlib import contextmanager

_HISTORY = "LSMSSegmentation/promptHistory"
_FAVOURITES = "LSMSSegmentation/favouritePrompts"
_LONGEST = 50


def history():
    """Return earlier prompts, newest first, each once."""
    import slicer

    from lsms_core.mrml import history as sceneHistory

    return _unique([*sceneHistory.history(slicer.mrmlScene), *_read(_HISTORY)])


def favourites():
    """Return favourite prompts, each once."""
    import slicer

    from lsms_core.mrml import history as sceneHistory

    return _unique([*sceneHistory.favourites(slicer.mrmlScene), *_read(_FAVOURITES)])


def remember(prompt):
    """Put a prompt first in the history."""
    import slicer

    from lsms_core.mrml import history as sceneHistory

    sceneHistory.remember(slicer.mrmlScene, prompt)
    _write(_HISTORY, _unique([prompt, *_read(_HISTORY)])[:_LONGEST])


def isFavourite(prompt):
    """Whether a prompt is among the favourites."""
    return _folded(prompt) in {_folded(p) for p in favourites()}


def setFavourite(prompt, favourite):
    """Add a prompt to the favourites, or take it out."""
    import slicer

    from lsms_core.mrml import history as sceneHistory

    sceneHistory.set_favourite(slicer.mrmlScene, prompt, favourite)
    others = [p for p in _read(_FAVOURITES) if _folded(p) != _folded(prompt)]
    _write(_FAVOURITES, [*others, prompt] if favourite else others)


def clearHistory():
    """Forget earlier prompts, here and in the scene; favourites stay."""
    import slicer

    from lsms_core.mrml import history as sceneHistory

    sceneHistory.forget(slicer.mrmlScene)
    _write(_HISTORY, [])


@contextmanager
def kept():
    """Leave earlier prompts as they were, such as after a self-test.

    Those of this computer; the scene, which is the test's own, has none afterwards.
    """
    import slicer

    from lsms_core.mrml import history as sceneHistory

    before = _read(_HISTORY)
    try:
        yield
    finally:
        _write(_HISTORY, before)
        sceneHistory.forget(slicer.mrmlScene)


def _folded(prompt):
    return " ".join(prompt.casefold().split())


def _unique(prompts):
    first = {}
    for prompt in prompts:
        first.setdefault(_folded(prompt), prompt)
    return list(first.values())


def _read(key):
    import qt

    try:
        values = json.loads(str(qt.QSettings().value(key) or "[]"))
    except ValueError:
        return []
    return [v for v in values if isinstance(v, str)] if isinstance(values, list) else []


def _write(key, prompts):
    import qt

    qt.QSettings().setValue(key, json.dumps(prompts))
