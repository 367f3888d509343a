"""Undo of a prompt run: one step, which takes back only what the run wrote.

Users paint between runs, and other tools add segments. Restoring a copy of the whole segmentation,
as Segment Editor's history does, would also remove this work. So a run remembers the segments that
it wrote, and the voxels that it changed in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from slicer import vtkMRMLSegmentationNode, vtkSegment

from lsms_core.errors import InputError, OutputError
from lsms_core.mrml.labelmaps import (
    Bool3D,
    Patch,
    fill_segment,
    find_segment,
    labelmap_image,
    resample,
    segment_ids,
    segment_patch,
)
from lsms_core.mrml.provenance_tags import TAG_NAMES, tag_of

# A segment's tags cannot be listed from Python; these are the ones that a run writes.
_TAGS = (*TAG_NAMES, vtkSegment.GetTerminologyEntryTagName())


@dataclass(frozen=True)
class SegmentState:
    """A segment at one moment.

    Attributes:
        patch: its voxels with their place, None for none.
        name: its name.
        colour: red, green, blue, 0 to 1.
        tags: the tags that a run writes, by name, terminology included.
        metadata: a copy of the segment without its voxels.
    """

    patch: Patch | None
    name: str
    colour: tuple[float, float, float]
    tags: dict[str, str]
    metadata: vtkSegment

    @classmethod
    def of(cls, node: vtkMRMLSegmentationNode, segment_id: str) -> SegmentState | None:
        """Return a segment's state, None where there is no such segment."""
        segment = node.GetSegmentation().GetSegment(segment_id)
        if segment is None:
            return None
        metadata = vtkSegment()
        metadata.DeepCopyMetadata(segment)
        tags = {name: tag_of(segment, name) for name in _TAGS}
        return cls(
            segment_patch(node, segment_id),
            segment.GetName(),
            tuple(segment.GetColor()),
            {name: value for name, value in tags.items() if value is not None},
            metadata,
        )

    def same_as(self, other: SegmentState | None) -> bool:
        """Whether nothing differs from another state."""
        return (
            other is not None
            and (self.name, self.colour, self.tags) == (other.name, other.colour, other.tags)
            and same_patch(self.patch, other.patch)
        )


States = dict[str, SegmentState | None]


@dataclass
class RunChanges:
    """What one run wrote to a segmentation; :meth:`undo` and :meth:`redo` switch it.

    Attributes:
        node: the segmentation.
        before: segment ID -> its state before the run, None for a segment that the run made.
        after: segment ID -> its state as the run left it, None for a segment that it removed.
    """

    node: vtkMRMLSegmentationNode
    before: States = field(default_factory=dict)
    after: States = field(default_factory=dict)
    _undone: tuple[States, States] = field(default_factory=lambda: ({}, {}))

    @contextmanager
    def written(self, may_change: Iterable[str]) -> Iterator[None]:
        """Write inside of this; an error inside takes all of it back.

        May be entered again, as when the threshold moves: then it is still one step.

        Args:
            may_change: IDs of the segments that may be changed or removed; segments that are
                made are noticed without being named.

        Raises:
            InputError: when the segmentation was deleted.
        """
        if self.node is None or self.node.GetScene() is None:
            raise InputError("The segmentation was deleted: select another and run again.")
        known = set(segment_ids(self.node))
        start = {s: SegmentState.of(self.node, s) for s in may_change if s in known}
        try:
            yield
        except BaseException:
            now = self._now(start, known)
            RunChanges(self.node, start | dict.fromkeys(set(now) - set(start)), now).undo()
            raise
        now = self._now(start, known)
        for segment_id, state in now.items():
            self.before.setdefault(segment_id, start.get(segment_id))
            self.after[segment_id] = state

    def _now(self, start: States, known: set[str]) -> States:
        made = [s for s in segment_ids(self.node) if s not in known]
        states = {s: SegmentState.of(self.node, s) for s in [*start, *made]}
        return {
            s: state
            for s, state in states.items()
            if s in made or state is None or not state.same_as(start[s])
        }

    @property
    def empty(self) -> bool:
        """Whether the run wrote nothing."""
        return not self.after

    @property
    def alive(self) -> bool:
        """Whether there is still something that :meth:`undo` would take back."""
        if self.node is None or self.node.GetScene() is None:
            return False
        segmentation = self.node.GetSegmentation()
        return any(
            state is None or segmentation.GetSegment(s) is not None
            for s, state in self.after.items()
        )

    def undo(self) -> None:
        """Take back what the run wrote; voxels and names changed since then stay.

        Raises:
            InputError: when the segmentation was deleted.
        """
        taken = {s: SegmentState.of(self.node, s) for s in self.after} if self.alive else {}
        self._switch(self.after, self.before)
        self._undone = ({s: SegmentState.of(self.node, s) for s in taken}, taken)

    def redo(self) -> None:
        """Bring back what :meth:`undo` took, as it was when it was taken.

        Raises:
            InputError: when the segmentation was deleted.
        """
        self._switch(*self._undone)

    def _switch(self, old: States, new: States) -> None:
        if self.node is None or self.node.GetScene() is None:
            raise InputError("The segmentation was deleted: there is nothing to take back.")
        modifying = self.node.StartModify()
        try:
            for segment_id in new:
                _switch_segment(self.node, segment_id, old.get(segment_id), new[segment_id])
        finally:
            self.node.EndModify(modifying)


