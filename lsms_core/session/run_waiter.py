"""Waiting for a run, for scripts."""

import time


class RunWaiter:
    """Keeps the outcome of a run for a waiting script."""

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

    def wait(self, controller, timeout):
        """Wait until the run has ended; Slicer's window stays alive.

        Args:
            controller: the session's RunController.
            timeout: seconds.

        Raises:
            WorkerError: when it takes longer; the worker is ended then.
        """
        import slicer

        from lsms_core.errors import WorkerError

        app = getattr(slicer, "app", None)
        deadline = time.monotonic() + timeout
        while not self.done:
            if time.monotonic() > deadline:
                controller.close()
                raise WorkerError(
                    f"No answer within {timeout:.0f} s, so the worker was ended: "
                    "search fewer slices, or give a longer timeout."
                )
            controller.poll()
            if app is not None:
                app.processEvents()
            time.sleep(0.002)
