"""Compares two studies of the scene in a process of its own, so that the window stays live."""

from dataclasses import dataclass

from lsms_core.session.run_controller import RunController
from lsms_core.session.segment_writer import isInScene
from lsms_core.session.translation import tr as _


@dataclass(frozen=True)
class StudyNodes:
    """One of the two studies, as it lies in the scene.

    Attributes:
        segmentationNode: with the lesions.
        volumeNode: its CT.
    """

    segmentationNode: object
    volumeNode: object


class Comparing:
    """Compares the lesions of two segmentations, one comparison at a time.

    Args:
        session: the Session, whose searches know livers and lesions' numbers.
        listener: an object with ``compareProgressed(done, total)``,
            ``compareFinished(followUp)`` and ``compareFailed(kind, message)``; ``kind`` as for the
            status line.
        makeClient: returns a WorkerClient; its process ends with the comparison.
        makeTimer: as :class:`RunController` takes it.
    """

    def __init__(self, session, listener, makeClient, makeTimer=None):
        self._session, self._listener = session, listener
        self.controller = RunController(makeClient, self._onEvent, makeTimer)

    @property
    def busy(self):
        """Whether a comparison is under way."""
        return self.controller.busy

    def start(self, earlier, later):
        """Begin a comparison of two :class:`StudyNodes` and return at once.

        Raises:
            LsmsError: when it cannot be made; the message says what to do.
        """
        from lsms_core.errors import InputError

        reason = whyNotComparable(earlier, later)
        if reason:
            raise InputError(reason)
        self.controller.compare(self._outlined(earlier), self._outlined(later))

    def _outlined(self, study):
        from lsms_core.mrml.follow_up_table import outlined_study
        from lsms_core.mrml.volume_nodes import volume_key

        store, key = self._session.answering.store, volume_key(study.volumeNode)
        known = store.latest(key)
        return outlined_study(
            study.segmentationNode,
            study.volumeNode,
            store.liver(key),
            None if known is None else known.labels,
        )

    def cancel(self):
        """Stop the comparison under way; nothing is changed."""
        self.controller.cancel()

    def close(self):
        """End the comparison under way, of which nothing more is said, and its process."""
        self.controller.close()

    def _onEvent(self, event):
        if event.kind == "progress":
            fields = event.fields
            self._listener.compareProgressed(int(fields["done"]), int(fields["total"]))
            return
        self.close()  # its process holds both studies and is not needed any more
        if event.kind == "follow_up":
            from lsms_core.worker.follow_up_messages import follow_up_from

            self._listener.compareFinished(follow_up_from(event.fields))
        elif event.kind == "cancelled":
            self._listener.compareFailed("info", _("Cancelled; nothing was changed."))
        elif event.kind == "died":
            text = _("The comparison stopped before its end, perhaps for want of memory.")
            self._listener.compareFailed("error", text + " " + _("Press Compare again."))
        else:
            self._listener.compareFailed("error", str(event.fields.get("message", "")))


def whyNotComparable(earlier, later):
    """Return why two studies cannot be compared, "" when they can.

    Args:
        earlier: StudyNodes, in which nodes may be missing.
        later: likewise.
    """
    if not isInScene(later.segmentationNode):
        return _("Run a prompt, or choose the later study's segmentation under Images.")
    if not isInScene(later.volumeNode):
        return _("Choose the later study's CT under Images.")
    if not isInScene(earlier.segmentationNode):
        return _("Choose the segmentation of the earlier study.")
    if earlier.segmentationNode is later.segmentationNode:
        return _("This is the later study's own segmentation: choose that of the earlier study.")
    if not isInScene(earlier.volumeNode):
        return _("Choose the CT of the earlier study.")
    for study in (earlier, later):
        if study.segmentationNode.GetSegmentation().GetNumberOfSegments() == 0:
            name = study.segmentationNode.GetName()
            return _("“{name}” has no segment yet.").format(name=name)
    return ""
