"""The module's logic: runs, what became of them, and changes to them. Works with no window."""

import time

from LSMSSegmentationLib.Explanation import Explanation
from LSMSSegmentationLib.Finding import Finding
from LSMSSegmentationLib.Request import Request, checkRange, splitPrompts
from LSMSSegmentationLib.RunController import RunController
from LSMSSegmentationLib.RunHistory import Run, RunHistory
from LSMSSegmentationLib.RunWaiter import RunWaiter
from LSMSSegmentationLib.SegmentWriter import SegmentWriter, isInScene


class Session:
    """Runs prompts and keeps the last run's probability maps for the threshold.

    Args:
        makeClient: returns a WorkerClient; tests give a stand-in.

    Listeners are objects with any of the methods ``runProgressed(stage, done, total,
    secondsLeft)``, ``runFinished(findings, notes)``, ``runCancelled()``, ``runFailed(message)``,
    ``explanationFinished(explanation)``, ``segmentsChanged()`` (by somebody else),
    ``sceneForgotten()``.
    """

    def __init__(self, makeClient=None):
        if makeClient is None:
            from LSMSSegmentationLib.WorkerProcess import makeClient
        self.controller = RunController(makeClient, self._onEvent)
        self.writer = SegmentWriter()
        self.writer.onOthersChange = lambda: self._tell("segmentsChanged")
        self.history = RunHistory(self.writer)
        self.request = None
        self.lastMessage = ""
        self._volumeKey = ""
        self._ct = None
        self._listeners = []

    def addListener(self, listener):
        self._listeners.append(listener)

    def removeListener(self, listener):
        if listener in self._listeners:
            self._listeners.remove(listener)

    @property
    def findings(self):
        """The last run's findings; none once all of its segments are gone."""
        run = self.history.current
        return run.findings if run is not None and not run.gone else []

    @property
    def busy(self):
        """Whether a run is under way."""
        return self.controller.busy

    def start(self, request):
        """Begin a run and return at once.

        Raises:
            LsmsError: for a request that cannot be run.
        """
        from lsms_core.mrml.volumes import read_ct, volume_key

        ct = read_ct(request.volumeNode)
        key = volume_key(request.volumeNode)
        self.controller.start(
            ct, request.prompts, request.plane, request.slices, request.model, key
        )
        self.request, self._volumeKey, self._ct = request, key, ct

    def cancel(self):
        """Stop the run under way; nothing is written."""
        self.controller.cancel()

    def segment(
        self,
        volumeNode,
        prompt,
        segmentationNode=None,
        plane="axial",
        slices=None,
        model="lsms-tiny",
        device="auto",
        engine=None,
        timeout=600.0,
        **options,
    ):
        """Segment what ``prompt`` names and wait for it; Slicer's window stays alive.

        Args:
            volumeNode: the CT.
            prompt: one text, or several parted by semicolons.
            segmentationNode: where findings go; default: a new one, made with the first finding.
            plane: "axial", "coronal" or "sagittal".
            slices: one index, (first, last), or None for the whole volume.
            model: name of an installed model, or its folder.
            device: "auto", "cpu", "cuda", ...
            engine: default: the one that the model names.
            timeout: seconds.
            options: policy, overlap, splitLesions, keepLargest, minimumArea, threshold; see
                :class:`Request`.

        Returns:
            One Finding a prompt, with ``segmentIDs`` and ``segmentationNode``; nothing found
            gives no segment IDs.

        Raises:
            LsmsError: when it cannot be done; the message says what to do.
        """
        waiter = RunWaiter()
        request = Request(
            volumeNode=volumeNode,
            segmentationNode=segmentationNode,
            prompts=splitPrompts(prompt),
            plane=plane,
            slices=self._slices(volumeNode, plane, slices),
            model={"weights": str(model), "device": device, "engine": engine or None},
            **options,
        )
        self.addListener(waiter)
        try:
            self.start(request)
            self._wait(waiter, timeout)
        finally:
            self.removeListener(waiter)
        return waiter.result()

    def _slices(self, volumeNode, plane, slices):
        if slices is None:
            return None
        from lsms_core.anatomy.geometry import SlicePlane
        from lsms_core.mrml.volumes import read_ct

        ct = read_ct(volumeNode)
        first, last = (slices, slices) if isinstance(slices, int) else (slices[0], slices[-1])
        return checkRange(first, last, SlicePlane.of(ct, plane).count(ct.shape))

    def _wait(self, waiter, timeout):
        import slicer

        from lsms_core.errors import WorkerError

        app = getattr(slicer, "app", None)
        deadline = time.monotonic() + timeout
        while not waiter.done:
            if time.monotonic() > deadline:
                self.controller.close()
                raise WorkerError(
                    f"No answer within {timeout:.0f} s, so the worker was ended: "
                    "search fewer slices, or give a longer timeout."
                )
            self.controller.poll()
            if app is not None:
                app.processEvents()
            time.sleep(0.002)

    def _onEvent(self, event):
        if event.kind == "progress":
            fields = event.fields
            self._tell(
                "runProgressed",
                fields.get("stage", ""),
                int(fields.get("done", 0)),
                int(fields.get("total", 0)),
                fields.get("seconds_left"),
            )
        elif event.kind == "cancelled":
            self._tell("runCancelled")
        elif event.kind == "result":
            self._accept(event)
        else:
            self._fail(str(event.fields.get("message", "The worker stopped.")))

    def explain(self, finding):
        """Ask what led to a finding, and return at once; nothing in the scene is changed.

        It is about the slice that shows most of the finding. It ends as a run does, but with
        ``explanationFinished``.

        Args:
            finding: one of :attr:`findings`.

        Raises:
            LsmsError: when it cannot be asked; the message says what to do.
        """
        from lsms_core.mrml.volumes import read_ct

        self._checkVolume(finding)
        self.controller.explain(
            read_ct(finding.request.volumeNode),
            finding.prompt,
            finding.axis,
            finding.mainSlice(),
            finding.request.model,
            finding.volumeKey,
            finding.threshold,
            lambda event: self._onExplanationEvent(finding, event),
        )

    @staticmethod
    def _checkVolume(finding):
        from lsms_core.errors import InputError
        from lsms_core.mrml.volumes import volume_key

        volumeNode = finding.request.volumeNode
        if not isInScene(volumeNode) or volume_key(volumeNode) != finding.volumeKey:
            raise InputError(
                "The volume was changed or removed after the run, so its finding cannot be "
                "explained; press Run again. The segments are as they were."
            )

    def _onExplanationEvent(self, finding, event):
        from lsms_core.errors import LsmsError

        if event.kind != "explanation":
            self._onEvent(event)
            return
        try:
            self._checkVolume(finding)
        except LsmsError as error:
            self._fail(str(error))
            return
        self._tell("explanationFinished", Explanation.fromEvent(finding, event))

    def _fail(self, message):
        self.lastMessage = message
        self._tell("runFailed", message)

    def _accept(self, event):
        from lsms_core.errors import LsmsError

        request = self.request
        try:
            self._checkStillThere(request)
            findings = self._read(event, request)
            changes = self.writer.writeRun(findings)
        except LsmsError as error:
            self._fail(str(error))
            return
        self.history.add(Run(findings, changes))
        self._tell("runFinished", findings, self._notes(event))

    def _checkStillThere(self, request):
        from lsms_core.errors import InputError
        from lsms_core.mrml.volumes import volume_key

        if not isInScene(request.volumeNode):
            raise InputError(
                "The volume was removed while the run was under way. Nothing was written."
            )
        if volume_key(request.volumeNode) != self._volumeKey:
            raise InputError(
                "The volume was changed while the run was under way. Nothing was written; "
                "press Run again."
            )
        if request.segmentationNode is not None and not isInScene(request.segmentationNode):
            raise InputError(
                "The segmentation was removed while the run was under way. Nothing was written; "
                "select another one and press Run again."
            )

    def _read(self, event, request):
        from lsms_core.anatomy.geometry import SlicePlane

        axis = int(event.fields["axis"])
        slices = event.fields.get("slices")
        count = self._ct.shape[axis]
        findings = []
        for index, summary in enumerate(event.fields["predictions"]):
            finding = Finding(
                request=request,
                segmentationNode=request.segmentationNode,
                prompt=str(summary["text"]),
                summary=dict(summary),
                volumeKey=self._volumeKey,
                shape=self._ct.shape,
                plane=SlicePlane.of(self._ct, axis).plane,
                axis=axis,
                slices=tuple(range(count)) if slices is None else tuple(slices),
                probability=event.arrays[f"probability{index}"],
                answered=event.arrays[f"mask{index}"].astype(bool),
            )
            finding.cut(
                self._ct.spacing_mm, request.threshold, request.keepLargest, request.minimumArea
            )
            findings.append(finding)
        return findings

    @staticmethod
    def _notes(event):
        """What the user should know besides the findings, each sentence once."""
        notes = []
        for summary in event.fields["predictions"]:
            notes += [
                note for note in (summary.get("fallback"), *summary.get("warnings", ())) if note
            ]
        return list(dict.fromkeys(notes))

    def canRecut(self):
        """Return why the last run cannot be cut at another threshold, "" when it can."""
        from slicer.i18n import tr as _

        from lsms_core.mrml.volumes import volume_key

        if not self.findings:
            return _("Run a prompt first.")
        volumeNode = self.findings[0].request.volumeNode
        if not isInScene(volumeNode) or volume_key(volumeNode) != self.findings[0].volumeKey:
            return _("The volume has changed since the run; press Run again.")
        if any(finding.probability is None for finding in self.findings):
            return _("The maps of this earlier run are no longer kept; press Run again.")
        return self.writer.whyNotRewritable(self.findings)

    def recut(self, threshold, keepLargest, minimumArea):
        """Cut the last run's maps again and rewrite its segments. The model isn't asked.

        Raises:
            InputError: when that would damage something; nothing is changed then.
        """
        from lsms_core.errors import InputError
        from lsms_core.mrml.volumes import read_ct

        reason = self.canRecut()
        if reason:
            raise InputError(reason)
        spacing = read_ct(self.findings[0].request.volumeNode).spacing_mm
        for finding in self.findings:
            finding.cut(spacing, threshold, keepLargest, minimumArea)
        run = self.history.current
        run.changes = self.writer.rewrite(run.findings, run.changes)

    def undo(self):
        """Take the last run back: what it wrote, and nothing else.

        Returns:
            The run, None where there is none.

        Raises:
            LsmsError: when it cannot be taken back; nothing is changed then.
        """
        return self.history.undo()

    def redo(self):
        """Bring back what :meth:`undo` took. Returns the run, None where there is none.

        Raises:
            LsmsError: when it cannot be brought back; nothing is changed then.
        """
        return self.history.redo()

    def forget(self):
        """Drop what belongs to the scene: a run under way, kept maps, undo states."""
        if self.busy:
            self.controller.close()
        self.request, self._ct = None, None
        self.history.clear()
        self.writer.forget()
        self._tell("sceneForgotten")

    def close(self):
        """End the worker."""
        self.forget()
        self.controller.close()

    def _tell(self, method, *arguments):
        for listener in list(self._listeners):
            callback = getattr(listener, method, None)
            if callback is not None:
                callback(*arguments)
