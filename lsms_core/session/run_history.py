"""The runs of a session in their order, to take them back one by one."""

from dataclasses import dataclass

_LONGEST = 10
# Older runs can be taken back, but not cut or corrected: their maps are large.
_WITH_MAPS = 2


@dataclass
class Run:
    """A run that has ended.

    Attributes:
        findings: its findings.
        changes: the RunChanges of what it wrote; None where it wrote nothing.
        what: what it did, where it corrected the run before; else "".
    """

    findings: list
    changes: object = None
    what: str = ""

    @property
    def gone(self):
        """Whether all that it wrote was removed or undone elsewhere."""
        return self.changes is not None and not self.changes.empty and not self.changes.alive

    @property
    def title(self):
        """What the panel calls it: the correction, or the prompts."""
        return self.what or ", ".join(f"“{finding.prompt}”" for finding in self.findings)


class RunHistory:
    """Runs that can be taken back, and those that were.

    Args:
        writer: the session's SegmentWriter.
    """

    def __init__(self, writer):
        self._writer = writer
        self._runs = []
        self._undone = []

    @property
    def current(self):
        """The last run, None before the first."""
        return self._runs[-1] if self._runs else None

    @property
    def canUndo(self):
        return any(not run.gone for run in self._runs)

    @property
    def canRedo(self):
        return bool(self._undone) and _segmentationIsThere(self._undone[-1])

    def add(self, run):
        """Make a run the current one."""
        self._runs = [*self._runs, run][-_LONGEST:]
        self._undone = []
        for earlier in self._runs[:-_WITH_MAPS]:
            for finding in earlier.findings:
                finding.answer = None  # each run has its own Finding objects

    def undo(self):
        """Take back the last run that is still there; returns it, None where there is none.

        Raises:
            LsmsError: when it cannot be taken back; nothing is changed then.
        """
        while self._runs and self._runs[-1].gone:
            self._runs.pop()
        if not self._runs:
            return None
        run = self._runs[-1]
        if run.changes is not None:
            self._writer.takeBack(run.changes, run.findings[0].request.volumeNode)
        self._undone.append(self._runs.pop())
        return run

    def redo(self):
        """Bring back the run that was taken back last; returns it, None where there is none.

        Raises:
            LsmsError: when it cannot be brought back; nothing is changed then.
        """
        if not self.canRedo:
            return None
        run = self._undone[-1]
        if run.changes is not None:
            self._writer.bringBack(run.changes, run.findings[0].request.volumeNode)
        self._runs.append(self._undone.pop())
        return run

    def clear(self):
        self._runs, self._undone = [], []


def _segmentationIsThere(run):
    return run.changes is None or run.changes.node.GetScene() is not None
