"""The search of the slice that is shown begins while the prompt is typed, not with Enter."""

from lsms_core.session.candidate_store import searchKey

# More slices take seconds that nobody asked for.
_MOST_SLICES = 3


class SearchAhead:
    """Searches what a run would search; the run takes it over, or ends it.

    Only where a worker runs already: nothing is started or loaded for it.

    Args:
        controller: the session's RunController.
        answering: the session's Answering, which keeps what is found.
        onFound: called when more is known than before.
    """

    def __init__(self, controller, answering, onFound):
        self._controller, self._answering, self._onFound = controller, answering, onFound
        self._request = self._ct = self._key = self._failed = None

    def consider(self, request):
        """Begin the search of a request, unless it is known, under way, long or useless.

        Raises:
            LsmsError: for a volume that cannot be searched.
        """
        from lsms_core.mrml.volume_nodes import read_ct, volume_key

        controller = self._controller
        few = request.slices is not None and len(request.slices) <= _MOST_SLICES
        if controller.busy or not controller.workerRunning or not few:
            return
        if request.lesionsFrom is not None or self._answering.takesOneText(request.model):
            return
        volumeKey = volume_key(request.volumeNode)
        key = searchKey(request, volumeKey)
        # A search that went wrong is not tried again: its run says what is wrong.
        underWay = controller.searchingAhead and key == self._key
        if underWay or key == self._failed or self._answering.store.get(key) is not None:
            return
        self._request, self._ct, self._key = request, read_ct(request.volumeNode), key
        where = (request.plane, request.slices, request.model, volumeKey)
        controller.searchAhead(self._ct, *where, self._onEvent)

    def takeOver(self, request, volumeKey):
        """Make the search under way the run's own; returns whether it is the one it needs."""
        wanted = request.lesionsFrom is None and searchKey(request, volumeKey) == self._key
        return wanted and self._controller.takeAheadOver()

    def forget(self):
        """Let go of what belongs to the scene."""
        self._controller.cancelAhead()
        self._request = self._ct = self._key = self._failed = None

    def _onEvent(self, event):
        from lsms_core.errors import LsmsError
        from lsms_core.worker.messages import candidates_from

        if event.kind == "one_text":
            self._answering.noteOneText(self._request.model)
        if event.kind != "candidates":
            self._failed = self._key
            return
        try:
            found = candidates_from(event.fields, event.arrays, self._ct)
        except LsmsError:
            return  # it does not fit the volume; the run asks again
        self._answering.store.putAhead(self._key, found)
        self._onFound()
