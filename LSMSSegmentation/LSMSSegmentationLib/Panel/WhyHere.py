"""The button "Why here?": asks the worker about a finding and shows what it answers."""

from slicer.i18n import tr as _


class WhyHere:
    """Drives the button and its window; the panel shows progress, and what goes wrong on the way.

    Args:
        ui: the panel's widgets.
        session: the logic's Session.
        say: called with (kind, text) for the status line.
        results: the panel's ResultsPanel.
        onChanged: called when a request was sent, and when its answer is shown.
    """

    def __init__(self, ui, session, say, results, onChanged):
        self._ui, self._session, self._say = ui, session, say
        self._results, self._onChanged = results, onChanged
        self.dialog = self._explained = None
        ui.whyButton.connect("clicked()", self.ask)
        session.addListener(self)

    def update(self):
        findings, busy = self._session.findings, self._session.busy
        self._ui.whyButton.enabled = bool(findings) and not busy
        if self.dialog is not None:
            self.dialog.promptComboBox.enabled = len(findings) > 1 and not busy
            if not any(finding is self._explained for finding in findings):
                self.dialog.hide()  # it would speak of a run that was taken back

    def ask(self, number=None):
        """Ask about the selected row's finding, or the run's n-th; problems are shown."""
        from lsms_core.errors import LsmsError

        findings = self._session.findings
        if not findings or self._session.busy:
            return
        finding = self._results.selectedFinding() if number is None else findings[number]
        try:
            self._session.explain(finding or findings[0])
        except LsmsError as error:
            self._say("error", str(error))
        else:
            self._say("info", _("Asking the model…"))
        self._onChanged()

    def explanationFinished(self, explanation):
        from lsms_core.errors import LsmsError
        from LSMSSegmentationLib.Panel.ExplanationDialog import ExplanationDialog

        findings = self._session.findings
        numbers = [n for n, finding in enumerate(findings) if finding is explanation.finding]
        if self.dialog is None:
            self.dialog = ExplanationDialog(self.ask)
        self._results.tellAgain()
        if numbers:  # else the run was taken back meanwhile
            self._explained = explanation.finding
            try:
                self.dialog.show(explanation, [f.prompt for f in findings], numbers[0])
            except LsmsError as error:
                self._say("error", str(error))
        self._onChanged()

    def runFinished(self, _findings, _notes):
        if self.dialog is not None:
            self.dialog.hide()  # it speaks of the run before

    def cleanup(self):
        self._session.removeListener(self)
        if self.dialog is not None:
            self.dialog.cleanup()
            self.dialog = None
