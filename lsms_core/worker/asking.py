"""The requests to an engine, in a child process or on a server."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import WorkerError
from lsms_core.worker.events import WorkerEvent, about


class Asking(ABC):
    """Makes requests and waits for their answers; subclasses send them."""

    @abstractmethod
    def request(self, kind: str, fields: dict[str, Any], ct: NDArray[Any] | None = None) -> int:
        """Send a request of ``docs/worker-protocol.md``; returns its number at once.

        Args:
            kind: "segment", "search", "ask", "explain", "load" or "unload".
            fields: its entries, without the number.
            ct: (slices, rows, columns), HU, where the request is about an image.

        Raises:
            WorkerError: when nobody can be asked, or the array is of a type that cannot be sent.
        """

    @abstractmethod
    def poll(self) -> list[WorkerEvent]:
        """Return what has happened since the last call; never blocks for long."""

    @abstractmethod
    def put_back(self, events: list[WorkerEvent]) -> None:
        """Let the next :meth:`poll` return these events first."""

    def load(self, model: Mapping[str, Any]) -> int:
        """Ask the worker to load a model now; returns the request's number.

        Args:
            model: ``weights`` (name or folder), ``engine`` and ``device``.
        """
        return self.request("load", {"model": dict(model)})

    def segment(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        texts: Sequence[str],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        volume_key: str | None = None,
    ) -> int:
        """Ask for the masks that ``texts`` name; returns the request's number at once.

        Args:
            ct: (slices, rows, columns), HU.
            affine: (4, 4) IJK to RAS, mm.
            texts: one prompt or more.
            model: ``weights``, ``engine`` and ``device``.
            plane: anatomical plane or array axis.
            slices: indices along the plane's axis; None for the whole volume.
            volume_key: a key that changes whenever the voxels or the geometry do. The worker
                keeps the last volume, and a volume it has is not sent again.
        """
        fields = {"texts": list(texts), **about(affine, model, plane, slices, volume_key)}
        return self.request("segment", fields, ct)

    def search(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        threshold: float | None = None,
        volume_key: str | None = None,
        texts: Sequence[str] = (),
    ) -> int:
        """Ask for the candidates; returns the request's number at once.

        It is answered by a "candidates" event; ``lsms_core.worker.messages.candidates_from``
        makes a ``CandidateSet`` of it.

        Args are those of :meth:`segment`, and the threshold that the map is cut at, None for the
        model's own. The texts are what will be asked: the model is asked for looks that they name
        and that nothing measures.
        """
        fields = about(affine, model, plane, slices, volume_key)
        asked = {"texts": list(texts), "threshold": threshold}
        return self.request("search", {**fields, **asked}, ct)

    def ask(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        texts: Sequence[str],
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        threshold: float | None = None,
        volume_key: str | None = None,
        masks: bool = True,
    ) -> int:
        """Ask texts about candidates; returns the request's number at once.

        It is answered by an "answers" event, within some milliseconds where the same volume and
        slices were searched before; else they are searched first.

        Args are those of :meth:`search`, prompts, and whether masks are sent, too.
        """
        fields = about(affine, model, plane, slices, volume_key)
        asked = {"texts": list(texts), "threshold": threshold, "masks": masks}
        return self.request("ask", {**fields, **asked}, ct)

    def explain(
        self,
        ct: NDArray[Any],
        affine: NDArray[np.float64],
        text: str,
        *,
        model: Mapping[str, Any],
        plane: str | int = "axial",
        index: int = 0,
        threshold: float | None = None,
        volume_key: str | None = None,
    ) -> int:
        """Ask what leads to the answer on one slice; returns the request's number at once.

        It is answered by an "explanation" event.

        Args:
            ct: as for :meth:`segment`.
            affine: as for :meth:`segment`.
            text: one prompt.
            model: as for :meth:`segment`.
            plane: as for :meth:`segment`.
            index: of the slice along the plane's axis.
            threshold: probability from which a pixel belongs to the answer; default: the
                model's own.
            volume_key: as for :meth:`segment`.
        """
        fields = {
            "text": text,
            "plane": plane,
            "index": int(index),
            "threshold": None if threshold is None else float(threshold),
            "affine": np.asarray(affine, np.float64).tolist(),
            "model": dict(model),
            "volume_key": volume_key,
        }
        return self.request("explain", fields, ct)

    def unload(self) -> int:
        """Ask the worker to free the model's memory."""
        return self.request("unload", {})

    def wait(self, request: int, timeout: float) -> WorkerEvent:
        """Poll until a request ends; for scripts and tests.

        Returns:
            Its "result", "candidates", "answers", "explanation", "loaded", "unloaded",
            "cancelled" or "error" event.

        Raises:
            WorkerError: when the worker dies or the time runs out.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            events = self.poll()
            for index, event in enumerate(events):
                if event.kind == "died":
                    raise WorkerError(str(event.fields["message"]))
                if event.request == request and event.kind != "progress":
                    self.put_back(events[index + 1 :])
                    return event
            time.sleep(0.001)
        raise WorkerError(f"The worker did not answer within {timeout:.0f} s; restart it.")
