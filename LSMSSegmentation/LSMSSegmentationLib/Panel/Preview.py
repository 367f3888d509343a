"""While a prompt is typed: what is read from it, and what it would find."""

import qt

from LSMSSegmentationLib import ServerSettings
from LSMSSegmentationLib.Panel.ReadingLabel import ReadingLabel

# Changes of the text within this time are answered once.
_SETTLE_MILLISECONDS = 20


class _Focus(qt.QObject):
    """Tells when a widget gets the keyboard."""

    def __init__(self, callback):
        qt.QObject.__init__(self)
        self._callback = callback

    def eventFilter(self, _watched, event):
        if event.type() == qt.QEvent.FocusIn:
            self._callback()
        return False


class Preview:
    """Follows the text; searches the slice that is shown before Enter asks for it.

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        results: the ResultsPanel.
        request: returns what Enter would run, None where something is missing; may raise
            LsmsError.
    """

    def __init__(self, ui, session, results, request):
        self._edit, self._session, self._results = ui.promptLineEdit, session, results
        self._request = request
        self._reading = ReadingLabel(ui.readingLabel)
        self._timer = qt.QTimer()
        self._timer.interval = _SETTLE_MILLISECONDS
        self._timer.connect("timeout()", self.refresh)
        # The slice may be another one since the text was typed.
        self._focus = _Focus(self._timer.start)
        self._edit.installEventFilter(self._focus)
        self._edit.connect("textChanged(QString)", self._onText)

    def stop(self):
        """A run begins: its findings take the list."""
        self._timer.stop()

    def _onText(self, text):
        self._reading.show(text)
        self._timer.start()

    def refresh(self):
        """Let the list show what the text would find, where that is known without a search."""
        from lsms_core.errors import LsmsError

        self._timer.stop()
        if self._session.busy:
            return
        answers = None
        if self._edit.text.strip():
            try:
                answers = self._answers()
            except LsmsError:
                answers = None  # the panel says elsewhere what is missing
        if answers is not None and self._session.isLastRun(answers):
            answers = None  # the list shows it already, and can be changed
        if answers is not None or self._results.previewed:
            self._results.showPreview(answers)

    def _answers(self):
        request = self._request()
        if request is None:
            return None
        answers = self._session.preview(request)
        # An image goes to a server when somebody presses Run, not before.
        if answers is None and not ServerSettings.address():
            self._session.ahead.consider(request)
        return answers
