"""One prompt into the segment that is selected in Segment Editor. No Qt.

Slices that were searched already, from the panel or from here, are not searched again.

The answer goes through the effect's own modifySegmentByLabelmap, so Segment Editor's
masking, its overwrite mode and its undo hold as for any brush. The segment is addressed by
the ID it had when Run was pressed: selecting another one meanwhile has no effect.
"""

from dataclasses import dataclass, replace

import numpy as np

# Names of the modes as saved in the effect's parameters, so never translated.
ADD = "Add"
REPLACE = "Replace"
REMOVE = "Remove"
MODES = (ADD, REPLACE, REMOVE)


@dataclass(frozen=True)
class EffectTarget:
    """What a run is for, fixed when it begins."""

    segmentationNode: object
    segmentID: str
    volumeNode: object
    volumeKey: str
    mode: str


@dataclass(frozen=True)
class EffectOutcome:
    """How a run ended.

    Attributes:
        changed: whether the segment was changed.
        segmentName: its name.
        found: prompts that were found.
        missing: prompts that were not.
        messages: what is said of those, where the model's side says it: "Not understood: ...".
        reason: why the segment was not changed although something was found: "locked",
            "masked" or "outside"; else empty.
        cancelled: whether the user cancelled.
        problem: what went wrong and what to do, else empty.
    """

    changed: bool = False
    segmentName: str = ""
    found: tuple = ()
    missing: tuple = ()
    messages: tuple = ()
    reason: str = ""
    cancelled: bool = False
    problem: str = ""


