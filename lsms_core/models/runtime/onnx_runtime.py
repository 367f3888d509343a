"""A network run by ONNX Runtime, on the CPU or by the provider of a GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lsms_core.errors import BundleError, DeviceError
from lsms_core.models.manifest import REINSTALL
from lsms_core.models.runtime.batches import in_batches
from lsms_core.models.runtime.choose import PROVIDERS
from lsms_core.models.runtime.graphs import graph_file, graphs_of
from lsms_core.models.runtime.interface import Part
from lsms_core.models.runtime.threads import default_threads

# Errors only: the library's warnings are of no use to users.
_LOG_ERRORS = 3
_OUT_OF_MEMORY = ("out of memory", "failed to allocate", "bad_alloc", "bad allocation")


class OnnxRuntime:
    """The graphs of a model's folder, each opened when it is first needed.

    Args:
        folder: the model's folder; see :mod:`lsms_core.models.runtime.graphs`.
        device: "cpu", "cuda:0", "directml" or "coreml"; there, what the provider does not know
            runs on the CPU.
        threads: CPU threads; default: see :mod:`lsms_core.models.runtime.threads`.

    Raises:
        BundleError: when a graph cannot be opened.
        DeviceError: when the provider cannot be used.
    """

    name = "onnxruntime"

    def __init__(self, folder: Path, device: str = "cpu", *, threads: int | None = None) -> None:
        self.device = device
        self.threads = threads or default_threads()
        self.parts: frozenset[Part] = graphs_of(folder)
        self._folder = folder
        self._sessions: dict[Part, Any] = {}
        if "draw" in self.parts:
            self._session("draw")

    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.draw`."""
        session = self._session("draw")
        return in_batches(lambda some: _run(session, {"image": some})[0], images, self.device)

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.encode`."""
        tokens = _run(self._session("text"), {"input_ids": ids[None].astype(np.int64)})[0]
        features: NDArray[np.float32] = tokens[0]
        return features

    def evidence(
        self,
        image: NDArray[np.float32],
        tokens: NDArray[np.float32],
        mask: NDArray[np.bool_],
        drawn: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.evidence`."""
        session = self._session("evidence")
        feeds = {"image": image, "tokens": tokens, "mask": mask}
        if any(entry.name == "drawn" for entry in session.get_inputs()):
            feeds["drawn"] = self.draw(image) if drawn is None else drawn
        logits: NDArray[np.float32] = _run(session, feeds)[0]
        return logits

    def _session(self, part: Part) -> Any:  # noqa: ANN401 - onnxruntime is not typed
        if part not in self._sessions:
            if part not in self.parts:
                raise BundleError(f"The model {self._folder.name} has no graph {part}.onnx.")
            self._sessions[part] = self._open(part)
        return self._sessions[part]

    def _open(self, part: Part) -> Any:  # noqa: ANN401 - onnxruntime is not typed
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_ERRORS
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        kind, _, number = self.device.partition(":")
        providers: list[Any] = ["CPUExecutionProvider"]
        if kind != "cpu":
            where = {"device_id": number} if number else {}
            providers.insert(0, (PROVIDERS[kind], where))
        if kind == "directml":
            options.enable_mem_pattern = False  # DirectML asks for it
        try:
            session = onnxruntime.InferenceSession(
                str(graph_file(self._folder, part)), options, providers=providers
            )
        except Exception as error:  # its classes share no public base but Exception
            raise BundleError(
                f"ONNX Runtime {onnxruntime.__version__} cannot open {part}.onnx of the model "
                f"{self._folder.name}; update onnxruntime, or {REINSTALL}"
            ) from error
        if kind != "cpu" and PROVIDERS[kind] not in session.get_providers():
            raise DeviceError(
                f"ONNX Runtime cannot use {self.device} here (its libraries are missing or do not "
                "fit the driver): use the device cpu."
            )
        return session


def _run(session: Any, feeds: dict[str, NDArray[Any]]) -> list[Any]:  # noqa: ANN401
    try:
        outputs: list[Any] = session.run(None, feeds)
    except Exception as error:
        if any(words in str(error).lower() for words in _OUT_OF_MEMORY):
            raise MemoryError(str(error)) from error
        raise
    return outputs
