"""The module's logic: runs, their results and corrections. Works without a window."""

from lsms_core.session.explanation import Explanation
from lsms_core.session.finding import Finding
from lsms_core.session.run_answers import Answering, notesOf
from lsms_core.session.run_controller import RunController
from lsms_core.session.run_history import Run, RunHistory
from lsms_core.session.run_request import Request, slicesOf, splitPrompts
from lsms_core.session.run_waiter import RunWaiter
from lsms_core.session.search_ahead import SearchAhead
from lsms_core.session.segment_writer import SegmentWriter, isInScene


class Session:
    """Runs prompts and keeps the last run's probability maps for the threshold.

    Args:
        makeClient: returns a WorkerClient (or a stand-in in tests).
        makeTimer: polls the worker in an event loop, as :class:`RunController` takes it.

    Listeners are objects with any of the methods ``runProgressed(stage, done, total,
    secondsLeft)``, ``runFinished(findings, notes)``, ``runCancelled()``, ``runFailed(message)``,
    ``runCorrected(findings)``, ``explanationFinished(explanation)``, ``segmentsChanged()`` (by
    somebody else), ``searchedAhead()``, ``sceneForgotten()``.
    """

    def __init__(self, makeClient, makeTimer=None):
        self.controller = RunController(makeClient, self._onEvent, makeTimer)
        self.writer = SegmentWriter()
        self.writer.onOthersChange = lambda: self._tell("segmentsChanged")
        self.history = RunHistory(self.writer)
        self.answering = Answering()
        self.ahead = SearchAhead(
            self.controller, self.answering, lambda: self._tell("searchedAhead")
        )
        self.request = None
        self.lastMessage = ""
        self._volumeKey = ""
        self._ct = None
        self._textsWereAsked = True
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

        Where the candidates are known, from an earlier search or a segmentation, the run
        has ended when this returns, and its listeners were told.

        Raises:
            LsmsError: for a request that cannot be run.
        """
        from lsms_core.errors import WorkerError
        from lsms_core.mrml.volume_nodes import read_ct, volume_key

        if self.busy:
            raise WorkerError("A run is under way: wait for it, or cancel it.")
        ct = read_ct(request.volumeNode)
        key = volume_key(request.volumeNode)
        answers = self.answering.answers(request, key)
        if answers is None:
            self._textsWereAsked = not self.ahead.takeOver(request, key)
            if self._textsWereAsked:
                self.answering.ask(self.controller, request, ct, key)
        self.request, self._volumeKey, self._ct = request, key, ct
        if answers is not None:
            self._accept(answers)

    def isLastRun(self, answers):
        """Whether answers are those of the last run: the same texts about the same candidates."""
        return len(self.findings) == len(answers) and all(
            finding.answer is not None
            and finding.answer.text == answer.text
            and finding.answer.candidates.labels is answer.candidates.labels
            for finding, answer in zip(self.findings, answers, strict=True)
        )

    def preview(self, request):
        """Return what the answers would be, None where a search is needed; changes nothing.

        Raises:
            LsmsError: for a request that cannot be read.
        """
        from lsms_core.mrml.volume_nodes import volume_key

        return self.answering.preview(request, volume_key(request.volumeNode))

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
            slices=slicesOf(volumeNode, plane, slices),
            model={"weights": str(model), "device": device, "engine": engine or None},
            **options,
        )
        self.addListener(waiter)
        try:
            self.start(request)
            waiter.wait(self.controller, timeout)
        finally:
            self.removeListener(waiter)
        return waiter.result()

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
        elif event.kind in ("result", "candidates"):
            self._takeEvent(event)
        elif event.kind == "one_text":
            self._askOnce(event)
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
        from lsms_core.mrml.volume_nodes import read_ct

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
        from lsms_core.mrml.volume_nodes import volume_key

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

    def _askOnce(self, _event):
        """The model's engine looks for one text at a time: ask for these texts."""
        from lsms_core.errors import LsmsError

        self.answering.noteOneText(self.request.model)
        try:
            self._checkStillThere(self.request)
            self.answering.ask(self.controller, self.request, self._ct, self._volumeKey)
        except LsmsError as error:
            self._fail(str(error))

    def _takeEvent(self, event):
        from lsms_core.errors import LsmsError

        request = self.request
        try:
            self._checkStillThere(request)
            where = (self._ct, self._volumeKey)
            answers = self.answering.take(event, request, *where, self._textsWereAsked)
            if answers is None:
                self._textsWereAsked = True
                self.answering.ask(self.controller, request, *where)
        except LsmsError as error:
            self._fail(str(error))
        else:
            if answers is not None:
                self._accept(answers)

    def _accept(self, answers):
        from lsms_core.errors import LsmsError

        findings = [Finding.of(self.request, self._volumeKey, answer) for answer in answers]
        try:
            changes = self.writer.writeRun(findings)
        except LsmsError as error:
            self._fail(str(error))
            return
        self.history.add(Run(findings, changes))
        self._tell("runFinished", findings, notesOf(answers))

    def correct(self, answers, what):
        """Put other answers in the place of the last run's; one correction is one undo step.

        Args:
            answers: one for each of :attr:`findings`.
            what: what it does, in a few words, for the panel.

        Raises:
            LsmsError: when that would damage something; nothing is changed then.
        """
        from lsms_core.errors import InputError
        from lsms_core.mrml.undo import RunChanges

        reason = self.whyNotCorrectable()
        if reason:
            raise InputError(reason)
        pairs = zip(self.findings, answers, strict=True)
        findings = [finding.withAnswer(answer) for finding, answer in pairs]
        node = findings[0].segmentationNode
        changes = self.writer.rewrite(
            findings, RunChanges(node) if node is not None else None, dropEmpty=True
        )
        self.history.add(Run(findings, changes, what))
        self._tell("runCorrected", findings)

    def _checkStillThere(self, request):
        from lsms_core.errors import InputError
        from lsms_core.mrml.volume_nodes import volume_key

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

    def canRecut(self):
        """Return why the last run cannot be cut at another threshold, "" when it can."""
        from lsms_core.session.translation import tr as _

        reason = self.whyNotCorrectable()
        if not reason and any(finding.request.report is not None for finding in self.findings):
            return _("Answers to a report are cut at the model's own threshold.")
        if not reason and not all(finding.canBeCut for finding in self.findings):
            return _("Outlines of a segmentation have no threshold.")
        return reason

    def whyNotCorrectable(self):
        """Return why the last run's answer cannot be changed, "" when it can."""
        from lsms_core.mrml.volume_nodes import volume_key
        from lsms_core.session.translation import tr as _

        if not self.findings:
            return _("Run a prompt first.")
        volumeNode = self.findings[0].request.volumeNode
        if not isInScene(volumeNode) or volume_key(volumeNode) != self.findings[0].volumeKey:
            return _("The volume has changed since the run; press Run again.")
        if any(finding.answer is None for finding in self.findings):
            return _("The lesions of this earlier run are no longer kept; press Run again.")
        return self.writer.whyNotRewritable(self.findings)

    def recut(self, threshold, keepLargest, minimumArea):
        """Cut the last run's maps again and rewrite its segments. The model isn't asked.

        Raises:
            InputError: when that would damage something; nothing is changed then.
        """
        from lsms_core.errors import InputError

        reason = self.canRecut()
        if reason:
            raise InputError(reason)
        for finding in self.findings:
            finding.cut(threshold, keepLargest, minimumArea)
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
        self.ahead.forget()
        self.history.clear()
        self.answering.clear()
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
