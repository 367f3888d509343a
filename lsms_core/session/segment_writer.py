"""Writes findings to segments in one undo step, and rewrites them when the threshold moves."""

from contextlib import contextmanager
from datetime import datetime

import numpy as np


def isInScene(node):
    """Whether a node is in Slicer's scene; a deleted node is in none."""
    return node is not None and node.GetScene() is not None


class SegmentWriter:
    """Writes the findings of one run after another.

    Attributes:
        beforeWrite: called with (segmentationNode, volumeNode) before a run is written or taken
            back; the panel saves Segment Editor's undo state there.
        onOthersChange: called when segments were changed by anybody else.
    """

    def __init__(self):
        self.beforeWrite = None
        self.onOthersChange = None
        self._watched = None
        self._watchTags = []
        self._writing = False
        self._touched = set()

    def writeRun(self, findings):
        """Write what a run found as one undo step; what was not found touches nothing.

        Returns:
            The RunChanges; None when nothing was found.

        Raises:
            LsmsError: when something cannot be written; nothing is written then.
        """
        from lsms_core.mrml.placing import segments_of_prompt
        from lsms_core.mrml.undo import RunChanges

        found = [finding for finding in findings if finding.present]
        if not found:
            return None
        node = self._segmentationNode(found[0].request)
        for finding in findings:
            finding.segmentationNode = node
        self._beforeWrite(node, found[0].request.volumeNode)
        self.watch(node)
        changes = RunChanges(node)
        mayChange = [s for finding in found for s in segments_of_prompt(node, finding.prompt)]
        with self.quietly(), changes.written(mayChange):
            for finding in found:
                self._write(finding)
        return changes

    def _beforeWrite(self, node, volumeNode):
        if self.beforeWrite is not None:
            self.beforeWrite(node, volumeNode)

    def _segmentationNode(self, request):
        if request.segmentationNode is not None:
            return request.segmentationNode
        scene = request.volumeNode.GetScene()
        name = scene.GenerateUniqueName(f"{request.volumeNode.GetName()} findings")
        return scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)

    def _write(self, finding):
        from lsms_core.mrml.segment_writing import WriteOptions, write_mask

        request = finding.request
        finding.segmentIDs = write_mask(
            finding.segmentationNode,
            request.volumeNode,
            finding.mask,
            self._meta(finding),
            WriteOptions(
                policy=request.policy,
                overlap=request.overlap,
                split_lesions=request.splitLesions,
            ),
            region=finding.region(),
            lesions=finding.lesionLabels if request.splitLesions else None,
            box=finding.answer.box,
        )
        self._readParts(finding)
        self._remember(finding)

    @staticmethod
    def _readParts(finding):
        from lsms_core.mrml.labelmaps import patch_on_volume

        finding.parts = {}
        if len(finding.segmentIDs) > 1 or finding.request.splitLesions:
            node, volumeNode = finding.segmentationNode, finding.request.volumeNode
            for segmentID in finding.segmentIDs:
                part = np.zeros(finding.shape, np.bool_)
                patch = patch_on_volume(node, volumeNode, segmentID)
                inside = patch and patch.within(finding.shape)
                if inside:
                    part[inside.box] = inside.array & finding.mask[inside.box]
                finding.parts[segmentID] = part

    def rewrite(self, findings, changes, dropEmpty=False):
        """Write the findings' new answers into the segments that they made.

        Args:
            findings: the run's.
            changes: the RunChanges that it becomes a part of.
            dropEmpty: remove a lesion's segment when the lesion is no longer in the answer;
                else it is emptied, so that moving the threshold back fills it again.

        Returns:
            The RunChanges; None when there is still nothing.
        """
        node = findings[0].segmentationNode
        if node is None:
            # The run found nothing, a lower threshold does: now it is a run with a finding.
            return self.writeRun(findings)
        self.watch(node)
        mayChange = [s for finding in findings for s in finding.segmentIDs]
        with self.quietly(), changes.written(mayChange):
            for finding in findings:
                if finding.segmentIDs:
                    self._rewriteFinding(finding, dropEmpty)
                elif finding.present:
                    self._write(finding)
        return changes

    def _rewriteFinding(self, finding, dropEmpty):
        shares, others = self._shares(finding)
        for segmentID, mask in shares.items():
            if dropEmpty and len(shares) > 1 and not mask.any():
                finding.segmentationNode.GetSegmentation().RemoveSegment(segmentID)
                finding.segmentIDs.remove(segmentID)
            else:
                self._rewriteSegment(finding, segmentID, mask)
        if others is not None:
            self._addLesions(finding, others)
        if finding.request.splitLesions:
            self._readParts(finding)
        self._remember(finding)

    def _addLesions(self, finding, mask):
        """Make segments of lesions that came to an answer with one segment a lesion."""
        from lsms_core.mrml.segment_writing import WriteOptions, write_mask

        finding.segmentIDs += write_mask(
            finding.segmentationNode,
            finding.request.volumeNode,
            mask,
            self._meta(finding),
            WriteOptions(policy="new", overlap=finding.request.overlap, split_lesions=True),
            lesions=finding.lesionLabels,
            box=finding.answer.box,
        )

    def _rewriteSegment(self, finding, segmentID, mask):
        from lsms_core.mrml.segment_writing import WriteOptions, replace_mask, write_mask

        node, volumeNode = finding.segmentationNode, finding.request.volumeNode
        region = finding.region()
        written = write_mask(
            node,
            volumeNode,
            mask,
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
                np.zeros_like(mask),
                region=region,
                threshold=finding.threshold,
            )

    @staticmethod
    def _shares(finding):
        """Return segment ID -> its part of the new answer, and the part that belongs to none.

        The lesions go to the segments whose lesions grew or shrank to them. With one segment a
        lesion, one that touches none of them is a lesion of its own; the second is None
        where there is no such lesion.
        """
        mask, split = finding.mask, finding.request.splitLesions
        if len(finding.segmentIDs) == 1 and not split:
            return {finding.segmentIDs[0]: mask}, None
        shares = {s: np.zeros(mask.shape, np.bool_) for s in finding.segmentIDs}
        box = finding.answer.box
        if box is None:
            return shares, None
        before = {s: part[box] for s, part in finding.parts.items()}
        labels = finding.lesionLabels
        others = np.zeros(mask.shape, np.bool_)
        for number in np.unique(labels[labels > 0]).tolist():
            piece = labels == number
            overlaps = [int((piece & before[s]).sum()) for s in before]
            if not before:
                shares[finding.segmentIDs[0]][box] |= piece
            elif max(overlaps) == 0 and split:
                others[box] |= piece
            else:
                shares[list(before)[int(np.argmax(overlaps))]][box] |= piece
        return shares, others if others.any() else None

    def whyNotRewritable(self, findings):
        """Return why these segments must not be rewritten, "" when they may be."""
        from lsms_core.mrml.segment_writing import is_locked
        from lsms_core.session.translation import tr as _

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

    @staticmethod
    def _asWritten(finding, segmentID):
        from lsms_core.mrml.labelmaps import segment_patch
        from lsms_core.mrml.undo import same_patch

        return same_patch(
            segment_patch(finding.segmentationNode, segmentID), finding.written[segmentID]
        )

    def _remember(self, finding):
        from lsms_core.mrml.labelmaps import segment_patch

        node = finding.segmentationNode
        finding.written = {s: segment_patch(node, s) for s in finding.segmentIDs}
        self._touched.difference_update(finding.segmentIDs)

    def _meta(self, finding, segmentID=None):
        from dataclasses import replace

        from lsms_core.mrml.segment_writing import SegmentMeta, read_meta

        old = None
        if segmentID is not None:
            old = read_meta(finding.segmentationNode, segmentID)
        if old is not None:
            return replace(
                old,
                threshold=finding.threshold,
                score=finding.score,
                reading=_readingText(finding.answer),
            )
        return SegmentMeta(
            prompt=finding.prompt,
            model=finding.answer.model,
            engine=finding.answer.engine,
            reading=_readingText(finding.answer),
            score=finding.score,
            threshold=finding.threshold,
            plane=finding.plane,
            slices=finding.sliceText(),
            date=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def takeBack(self, changes, volumeNode):
        """Take a run back: what it wrote, and nothing else.

        Raises:
            InputError: when a segment of the run is locked; nothing is changed then.
        """
        self._switch(changes, volumeNode, changes.undo)

    def bringBack(self, changes, volumeNode):
        """Bring back what :meth:`takeBack` took.

        Raises:
            InputError: when a segment of the run is locked; nothing is changed then.
        """
        self._switch(changes, volumeNode, changes.redo)

    def _switch(self, changes, volumeNode, switch):
        from lsms_core.mrml.labelmaps import segment_ids
        from lsms_core.mrml.locks import unlocked_segment

        for segmentID in set(changes.after) & set(segment_ids(changes.node)):
            unlocked_segment(changes.node, segmentID)
        if isInScene(volumeNode):
            self._beforeWrite(changes.node, volumeNode)
        with self.quietly():
            switch()

    def forget(self):
        """Let go of the scene's nodes."""
        self.watch(None)

    @contextmanager
    def quietly(self):
        """Mark changes as the module's own, so that they are not taken for the user's."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def watch(self, segmentationNode):
        """Observe a segmentation for changes from elsewhere; None for none."""
        import slicer
        import vtk

        segmentation = segmentationNode.GetSegmentation() if segmentationNode else None
        if segmentation is self._watched:
            return
        for tag in self._watchTags:
            self._watched.RemoveObserver(tag)
        self._watched, self._touched, self._watchTags = segmentation, set(), []
        if segmentation is None:
            return

        @vtk.calldata_type(vtk.VTK_STRING)
        def onModified(_caller, _event, segmentID=""):
            if not self._writing:
                # Slicer's own helpers for scripts say that something changed, not what.
                changed = (segmentID,) if segmentID else segmentation.GetSegmentIDs()
                self._touched.update(changed)
                if self.onOthersChange is not None:
                    self.onOthersChange()

        kind = slicer.vtkSegmentation
        for event in (kind.SourceRepresentationModified, kind.SegmentAdded, kind.SegmentRemoved):
            self._watchTags.append(segmentation.AddObserver(event, onModified))


def _readingText(answer):
    """Return what was read from the prompt, in short phrases, for the segment's tags."""
    from lsms_core.language.chips import describe

    return describe(answer.reading) if answer.reading is not None else ""
