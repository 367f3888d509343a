"""Findings to segments: written as one undo step, rewritten when the threshold moves."""

from contextlib import contextmanager, nullcontext
from datetime import datetime

import numpy as np


def isInScene(node):
    """Whether a node is in Slicer's scene; a deleted node is in none."""
    return node is not None and node.GetScene() is not None


class SegmentWriter:
    """Writes the findings of one run after another.

    Attributes:
        beforeWrite: called with (segmentationNode, volumeNode) before a run is written; the
            panel saves Segment Editor's undo state there.
    """

    def __init__(self):
        self.beforeWrite = None
        self._undoLogic = None
        self._watched = None
        self._watchTag = None
        self._writing = False
        self._touched = set()

    def writeRun(self, findings):
        """Write what a run found as one undo step; what was not found touches nothing.

        Raises:
            LsmsError: when something cannot be written; nothing is written then.
        """
        found = [finding for finding in findings if finding.present]
        if not found:
            return
        node = self._segmentationNode(found[0].request)
        for finding in findings:
            finding.segmentationNode = node
        if self.beforeWrite is not None:
            self.beforeWrite(node, found[0].request.volumeNode)
        self._watch(node)
        with self._undoStep(found[0]), self._quietly():
            for finding in found:
                self._write(finding)

    def _segmentationNode(self, request):
        if request.segmentationNode is not None:
            return request.segmentationNode
        scene = request.volumeNode.GetScene()
        name = scene.GenerateUniqueName(f"{request.volumeNode.GetName()} findings")
        return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)

    def _write(self, finding, policy=None):
        from lsms_core.mrml.labelmaps import read_mask
        from lsms_core.mrml.segments import WriteOptions, write_mask

        request = finding.request
        finding.segmentIDs = write_mask(
            finding.segmentationNode,
            request.volumeNode,
            finding.fullMask(),
            self._meta(finding),
            WriteOptions(
                policy=policy or request.policy,
                overlap=request.overlap,
                split_lesions=request.splitLesions,
            ),
            region=finding.region(),
        )
        finding.parts = {}
        if len(finding.segmentIDs) > 1:
            for segmentID in finding.segmentIDs:
                whole = read_mask(finding.segmentationNode, request.volumeNode, segmentID)
                finding.parts[segmentID] = finding.searched(whole) & finding.mask
        self._remember(finding)

    def rewrite(self, findings):
        """Write the findings' new cuts into the segments that they made."""
        node = findings[0].segmentationNode
        if node is None:
            # The run found nothing, a lower threshold does: now it is a run with a finding.
            self.writeRun(findings)
            return
        self._watch(node)
        with self._quietly():
            for finding in findings:
                if not finding.segmentIDs:
                    if finding.present:
                        self._write(finding)
                    continue
                for segmentID, mask in self._shares(finding).items():
                    self._rewriteSegment(finding, segmentID, mask)
                self._remember(finding)

    def _rewriteSegment(self, finding, segmentID, mask):
        from lsms_core.mrml.segments import WriteOptions, replace_mask, write_mask

        node, volumeNode = finding.segmentationNode, finding.request.volumeNode
        region = finding.region()
        written = write_mask(
            node,
            volumeNode,
            finding.fullMask(mask),
            self._meta(finding, segmentID),
            WriteOptions(policy="update", overlap=finding.request.overlap),
            segment_id=segmentID,
            region=region,
        )
        if not written:
            replace_mask(
                node,
                volumeNode,
                segmentID,
                finding.fullMask(np.zeros_like(mask)),
                region=region,
                threshold=finding.threshold,
            )

    @staticmethod
    def _shares(finding):
        """Segment ID -> its part of the new cut: the pieces that its lesion grew or shrank to.

        A new piece that touches no lesion of the run goes to the largest one's segment.
        """
        if len(finding.segmentIDs) == 1:
            return {finding.segmentIDs[0]: finding.mask}
        from lsms_core.anatomy.regions import label_components

        labels, count = label_components(finding.mask)
        shares = {s: np.zeros_like(finding.mask) for s in finding.segmentIDs}
        for number in range(1, count + 1):
            piece = labels == number
            overlaps = [int((piece & finding.parts[s]).sum()) for s in finding.segmentIDs]
            shares[finding.segmentIDs[int(np.argmax(overlaps))]] |= piece
        return shares

    def whyNotRewritable(self, findings):
        """Return why these segments must not be rewritten, "" when they may be."""
        from slicer.i18n import tr as _

        from lsms_core.mrml.segments import is_locked

        node = findings[0].segmentationNode
        if node is None:
            wanted = findings[0].request.segmentationNode
            gone = wanted is not None and not isInScene(wanted)
            return _("The segmentation was removed; press Run again.") if gone else ""
        if not isInScene(node):
            return _("The segmentation was removed; press Run again.")
        for finding in findings:
            for segmentID in finding.segmentIDs:
                if node.GetSegmentation().GetSegment(segmentID) is None:
                    return _("A segment of the run was removed; press Run again.")
                if is_locked(node, segmentID):
                    return _("The segment is locked or completed.")
                if segmentID in self._touched and not self._asWritten(finding, segmentID):
                    return _(
                        "The segment was edited after the run: another threshold would undo "
                        "that. Press Run to start anew."
                    )
        return ""

    def _asWritten(self, finding, segmentID):
        from lsms_core.mrml.labelmaps import segment_patch

        now, then = segment_patch(finding.segmentationNode, segmentID), finding.written[segmentID]
        if now is None or then is None:
            return now is then
        same = now.start == then.start and np.array_equal(now.array, then.array)
        return same and np.allclose(now.affine, then.affine)

    def _remember(self, finding):
        from lsms_core.mrml.labelmaps import segment_patch

        node = finding.segmentationNode
        finding.written = {s: segment_patch(node, s) for s in finding.segmentIDs}
        self._touched.difference_update(finding.segmentIDs)

    def _meta(self, finding, segmentID=None):
        from dataclasses import replace

        from lsms_core.mrml.segments import SegmentMeta, read_meta

        old = None
        if segmentID is not None:
            old = read_meta(finding.segmentationNode, segmentID)
        if old is not None:
            return replace(old, threshold=finding.threshold, score=finding.score)
        return SegmentMeta(
            prompt=finding.prompt,
            model=str(finding.summary.get("model", "")),
            engine=str(finding.summary.get("engine", "")),
            score=finding.score,
            threshold=finding.threshold,
            plane=finding.plane,
            slices=finding.sliceText(),
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def _undoStep(self, finding):
        from lsms_core.mrml.undo import editor_logic, undo_step

        node = finding.segmentationNode
        if self._undoLogic is None or self._undoLogic.GetSegmentationNode() is not node:
            self._undoLogic = editor_logic(node, finding.request.volumeNode)
        return undo_step(self._undoLogic) if self._undoLogic is not None else nullcontext()

    @property
    def canUndo(self):
        return self._historyIsAlive() and bool(self._undoLogic.CanUndo())

    @property
    def canRedo(self):
        return self._historyIsAlive() and bool(self._undoLogic.CanRedo())

    def _historyIsAlive(self):
        return self._undoLogic is not None and isInScene(self._undoLogic.GetSegmentationNode())

    def undo(self):
        """Take the last run back; returns whether there was one."""
        if not self.canUndo:
            return False
        with self._quietly():
            self._undoLogic.Undo()
        return True

    def redo(self):
        """Bring back what :meth:`undo` took; returns whether there was something."""
        if not self.canRedo:
            return False
        with self._quietly():
            self._undoLogic.Redo()
        return True

    def forget(self):
        """Let go of the scene's nodes."""
        self._watch(None)
        self._undoLogic = None

    @contextmanager
    def _quietly(self):
        """Tell our own changes from the user's."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _watch(self, segmentationNode):
        import slicer
        import vtk

        segmentation = segmentationNode.GetSegmentation() if segmentationNode else None
        if segmentation is self._watched:
            return
        if self._watched is not None:
            self._watched.RemoveObserver(self._watchTag)
        self._watched, self._touched = segmentation, set()
        if segmentation is None:
            return

        @vtk.calldata_type(vtk.VTK_STRING)
        def onModified(_caller, _event, segmentID):
            if not self._writing:
                self._touched.add(segmentID)

        self._watchTag = segmentation.AddObserver(
            slicer.vtkSegmentation.SourceRepresentationModified, onModified
        )
