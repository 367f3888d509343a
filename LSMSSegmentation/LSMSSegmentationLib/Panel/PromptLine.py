"""The line where the prompt is typed: completion, history by Up and Down, favourites."""

import qt
from slicer.i18n import tr as _

from LSMSSegmentationLib import PromptHistory
from LSMSSegmentationLib.Panel.ProtocolMenu import ProtocolMenu, menuAction, menuHeading, shown

STAR, EMPTY_STAR = "★", "☆"
# The menu is as wide as its longest entry; a sentence of a report would fill the screen.
_LONGEST = 60


class _UpAndDown(qt.QObject):
    """Passes on Up and Down. A shortcut would take them from the completion's list, too."""

    def __init__(self, callback):
        qt.QObject.__init__(self)
        self._callback = callback

    def eventFilter(self, _watched, event):
        if event.type() == qt.QEvent.KeyPress:
            if event.key() == qt.Qt.Key_Up:
                return self._callback(1)
            if event.key() == qt.Qt.Key_Down:
                return self._callback(-1)
        return False


class PromptLine:
    """Drives the prompt's widgets.

    Args:
        ui: the panel's widgets.
        onRun: called when Enter is pressed.
        say: called with (kind, text) for the status line.
    """

    def __init__(self, ui, onRun, say):
        self._edit, self._star, self._menuButton = (
            ui.promptLineEdit,
            ui.favouriteButton,
            ui.historyButton,
        )
        self._onRun = onRun
        self._protocols = ProtocolMenu(self.setText, say)
        self._position = -1
        self._draft = ""
        self._walking = False
        self._completions = None
        self._completer = None
        self._menu = qt.QMenu(self._menuButton)
        self._menuButton.setMenu(self._menu)
        self._menu.connect("aboutToShow()", self._fillMenu)
        self._edit.connect("returnPressed()", self._onEnter)
        self._edit.connect("textChanged(QString)", self._onText)
        self._star.connect("clicked(bool)", self._onStar)
        self._keys = _UpAndDown(self._walk)
        self._edit.installEventFilter(self._keys)
        self.refresh()

    @property
    def text(self):
        return self._edit.text

    def setText(self, text):
        self._edit.text = text
        self._edit.setFocus()

    def focus(self):
        """Take the keyboard, with the text selected, so that typing replaces it."""
        self._edit.setFocus()
        self._edit.selectAll()

    def setEnabled(self, enabled):
        """Let the text be changed, or not; the line keeps the keyboard, for Esc."""
        self._edit.readOnly = not enabled
        if not enabled:
            # An open list would take the Esc that is meant for the run.
            self._completer.popup().hide()
        self._menuButton.enabled = enabled

    def remember(self, prompt):
        PromptHistory.remember(prompt)
        self._position = -1
        # Later: Enter may come from the completion's own list, which must not be replaced
        # while it handles the key.
        qt.QTimer.singleShot(0, self.refresh)

    def refresh(self):
        """Bring completion and star up to date, such as after another scene was loaded."""
        from lsms_core.mrml.completions import completions

        words = completions("", PromptHistory.favourites(), PromptHistory.history(), limit=200)
        if words != self._completions:
            self._completions = words
            self._completer = qt.QCompleter(words, self._edit)
            self._completer.caseSensitivity = qt.Qt.CaseInsensitive
            self._completer.filterMode = qt.Qt.MatchContains
            self._edit.setCompleter(self._completer)
        self._updateStar()

    def _onEnter(self):
        # Signals arrive in this order when Enter picks a completion: first the line is
        # asked to run, then it gets the text. The run is for what can be read in the line.
        popup = self._completer.popup()
        if popup.visible and popup.currentIndex().isValid():
            return
        self._onRun()

    def _onText(self, _text):
        if not self._walking:
            self._position = -1
        self._updateStar()

    def _walk(self, step):
        """Up goes to earlier prompts, Down comes back to what was being typed.

        Returns whether the key is used up; else it offers completions, as usual.
        """
        earlier = PromptHistory.history()
        position = max(-1, min(self._position + step, len(earlier) - 1))
        if self._edit.readOnly or position == self._position:
            return False
        if self._position < 0:
            self._draft = self._edit.text
        self._position = position
        self._walking = True
        self._edit.text = earlier[position] if position >= 0 else self._draft
        self._walking = False
        return True

    def _onStar(self, checked):
        if self._edit.text.strip():
            PromptHistory.setFavourite(self._edit.text.strip(), checked)
        self.refresh()

    def _updateStar(self):
        text = self._edit.text.strip()
        favourite = bool(text) and PromptHistory.isFavourite(text)
        self._star.enabled = bool(text)
        self._star.checked = favourite
        self._star.text = STAR if favourite else EMPTY_STAR

    def _fillMenu(self):
        from lsms_core.mrml.completions import PROMPTS

        self._menu.clear()
        self._addPrompts(_("Favourites"), PromptHistory.favourites(), STAR + " ")
        earlier = PromptHistory.history()
        self._addPrompts(_("Earlier prompts"), earlier[:12])
        self._addPrompts(_("Examples"), PROMPTS[:6])
        self._protocols.fill(self._menu, self._edit.text)
        if earlier:
            self._menu.addSeparator()
            menuAction(self._menu, _("Clear earlier prompts"), self._clear)

    def _addPrompts(self, title, prompts, mark=""):
        if not prompts:
            return
        menuHeading(self._menu, title)
        for prompt in prompts:
            short = prompt if len(prompt) <= _LONGEST else prompt[: _LONGEST - 1].rstrip() + "…"
            menuAction(self._menu, mark + shown(short), lambda p=prompt: self.setText(p))

    def _clear(self):
        PromptHistory.clearHistory()
        self.refresh()