class EffectRun:
    """Runs prompts for a Segment Editor effect.

    Args:
        scriptedEffect: the effect as Slicer made it.
        controller: the RunController that owns the worker.
        answering: the Answering that keeps the candidates of earlier searches.
        listener: an object with ``runProgressed(done, total, secondsLeft)`` and
            ``runEnded(outcome)``.
    """

    def __init__(self, scriptedEffect, controller, answering, listener):
        self._effect = scriptedEffect
        self._controller = controller
        self._answering = answering
        self._listener = listener
        self._target = None
        self._request = None
        self._ct = None

    @property
    def busy(self):
        return self._target is not None and self._controller.busy

    def start(self, text, plane, slices, model, mode=ADD):
        """Begin a run and return at once; where the candidates are known it has ended then.

        Args:
            text: one prompt, or several parted by semicolons; a voxel that any of them names
                belongs to the answer.
            plane: "axial", "coronal", "sagittal" or an array axis.
            slices: rising indices along it; None for the whole volume.
            model: ``weights``, ``engine`` and ``device`` as WorkerClient takes them.
            mode: ADD, REPLACE (in the slices that are searched) or REMOVE.

        Raises:
            LsmsError: when it cannot begin; the message says what to do.
        """
        from lsms_core.mrml.volume_nodes import read_ct, volume_key
        from lsms_core.session.run_request import Request, splitPrompts

        prompts = splitPrompts(text)
        node, segmentID, volumeNode = self._selection()
        ct, key = read_ct(volumeNode), volume_key(volumeNode)
        request = Request(
            volumeNode=volumeNode,
            segmentationNode=node,
            prompts=prompts,
            plane=plane,
            slices=slices,
            model=model,
            keepLargest=None,
        )
        answers = self._answering.answers(request, key)
        if answers is None:
            self._answering.ask(self._controller, request, ct, key, self._onEvent)
        self._request, self._ct = request, ct
        self._target = EffectTarget(node, segmentID, volumeNode, key, mode)
        if answers is not None:
            self._accept(lambda: answers)

    def cancel(self):
        """Stop the run under way; nothing is changed."""
        if self.busy:
            self._controller.cancel()

    def _selection(self):
        from lsms_core.errors import InputError
        from lsms_core.mrml.locks import unlocked_segment

        editorNode = self._effect.parameterSetNode()
        node = editorNode.GetSegmentationNode() if editorNode else None
        segmentID = editorNode.GetSelectedSegmentID() if editorNode else None
        if node is None or not segmentID:
            raise InputError('No segment is selected: press "Add" above the list of segments.')
        unlocked_segment(node, segmentID)
        return node, segmentID, editorNode.GetSourceVolumeNode()

    def _onEvent(self, event):
        fields = event.fields
        if event.kind == "progress":
            self._listener.runProgressed(
                int(fields.get("done", 0)), int(fields.get("total", 0)), fields.get("seconds_left")
            )
        elif event.kind == "cancelled":
            self._end(EffectOutcome(cancelled=True))
        elif event.kind in ("result", "candidates"):
            key = self._target.volumeKey
            self._accept(lambda: self._answering.take(event, self._request, self._ct, key))
        elif event.kind == "one_text":
            self._askOnce()
        else:
            self._end(EffectOutcome(problem=str(fields.get("message", "The worker stopped."))))

    def _askOnce(self):
        """The model's engine looks for one text at a time: ask for these texts."""
        from lsms_core.errors import LsmsError

        self._answering.noteOneText(self._request.model)
        try:
            self._answering.ask(
                self._controller, self._request, self._ct, self._target.volumeKey, self._onEvent
            )
        except LsmsError as error:
            self._end(EffectOutcome(problem=str(error)))

    def _end(self, outcome):
        self._target = self._request = self._ct = None
        self._listener.runEnded(outcome)

    def _accept(self, takeAnswers):
        from lsms_core.errors import LsmsError

        try:
            self._checkStillThere(self._target)
            outcome = self._write(takeAnswers())
        except LsmsError as error:
            outcome = EffectOutcome(problem=str(error))
        self._end(outcome)

    def _write(self, answers):
        """Change the segment by what was found; returns the outcome."""
        target, first = self._target, answers[0]
        mask = np.zeros(self._ct.shape, np.bool_)
        found, missing, messages = [], [], []
        for answer in answers:
            (found if answer.present else missing).append(answer.text)
            if answer.present:
                mask |= answer.volume_mask
            elif answer.message:
                messages.append(answer.message)
        segment = target.segmentationNode.GetSegmentation().GetSegment(target.segmentID)
        outcome = EffectOutcome(
            False, segment.GetName(), tuple(found), tuple(missing), tuple(messages)
        )
        if not found:
            return outcome
        mask = self._outsideLocked(target, mask)
        if not mask.any():
            return replace(outcome, reason="locked")
        region = np.zeros(self._ct.shape, np.bool_)
        np.moveaxis(region, first.candidates.search.axis, 0)[list(first.slices)] = True
        reason = self._modify(target, mask, region)
        return replace(outcome, changed=not reason, reason=reason)

    def _checkStillThere(self, target):
        from lsms_core.errors import InputError
        from lsms_core.mrml.locks import unlocked_segment
        from lsms_core.mrml.volume_nodes import volume_key

        editorNode = self._effect.parameterSetNode()
        if editorNode is None or editorNode.GetSegmentationNode() is not target.segmentationNode:
            raise InputError(
                "Another segmentation was selected while the run was under way. Nothing was "
                "changed; press Run again."
            )
        unlocked_segment(target.segmentationNode, target.segmentID)
        if volume_key(target.volumeNode) != target.volumeKey:
            raise InputError(
                "The volume was changed while the run was under way. Nothing was changed; "
                "press Run again."
            )

    def _outsideLocked(self, target, mask):
        """Segment Editor lets a brush erase other segments; those that are signed off stay."""
        from lsms_core.mrml.labelmaps import mask_patch, segment_ids
        from lsms_core.mrml.locks import is_locked
        from lsms_core.mrml.placing import outside_others

        node = target.segmentationNode
        editorNode = self._effect.parameterSetNode()
        if target.mode == REMOVE or editorNode.GetOverwriteMode() == editorNode.OverwriteNone:
            return mask
        locked = [s for s in segment_ids(node) if is_locked(node, s)]
        if not locked:
            return mask
        free = [s for s in segment_ids(node) if s not in locked]
        patch = mask_patch(target.volumeNode, mask).cropped()
        return outside_others(node, patch, free).onto(mask.shape, (0, 0, 0))

    def _modify(self, target, mask, region):
        """Change the segment; returns why it was not changed, else an empty text."""
        import slicer

        from lsms_core.mrml.labelmaps import segment_patch

        modes = slicer.qSlicerSegmentEditorAbstractEffect
        node, volumeNode = target.segmentationNode, target.volumeNode
        labelmap = self._effect.defaultModifierLabelmap()
        voxels = ontoModifier(labelmap, node, volumeNode, mask)
        if not voxels.any():
            return "outside"
        before = segment_patch(node, target.segmentID)
        # One state for the whole run, so that one Undo takes it back.
        self._effect.saveStateForUndo()
        if target.mode == REPLACE:
            searched = ontoModifier(labelmap, node, volumeNode, region)
            self._apply(target, labelmap, searched & ~voxels, modes.ModificationModeRemove)
            labelmap = self._effect.defaultModifierLabelmap()
        remove = target.mode == REMOVE
        mode = modes.ModificationModeRemove if remove else modes.ModificationModeAdd
        self._apply(target, labelmap, voxels, mode)
        return "masked" if _same(before, segment_patch(node, target.segmentID)) else ""

    def _apply(self, target, labelmap, voxels, mode):
        from vtk.util.numpy_support import vtk_to_numpy

        scalars = vtk_to_numpy(labelmap.GetPointData().GetScalars())
        scalars.reshape(voxels.shape)[:] = voxels
        labelmap.Modified()
        self._effect.modifySegmentByLabelmap(
            target.segmentationNode, target.segmentID, labelmap, mode
        )


def ontoModifier(labelmap, segmentationNode, volumeNode, mask):
    """Bring a mask to the grid of Segment Editor's modifier labelmap.

    That labelmap keeps its own grid, which intensity masking needs; it may differ from the
    volume's, and lie under different transforms.

    Args:
        labelmap: a vtkOrientedImageData in the segmentation's coordinates.
        segmentationNode: the segmentation being edited.
        volumeNode: the volume that was searched.
        mask: (slices, rows, columns) bool, on the volume's grid.

    Returns:
        bool, (k, j, i) of the labelmap's extent.
    """
    from vtk import vtkMatrix4x4

    from lsms_core.mrml.labelmaps import mask_patch, resample
    from lsms_core.mrml.transforms import matrix_from_vtk

    extent = labelmap.GetExtent()
    shape = tuple(extent[2 * a + 1] - extent[2 * a] + 1 for a in (2, 1, 0))
    if not mask.any():
        return np.zeros(shape, np.bool_)
    matrix = vtkMatrix4x4()
    labelmap.GetImageToWorldMatrix(matrix)
    parent = segmentationNode.GetParentTransformNode()
    patch = resample(mask_patch(volumeNode, mask).cropped(), matrix_from_vtk(matrix), parent)
    return patch.onto(shape, extent[::2])


def _same(before, after):
    if before is None or after is None:
        return before is after
    return (
        before.start == after.start
        and np.array_equal(before.array, after.array)
        and np.allclose(before.affine, after.affine)
    )
