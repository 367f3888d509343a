"""Drives the real panel by keys and clicks; the worker's answers come from the test."""

from __future__ import annotations

import sys
from collections import deque

import numpy as np

from lsms_core.errors import WorkerError
from lsms_core.inference.postprocess import PostprocessingConfig
from lsms_core.worker.client import WorkerEvent

SHAPE = (12, 24, 32)  # slices, rows, columns
SPACING = (2.0, 2.0, 3.0)  # column, row, slice, mm
CONFIG = PostprocessingConfig(min_area_mm2=0.0, min_depth_mm=0.0)


class FakeClient:
    """A WorkerClient whose answers a test gives; keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.running = False
        self.cancelled = []
        self.closed = 0
        self.refusal = None
        self.loaded = []
        self._events = deque()

    def segment(self, ct, affine, texts, *, model, plane, slices, volume_key):
        if self.refusal:
            raise WorkerError(self.refusal)
        self.running = True
        self.asked.append(
            {
                "shape": ct.shape,
                "texts": list(texts),
                "model": dict(model),
                "plane": plane,
                "slices": slices,
                "key": volume_key,
            }
        )
        return len(self.asked)

    def search(self, ct, affine, *, model, plane, slices, threshold=None, volume_key, texts=()):
        if self.refusal:
            raise WorkerError(self.refusal)
        self.running = True
        self.asked.append(
            {
                "search": True,
                "ct": ct,
                "affine": affine,
                "shape": ct.shape,
                "model": dict(model),
                "plane": plane,
                "slices": slices,
                "key": volume_key,
            }
        )
        return len(self.asked)

    def explain(self, ct, affine, text, *, model, plane, index, threshold, volume_key):
        if self.refusal:
            raise WorkerError(self.refusal)
        self.running = True
        self.asked.append(
            {
                "explain": text,
                "shape": ct.shape,
                "model": dict(model),
                "plane": plane,
                "index": index,
                "threshold": threshold,
                "key": volume_key,
            }
        )
        return len(self.asked)

    @property
    def busy(self):
        return False

    def load(self, model):
        self.running = True
        self.loaded.append(dict(model))

    def cancel(self, request):
        self.cancelled.append(request)

    def poll(self):
        events, self._events = list(self._events), deque()
        return events

    def close(self):
        self.running = False
        self.closed += 1
        self._events.clear()

    def tell(self, kind, fields=None, arrays=None, request=None):
        number = len(self.asked) if request is None else request
        self._events.append(WorkerEvent(kind, number, fields or {}, arrays or {}))

    def answer(self, *maps, axis=0):
        """End the run: one (slices, rows, columns) probability map a prompt."""
        slices = self.asked[-1]["slices"]
        arrays, predictions = {}, []
        for number, (text, full) in enumerate(zip(self.asked[-1]["texts"], maps, strict=True)):
            part = full if slices is None else full.take(slices, axis=axis)
            arrays[f"probability{number}"] = part.astype(np.float16)
            arrays[f"mask{number}"] = (part >= CONFIG.mask_threshold).astype(np.uint8)
            predictions.append(
                {
                    "text": text,
                    "score": float(part.max()),
                    "present": bool((part >= CONFIG.mask_threshold).any()),
                    "threshold": CONFIG.mask_threshold,
                    "engine": "lsms",
                    "model": "fake 1",
                    "fallback": None,
                    "warnings": [],
                    "postprocessing": CONFIG.to_dict(),
                }
            )
        fields = {
            "axis": axis,
            "slices": None if slices is None else list(slices),
            "predictions": predictions,
        }
        self.tell("result", fields, arrays)

    def found(self, labels, liver=None):
        """End a search: (slices, rows, columns) numbers of lesions, and the liver around."""
        from lsms_core.anatomy.geometry import CTVolume, SlicePlane
        from lsms_core.inference.candidates import CandidateSet, Search
        from lsms_core.worker.messages import candidates_message

        asked = self.asked[-1]
        volume = CTVolume(np.array(asked["ct"]), np.asarray(asked["affine"]))
        plane = SlicePlane.of(volume, asked["plane"])
        slices = asked["slices"]
        chosen = tuple(range(plane.count(volume.shape)) if slices is None else slices)
        search = Search(volume, chosen, plane.axis, plane.plane, engine="lsms", model="fake 1")
        inside = np.zeros_like(labels)
        place = [slice(None)] * 3
        place[plane.axis] = list(chosen)
        inside[tuple(place)] = labels[tuple(place)]
        probability = np.where(inside > 0, 0.9, 0.0).astype(np.float16)
        kept = CandidateSet.from_map(search, probability, liver, CONFIG)
        fields, arrays = candidates_message(kept, slices)
        self.tell("candidates", fields, arrays)

    def answer_why(self, *colours, words=(), verdict="It reaches 0.90.", reasons=()):
        """End a request for an explanation: one picture of one colour a stage."""
        fields = {
            "text": self.asked[-1]["explain"],
            "index": self.asked[-1]["index"],
            "model": "fake",
            "verdict": verdict,
            "pictures": [
                {"title": f"Stage {n}", "caption": f"What stage {n} found."}
                for n in range(len(colours))
            ],
            "words": [{"word": word, "change": change} for word, change in words],
            "reasons": list(reasons),
        }
        pictures = {
            f"picture{n}": np.full((64, 80, 3), colour, np.uint8)
            for n, colour in enumerate(colours)
        }
        self.tell("explanation", fields, pictures)


def blob(*boxes, inner=0.9, rim=0.4):
    """Return a probability map: each box at ``inner``, one voxel around it in plane at ``rim``."""
    values = np.zeros(SHAPE, np.float32)
    for k, j, i in boxes:
        values[k, max(j.start - 1, 0) : j.stop + 1, max(i.start - 1, 0) : i.stop + 1] = rim
    for box in boxes:
        values[box] = inner
    return values


class Driver:
    """One open panel.

    Args:
        entry: the module's entry file.
        client: the worker's stand-in, None for a real worker.
        one_text: the engine looks for one text at a time, so that each has a map of its own.
    """

    def __init__(self, entry, client, one_text=True):
        import slicer

        self.slicer, self.client = slicer, client
        slicer.mrmlScene.Clear(0)
        self.widget = entry.LSMSSegmentationWidget()
        self.panel, self.ui = self.widget.panel, self.widget.ui
        self.session = self.widget.logic.session
        self.panel._ensurePackages = lambda: None
        answering = sys.modules["lsms_core.session.run_answers"]
        store = sys.modules["lsms_core.session.candidate_store"]
        answering.looksForOneText = store.looksForOneText
        if client is not None:
            answering.looksForOneText = lambda _model: one_text
            self.session.controller._makeClient = lambda: client
        self.show()

    @property
    def parameters(self):
        return self.widget.logic.getParameterNode()

    def show(self, width=420, height=940):
        self.widget.parent.resize(width, height)
        self.widget.parent.show()
        self.widget.parent.activateWindow()
        self.settle()

    def settle(self, rounds=3):
        for _ in range(rounds):
            self.slicer.app.processEvents()

    def wait(self):
        """Let the panel's timers run out, however busy the machine is."""
        from PySide6.QtTest import QTest

        self.settle()
        panel = self.panel
        for _ in range(200):
            if not (panel._sceneTimer.active or panel._segmentsTimer.active):
                break
            QTest.qWait(5)
        self.settle()

    def add_volume(self, name="CT", array=None, affine=None):
        import vtk

        node = self.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        matrix = vtk.vtkMatrix4x4()
        default = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
        default[:3, 3] = (31.0, 23.0, -16.0)
        for r in range(4):
            for c in range(4):
                matrix.SetElement(r, c, (default if affine is None else affine)[r, c])
        node.SetIJKToRASMatrix(matrix)
        values = np.zeros(SHAPE, np.int16) if array is None else array
        self.slicer.util.updateVolumeFromArray(node, values)
        self.settle()
        return node

    def type(self, text):
        """Type into the prompt line, key by key."""
        from PySide6.QtTest import QTest

        self.ui.promptLineEdit.setFocus()
        self.ui.promptLineEdit.selectAll()
        QTest.keyClicks(self.ui.promptLineEdit, text)
        self.settle()

    def press(self, key, widget=None):
        from PySide6.QtTest import QTest

        QTest.keyClick(widget or self.ui.promptLineEdit, key)
        self.settle()

    def click(self, button):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.mouseClick(button, Qt.LeftButton)
        self.settle()

    def run(self, text, *maps, axis=0):
        """Type a prompt, press Enter, and let the worker answer."""
        from PySide6.QtCore import Qt

        self.type(text)
        self.press(Qt.Key_Escape)  # closes the completion, as a reader would
        self.press(Qt.Key_Return)
        self.client.answer(*maps, axis=axis)
        self.poll()

    def poll(self):
        self.session.controller.poll()
        self.settle()

    def search(self, text, labels, liver=None):
        """Type a prompt, press Enter, and let the worker find these lesions."""
        from PySide6.QtCore import Qt

        self.type(text)
        self.press(Qt.Key_Escape)
        self.press(Qt.Key_Return)
        self.client.found(labels, liver)
        self.poll()

    def recut(self):
        """Let the slider settle, without waiting for its timer."""
        self.panel.results.recutNow()
        self.settle()

    @property
    def status(self):
        return self.ui.statusLabel.text

    @property
    def segmentation(self):
        return self.slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSegmentationNode")

    def segments(self):
        """Segment names by ID."""
        if self.segmentation is None:
            return {}
        inner = self.segmentation.GetSegmentation()
        ids = [inner.GetNthSegmentID(n) for n in range(inner.GetNumberOfSegments())]
        return {s: inner.GetSegment(s).GetName() for s in ids}

    def mask(self, segment_id, volume):
        from lsms_core.mrml.labelmaps import read_mask

        return read_mask(self.segmentation, volume, segment_id)

    def picture(self, path):
        """Save what the panel shows, down to its last line."""
        from PySide6.QtCore import QPoint, QRect

        parent, last = self.widget.parent, self.ui.disclaimerLabel
        # Slicer scrolls the panel; here everything must find room.
        parent.resize(parent.width, 1200)
        self.settle(5)
        bottom = last.mapTo(parent, QPoint(0, 0)).y() + last.height + 12
        parent.grab(QRect(0, 0, parent.width, bottom)).save(str(path))

    def close(self):
        answering = sys.modules["lsms_core.session.run_answers"]
        answering.looksForOneText = sys.modules["lsms_core.session.candidate_store"].looksForOneText
        self.widget.parent.hide()
        self.widget.cleanup()
        # Slicer's widgets do this when they are destroyed.
        ui = self.ui
        for selector in (ui.volumeSelector, ui.segmentationSelector, ui.earlierVolumeSelector,
                         ui.earlierSegmentationSelector):  # fmt: skip
            selector.setMRMLScene(None)
        self.slicer.mrmlScene.Clear(0)
        self.settle()
