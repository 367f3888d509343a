"""Controls the worker without waiting: starts a run, passes on its events, cancels it."""

import logging

logger = logging.getLogger(__name__)

POLL_MILLISECONDS = 15


class RunController:
    """One run at a time.

    Args:
        makeClient: returns a WorkerClient (or a stand-in in tests).
        onEvent: called with each WorkerEvent of the run under way, and with "died".
        makeTimer: called with :meth:`poll`, returns an object with ``start`` and ``stop`` that
            calls it every :data:`POLL_MILLISECONDS`, or None. Without a timer, call it yourself.
    """

    def __init__(self, makeClient, onEvent, makeTimer=None):
        self._makeClient = makeClient
        self._makeTimer = makeTimer
        self._onEvent = onEvent
        self._listener = onEvent
        self._client = None
        self._timer = None
        self._request = None
        self._ahead = self._aheadListener = None
        self.lastWords = ""

    @property
    def busy(self):
        """Whether a run is under way."""
        return self._request is not None

    @property
    def workerRunning(self):
        """Whether a worker process is alive."""
        return self._client is not None and self._client.running

    @property
    def searchingAhead(self):
        """Whether a search is under way that no run has asked for."""
        return self._ahead is not None

    def start(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        """Send a run to the worker, which is started when there is none.

        Its events go to ``onEvent`` instead of the controller's own listener, if given.

        Raises:
            WorkerError: when it cannot be started, or a run is under way.
        """
        self._prepare(onEvent)
        self._request = self._client.segment(
            ct.array,
            ct.affine,
            list(prompts),
            model=model,
            plane=plane,
            slices=slices,
            volume_key=volumeKey,
        )
        self._startTimer()

    def search(self, ct, prompts, plane, slices, model, volumeKey, onEvent=None):
        """Ask for the candidates that prompts will be answered from; see :meth:`start`.

        Raises:
            WorkerError: when it cannot be started, or a run is under way.
        """
        self._prepare(onEvent)
        self._request = self._client.search(
            ct.array,
            ct.affine,
            model=model,
            plane=plane,
            slices=slices,
            volume_key=volumeKey,
            texts=prompts,
        )
        self._startTimer()

    def explain(self, ct, prompt, plane, index, model, volumeKey, threshold, onEvent):
        """Ask the worker what leads to a prompt's answer on one slice; see :meth:`start`.

        Raises:
            WorkerError: when it cannot be started, or a run is under way.
        """
        self._prepare(onEvent)
        self._request = self._client.explain(
            ct.array,
            ct.affine,
            prompt,
            model=model,
            plane=plane,
            index=index,
            threshold=threshold,
            volume_key=volumeKey,
        )
        self._startTimer()

    def searchAhead(self, ct, plane, slices, model, volumeKey, onEvent):
        """Search for a run that may come, in the place of such a search before; see :meth:`start`.

        Nobody waits for it: the controller is not busy, and ``onEvent`` hears only how it ends.

        Raises:
            WorkerError: when the worker cannot be asked.
        """
        self.cancelAhead()
        self._aheadListener = onEvent
        self._ahead = self._client.search(
            ct.array, ct.affine, model=model, plane=plane, slices=slices, volume_key=volumeKey
        )
        self._startTimer()

    def cancelAhead(self):
        """End the search that nobody waits for."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self._client.cancel(ahead)

    def takeAheadOver(self):
        """Make the search that nobody waited for the run under way; returns whether there is one.

        Raises:
            WorkerError: when a run is under way.
        """
        if self._ahead is None:
            return False
        ahead, self._ahead = self._ahead, None
        self._prepare(None)
        self._request = ahead
        return True

    def compare(self, before, after):
        """Ask how the lesions of two OutlinedStudies changed; only a worker's client can.

        Raises:
            WorkerError: when it cannot be started, or a run is under way.
        """
        self._prepare(None)
        self._request = self._client.compare(before, after)
        self._startTimer()

    def _prepare(self, onEvent):
        from lsms_core.errors import WorkerError

        if self.busy:
            raise WorkerError("A run is under way: wait for it, or cancel it.")
        self.cancelAhead()
        if self._client is None:
            self._client = self._makeClient()
        self._listener = onEvent or self._onEvent

    def warmUp(self, model):
        """Start the worker and load a model, so that the next run need not wait; no event tells.

        Raises:
            WorkerError: when it cannot be started.
        """
        if self.busy or self.workerRunning:
            return
        if self._client is None:
            self._client = self._makeClient()
        self._client.load(model)
        self._startTimer()

    def cancel(self):
        """End the run at once; later events of this run are ignored.

        The worker stops at the next slice. The client ends a worker that does not stop in time;
        a run that is started meanwhile waits for that.
        """
        request, self._request = self._request, None
        if request is None:
            return
        self._client.cancel(request)
        from lsms_core.worker.client import WorkerEvent

        self._listener(WorkerEvent("cancelled", request))

    def poll(self):
        """Pass on what has happened since the last call."""
        if self._client is None:
            return
        for event in self._client.poll():
            if event.kind == "died":
                self._ahead = None
                self.lastWords = str(event.fields.get("diagnostics", ""))
                # A server may lose a request, and another one not.
                if self.busy and self._request in event.fields.get("requests", [self._request]):
                    self._finish(event)
            elif self.busy and event.request == self._request:
                if event.kind == "progress":
                    self._listener(event)
                else:
                    self._finish(event)
            elif event.request == self._ahead and event.kind != "progress":
                self._ahead = None
                self._aheadListener(event)
        if not self.busy and not self._client.busy:
            self._stopTimer()

    def _finish(self, event):
        # Before the listener, which may start the next run.
        self._request = None
        self._listener(event)

    def close(self):
        """End the worker. A run under way ends as if it had been cancelled."""
        self._stopTimer()
        self._ahead = None
        request, self._request = self._request, None
        if self._client is not None:
            self._client.close()
        if request is not None:
            from lsms_core.worker.client import WorkerEvent

            self._listener(WorkerEvent("cancelled", request))

    def renew(self):
        """End the worker, and make another client before the next run: the settings changed."""
        self.close()
        self._client = None

    def _startTimer(self):
        if self._timer is None and self._makeTimer is not None:
            self._timer = self._makeTimer(self.poll)
        if self._timer is not None:
            self._timer.start()

    def _stopTimer(self):
        if self._timer is not None:
            self._timer.stop()
