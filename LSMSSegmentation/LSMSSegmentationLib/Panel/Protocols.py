"""Named lists of prompts that are run in one go, such as "liver staging".

They are kept in this computer's settings, and can be carried over in a file.
"""

import json

_PROTOCOLS = "LSMSSegmentation/protocols"
_FORMAT = "lsms-protocols 1"


def protocols():
    """Return name -> prompts, sorted by name."""
    import qt

    return _checked(_parsed(str(qt.QSettings().value(_PROTOCOLS) or "")))


def saveProtocol(name, prompts):
    """Keep a list of prompts under a name; one of that name is replaced."""
    _write({**protocols(), name.strip(): list(prompts)})


def removeProtocol(name):
    _write({known: prompts for known, prompts in protocols().items() if known != name})


def exportProtocols(path):
    """Write all protocols to a file.

    Raises:
        OutputError: when it cannot be written.
    """
    from lsms_core.io.text_files import write_text

    content = {"format": _FORMAT, "protocols": protocols()}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def importProtocols(path):
    """Add the protocols of a file; those of the same name are replaced.

    Returns:
        Their names.

    Raises:
        InputError: when the file holds none.
    """
    from lsms_core.errors import InputError
    from lsms_core.io.text_files import read_json

    content = read_json(path)
    found = _checked(content.get("protocols")) if isinstance(content, dict) else {}
    if not found:
        raise InputError(f"{path} holds no protocols: choose a file that was saved from here.")
    _write({**protocols(), **found})
    return list(found)


def askName():
    """Ask for a protocol's name; returns "" when the reader cancels."""
    import qt
    import slicer
    from slicer.i18n import tr as _

    found = qt.QInputDialog.getText(
        slicer.util.mainWindow(), _("Keep as a protocol"), _("Name, such as liver staging:")
    )
    # PythonQt returns the text alone, other bindings also whether it was accepted.
    return (found[0] if isinstance(found, tuple) else found or "").strip()


def askFile(save):
    """Ask for a file of protocols; returns "" when the reader cancels."""
    import qt
    import slicer
    from slicer.i18n import tr as _

    ask = qt.QFileDialog.getSaveFileName if save else qt.QFileDialog.getOpenFileName
    found = ask(slicer.util.mainWindow(), _("Protocols"), "protocols.json", "JSON (*.json)")
    return found[0] if isinstance(found, tuple) else found


def _write(known):
    import qt

    qt.QSettings().setValue(_PROTOCOLS, json.dumps(known))


def _parsed(text):
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}


def _checked(values):
    """Return the entries that are named lists of texts."""
    if not isinstance(values, dict):
        return {}
    known = {}
    for name in sorted(values):
        prompts = values[name]
        if isinstance(prompts, list):
            texts = [p.strip() for p in prompts if isinstance(p, str) and p.strip()]
            if str(name).strip() and texts:
                known[str(name).strip()] = texts
    return known