def _switch_segment(
    node: vtkMRMLSegmentationNode,
    segment_id: str,
    old: SegmentState | None,
    new: SegmentState | None,
) -> None:
    """Bring one segment from ``old`` to ``new``, and leave alone what is neither's."""
    now = SegmentState.of(node, segment_id)
    if now is None:
        # Removed elsewhere: only segments that the run itself had removed or taken back return.
        wanted = _here(node, new)
        if old is None and wanted is not None:
            _restore(node, segment_id, wanted)
        return
    old, new = _here(node, old), _here(node, new)
    if old is None and new is not None:
        old = replace(now, patch=None)  # an ID that was used again meanwhile keeps its voxels
    patch = _without_the_step(now.patch, old.patch if old else None, new.patch if new else None)
    if new is None and patch is None:
        node.GetSegmentation().RemoveSegment(segment_id)
        return
    if not same_patch(patch, now.patch):
        image = labelmap_image(patch, node) if patch is not None else None
        fill_segment(node, segment_id, image)
    if new is not None and old is not None:
        _switch_labels(find_segment(node, segment_id), now, old, new)


def _here(node: vtkMRMLSegmentationNode, state: SegmentState | None) -> SegmentState | None:
    """Return a state as it is now: a segmentation takes its voxels along under a transform."""
    if state is None or state.patch is None:
        return state
    return replace(state, patch=replace(state.patch, parent=node.GetParentTransformNode()))


def _without_the_step(now: Patch | None, old: Patch | None, new: Patch | None) -> Patch | None:
    """Return ``now`` with the voxels that differ from ``old`` to ``new`` switched back.

    Voxels that no longer are as in ``old`` were changed elsewhere, and stay.
    """
    if same_patch(now, old):
        return new
    grid = next((p for p in (now, old, new) if p is not None), None)
    if grid is None:
        return None
    arrays, start = _on_one_grid([now, old, new], grid)
    present, before, wanted = arrays
    result = np.where(present == before, wanted, present)
    if not result.any():
        return None
    return Patch(result, grid.affine, grid.parent, start).cropped()


def _on_one_grid(
    patches: Sequence[Patch | None], grid: Patch
) -> tuple[list[Bool3D], tuple[int, int, int]]:
    """Return the patches on one box of a grid, and the (i, j, k) where the box begins."""
    there = [resample(p, grid.affine, grid.parent) if p is not None else None for p in patches]
    boxes = [p for p in there if p is not None]
    low = np.min([p.start for p in boxes], axis=0)
    high = np.max([np.add(p.start, p.array.shape[::-1]) for p in boxes], axis=0)
    shape = tuple(int(n) for n in (high - low)[::-1])
    start = (int(low[0]), int(low[1]), int(low[2]))
    empty = np.zeros(shape, np.bool_)
    return [empty if p is None else p.onto(shape, start) for p in there], start


def same_patch(one: Patch | None, other: Patch | None) -> bool:
    """Whether two segments' voxels and their places are the same."""
    if one is None or other is None:
        return one is other
    return (
        one.start == other.start
        and one.parent is other.parent
        and np.array_equal(one.array, other.array)
        and np.allclose(one.affine, other.affine)
    )


def _switch_labels(
    segment: vtkSegment, now: SegmentState, old: SegmentState, new: SegmentState
) -> None:
    if now.name == old.name != new.name:
        segment.SetName(new.name)
    if now.colour == old.colour != new.colour:
        segment.SetColor(*new.colour)
    for tag in {*old.tags, *new.tags}:
        if now.tags.get(tag) == old.tags.get(tag) != new.tags.get(tag):
            if tag in new.tags:
                segment.SetTag(tag, new.tags[tag])
            else:
                segment.RemoveTag(tag)


def _restore(node: vtkMRMLSegmentationNode, segment_id: str, state: SegmentState) -> None:
    """Add a segment that is gone, under the ID that it had."""
    segment = vtkSegment()
    segment.DeepCopyMetadata(state.metadata)
    if not node.GetSegmentation().AddSegment(segment, segment_id):
        raise OutputError(f'The segment "{state.name}" could not be brought back.')
    if state.patch is not None:
        fill_segment(node, segment_id, labelmap_image(state.patch, node))
