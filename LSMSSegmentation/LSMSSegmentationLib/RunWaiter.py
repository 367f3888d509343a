"""Waiting for a run, for scripts."""


class RunWaiter:
    """Keeps how a run ended, for whoever waits."""

    def __init__(self):
        self.done = False
        self._findings = []
        self._error = None

    def runFinished(self, findings, _notes):
        self._findings, self.done = findings, True

    def runCancelled(self):
        from lsms_core.errors import CancelledError

        self._error, self.done = CancelledError("Cancelled; nothing was changed."), True

    def runFailed(self, message):
        from lsms_core.errors import LsmsError

        self._error, self.done = LsmsError(message), True

    def result(self):
        if self._error is not None:
            raise self._error
        return self._findings
