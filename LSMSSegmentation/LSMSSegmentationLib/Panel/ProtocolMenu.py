"""What the menu beside the prompt offers of protocols: choose, keep, remove, carry over."""

import qt
from slicer.i18n import tr as _

from lsms_core.session.run_request import splitPrompts
from LSMSSegmentationLib.Panel import Protocols
from LSMSSegmentationLib.Panel.StatusLine import attempt


class ProtocolMenu:
    """Adds the protocols to a menu, and does what its entries say.

    Args:
        setPrompt: called with the prompts of the protocol that is chosen.
        say: called with (kind, text) for the status line.
    """

    def __init__(self, setPrompt, say):
        self._setPrompt, self._say = setPrompt, say

    def fill(self, menu, prompt):
        """Add the entries; ``prompt`` is what stands in the line now."""
        known = Protocols.protocols()
        if known:
            menuHeading(menu, _("Protocols"))
        for name, prompts in known.items():
            menuAction(menu, shown(name), lambda p=prompts: self._setPrompt("; ".join(p)))
        menu.addSeparator()
        if prompt.strip():
            text = _("Keep these prompts as a protocol…")
            menuAction(menu, text, lambda: self._keep(prompt))
        menuAction(menu, _("Load protocols from a file…"), self._load)
        if known:
            menuAction(menu, _("Save protocols to a file…"), self._save)
            self._addRemoval(menu, known)

    def _addRemoval(self, menu, known):
        removal = qt.QMenu(_("Remove a protocol"), menu)
        for name in known:
            menuAction(removal, shown(name), lambda n=name: self._remove(n))
        menu.addMenu(removal)

    def _keep(self, prompt):
        prompts = attempt(lambda: splitPrompts(prompt), self._say)
        name = Protocols.askName() if prompts else None
        if name:
            Protocols.saveProtocol(name, prompts)
            self._say("info", _("Kept as the protocol “{name}”.").format(name=name))

    def _remove(self, name):
        Protocols.removeProtocol(name)
        self._say("info", _("The protocol “{name}” was removed.").format(name=name))

    def _load(self):
        path = Protocols.askFile(save=False)
        if path:
            names = attempt(lambda: Protocols.importProtocols(path), self._say)
            if names:
                text = _("Protocols loaded: {names}.").format(names=", ".join(names))
                self._say("info", text)

    def _save(self):
        path = Protocols.askFile(save=True)
        if path and attempt(lambda: Protocols.exportProtocols(path) or path, self._say):
            self._say("info", _("The protocols were saved."))


def menuHeading(menu, title):
    """Add a line that is only read."""
    heading = qt.QAction(title, menu)
    heading.enabled = False
    menu.addAction(heading)


def menuAction(menu, text, callback):
    """Add an entry that calls something."""
    action = qt.QAction(text, menu)
    action.connect("triggered()", callback)
    menu.addAction(action)


def shown(name):
    """Return a text as a menu shows it."""
    # An ampersand alone would underline the next letter.
    return name.replace("&", "&&")
