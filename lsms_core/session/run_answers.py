"""Answers a request from known candidates, from a new search, or from an existing segmentation.

Texts are read and lesions chosen here, in Slicer's process, without the worker and within
milliseconds; the worker only searches.
"""

from dataclasses import replace

from lsms_core.session.candidate_store import CandidateStore, looksForOneText, searchKey


class Answering:
    """Answers prompts from the candidates of a volume."""

    def __init__(self):
        self.store = CandidateStore()
        self._oneText = set()

    def answers(self, request, volumeKey, preview=False):
        """Return the answers to a request, None where the worker has to be asked first.

        Args:
            request: what is asked.
            volumeKey: of the volume.
            preview: whether answers without what only the worker can see will do.

        Raises:
            LsmsError: when the segmentation that the lesions come from cannot be used.
        """
        from lsms_core.errors import InputError
        from lsms_core.inference.candidate_looks import needs_looks

        if request.lesionsFrom is not None and request.segmentationNode is request.lesionsFrom:
            raise InputError(
                "The lesions come from the segmentation that the findings would go to: choose "
                "another one under Segmentation, or none for a new one."
            )
        key = searchKey(request, volumeKey)
        if self.store.get(key) is None:
            if request.lesionsFrom is None:
                return None
            self._takeOutlines(request, key)
        if not preview:
            self.store.asked(key)
        found = self.store.cut(key, request.threshold, request.keepLargest, request.minimumArea)
        if request.report is not None:
            return request.report.answers(found)
        if not preview and any(needs_looks(found, prompt) for prompt in request.prompts):
            return None
        return [found.answer(prompt) for prompt in request.prompts]

    def _takeOutlines(self, request, key):
        from lsms_core.mrml.segmentation_candidates import candidates_of_segmentation

        found = candidates_of_segmentation(
            request.lesionsFrom, request.volumeNode, request.plane, request.slices
        )
        self.store.put(key, found)

    def ask(self, controller, request, ct, volumeKey, onEvent=None):
        """Ask the worker what is missing.

        Args:
            controller: the RunController.
            request: what is asked.
            ct: the volume as read_ct gives it.
            volumeKey: its key.
            onEvent: where the events go; default: to the controller's listener.

        Raises:
            WorkerError: when it cannot be asked.
            InputError: for a report, with an engine that looks for one text at a time.
        """
        from lsms_core.errors import InputError

        where = (request.plane, request.slices, request.model, volumeKey)
        if self.takesOneText(request.model):
            if request.report is not None:
                raise InputError(
                    "This model looks for one text at a time: a report needs a model that finds "
                    "all lesions first, such as lsms-tiny."
                )
            controller.start(ct, request.prompts, *where, onEvent=onEvent)
        else:
            # A report stays on this computer, also where a server searches.
            texts = () if request.report is not None else request.prompts
            controller.search(ct, texts, *where, onEvent=onEvent)

    def takesOneText(self, model):
        """Whether a model's engine looks for one text at a time and knows no candidates."""
        return _modelKey(model) in self._oneText or looksForOneText(model)

    def noteOneText(self, model):
        """Remember that a model's engine knows no candidates, as the worker said."""
        self._oneText.add(_modelKey(model))

    def take(self, event, request, ct, volumeKey, textsWereAsked=True):
        """Return the answers that the worker's event gives, None where it must be asked again.

        Args:
            event: a "candidates" or "result" event.
            request: what is asked.
            ct: the volume as read_ct gives it.
            volumeKey: its key.
            textsWereAsked: whether the worker knew the texts when it searched.

        Raises:
            LsmsError: when the event does not fit the volume.
        """
        if event.kind == "candidates":
            from lsms_core.worker.messages import candidates_from

            found = candidates_from(event.fields, event.arrays, ct)
            self.store.put(searchKey(request, volumeKey), found)
            return self.answers(request, volumeKey, preview=textsWereAsked)
        return [
            _oneTextsAnswer(event, index, request, ct)
            for index in range(len(event.fields["predictions"]))
        ]

    def preview(self, request, volumeKey):
        """Return the answers as far as they are known without asking or measuring anything.

        Raises:
            LsmsError: for a text without words.
        """
        key = searchKey(request, volumeKey)
        known = self.store.get(key) is not None
        return self.answers(request, volumeKey, preview=True) if known else None

    def clear(self):
        self.store.clear()


def _modelKey(model):
    return tuple(str(model.get(name)) for name in ("weights", "engine", "device"))


def _oneTextsAnswer(event, index, request, ct):
    """The answer of an engine that looks for one text at a time: all that its map shows."""
    import numpy as np

    from lsms_core.anatomy.geometry import SlicePlane
    from lsms_core.inference.answer import accept_all
    from lsms_core.inference.candidates import CandidateSet, Search
    from lsms_core.inference.postprocess import PostprocessingConfig

    fields, summary = event.fields, event.fields["predictions"][index]
    axis, slices = int(fields["axis"]), fields.get("slices")
    chosen = tuple(range(ct.shape[axis])) if slices is None else tuple(int(i) for i in slices)
    probability = np.zeros(ct.shape, np.float16)
    place = [slice(None)] * 3
    place[axis] = list(chosen)
    probability[tuple(place)] = event.arrays[f"probability{index}"]
    search = Search(
        volume=ct,
        slices=chosen,
        axis=axis,
        plane=SlicePlane.of(ct, axis).plane,
        engine=str(summary.get("engine", "")),
        model=str(summary.get("model", "")),
        device=str(summary.get("device", "cpu")),
        fallback=summary.get("fallback"),
        warnings=tuple(summary.get("warnings") or ()),
    )
    config = PostprocessingConfig.from_dict(summary.get("postprocessing") or {})
    config = config.at_threshold(request.threshold)
    if request.keepLargest is not None:
        config = replace(config, keep_largest=request.keepLargest)
    if request.minimumArea is not None:
        config = replace(config, min_area_mm2=request.minimumArea)
    found = CandidateSet.from_map(search, probability, None, config)
    return accept_all(found, str(summary["text"]))


def notesOf(answers):
    """Return what the user should know besides the findings, each sentence once."""
    notes = []
    for answer in answers:
        notes += [note for note in (answer.fallback, *answer.warnings) if note]
    return list(dict.fromkeys(notes))
