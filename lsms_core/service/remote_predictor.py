"""A model on an engine's server, with the interface of a local one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.errors import InputError, WorkerError
from lsms_core.inference.candidates import CandidateSet
from lsms_core.service.service_client import ServiceClient
from lsms_core.worker.events import WorkerEvent
from lsms_core.worker.messages import candidates_from

_POLL_SECONDS = 0.01


class RemotePredictor:
    """Searches volumes on a server.

    Args:
        client: asks the server.
        weights: the model's name there.
        engine: the engine, None for the one that the model names.
    """

    def __init__(self, client: ServiceClient, weights: str, engine: str | None = None) -> None:
        self._client = client
        self._model = {"weights": weights, "engine": engine, "device": "auto"}

    def search(
        self,
        volume: CTVolume,
        *,
        plane: str | int = "axial",
        slices: Sequence[int] | None = None,
        progress: Callable[[int, int, float | None], None] | None = None,
        threshold: float | None = None,
        texts: Sequence[str] = (),
    ) -> CandidateSet:
        """Find the candidates; see :meth:`lsms_core.inference.predictor.Predictor.search`.

        Raises:
            InputError: for what the server refuses.
            WorkerError: when it cannot be reached, or is lost.
        """
        request = self._client.search(
            volume.array,
            volume.affine,
            model=self._model,
            plane=plane,
            slices=slices,
            threshold=threshold,
            texts=texts,
        )
        try:
            event = self._wait(request, progress)
        except BaseException:
            self._client.cancel(request)  # Ctrl+C: nobody waits for it any more
            raise
        if event.kind == "one_text":
            raise InputError(
                "The server's model looks for one text at a time: choose another one, or run it on "
                "this computer."
            )
        if event.kind != "candidates":
            said = str(event.fields.get("message", "The server stopped the run."))
            raise (
                InputError(said) if event.fields.get("kind") == "InputError" else WorkerError(said)
            )
        return candidates_from(event.fields, event.arrays, volume)

    def _wait(
        self, request: int, progress: Callable[[int, int, float | None], None] | None
    ) -> WorkerEvent:
        while True:
            for event in self._client.poll():
                if event.kind == "died":
                    raise WorkerError(str(event.fields["message"]))
                if event.request != request:
                    continue
                if event.kind != "progress":
                    return event
                fields = event.fields
                if progress is not None and fields.get("stage") == "slices":
                    progress(int(fields["done"]), int(fields["total"]), fields["seconds_left"])
            time.sleep(_POLL_SECONDS)
