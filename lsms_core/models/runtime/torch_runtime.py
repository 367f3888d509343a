"""A network run by torch: for training's own networks, CUDA, MPS, and models without graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lsms_core.errors import BundleError
from lsms_core.models.architectures import reads_text
from lsms_core.models.runtime.batches import in_batches
from lsms_core.models.runtime.interface import Part
from lsms_core.models.runtime.threads import default_threads

if TYPE_CHECKING:
    from lsms_core.models.architectures import Model
    from lsms_core.models.installed import BundleInfo

# The edge of the smallest image, pixels.
_SMALLEST = 64


class TorchRuntime:
    """A model in memory.

    Args:
        model: the model; it is used in place, not copied.
        device: "cpu", "cuda:0" or "mps".
        precision: "auto" is bfloat16 on CUDA and float32 elsewhere; "bfloat16" is faster on a
            CPU that has it in hardware (AVX512_BF16, AMX), and moves probabilities by up to
            some hundredths; "float32" is exact everywhere.
    """

    name = "torch"

    def __init__(self, model: Model, device: str = "cpu", *, precision: str = "auto") -> None:
        self.device = device
        self.precision = precision
        # Depth-wise convolutions are faster with the channels last, on CPUs and on CUDA.
        self.model = model.eval()
        network: nn.Module = self.model
        network.to(device=torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parts: frozenset[Part] = parts_of(model)

    @classmethod
    def load(
        cls,
        info: BundleInfo,
        device: str,
        *,
        threads: int | None = None,
        precision: str = "auto",
    ) -> TorchRuntime:
        """Load a bundle's weights.

        Args:
            info: the bundle.
            device: where it goes.
            threads: CPU threads of the whole process; default: one a physical core.
            precision: as for the class.

        Raises:
            BundleError: when the weights do not fit the configuration.
        """
        from lsms_core.models.bundle import load_model

        torch.set_num_threads(threads or default_threads())
        return cls(load_model(info), device, precision=precision)

    @property
    def threads(self) -> int:
        """CPU threads of the process."""
        return torch.get_num_threads()

    @torch.inference_mode()
    def draw(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.draw`."""
        if "draw" not in self.parts:
            raise BundleError("This network draws nothing that does not depend on the text.")

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            with self._autocast():
                return self._out(self.model.lsms.draw(self._image(some)))

        return in_batches(lambda some: _with_memory(run, some), images, self.device)

    @torch.inference_mode()
    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.encode`."""
        batch = torch.from_numpy(ids[None].astype(np.int64)).to(self.device)
        return self._out(self.model.text_encoder(batch, torch.ones_like(batch)))[0]

    @torch.inference_mode()
    def evidence(
        self,
        image: NDArray[np.float32],
        tokens: NDArray[np.float32],
        mask: NDArray[np.bool_],
        drawn: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """See :meth:`lsms_core.models.runtime.interface.Runtime.evidence`."""

        def run(some: NDArray[np.float32]) -> NDArray[np.float32]:
            maps = None if drawn is None else torch.from_numpy(drawn).to(self.device)
            words = torch.from_numpy(tokens).to(self.device), torch.from_numpy(mask).to(self.device)
            with self._autocast():
                return self._out(self.model.lsms(self._image(some), *words, maps))

        return _with_memory(run, image)

    def _image(self, images: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(images).to(self.device, memory_format=torch.channels_last)

    @staticmethod
    def _out(values: Any) -> NDArray[np.float32]:  # noqa: ANN401 - what a module returns
        out: NDArray[np.float32] = values.float().cpu().numpy()
        return out

    def _autocast(self) -> torch.autocast:
        kind = self.device.partition(":")[0]
        half = self.precision == "bfloat16" or (self.precision == "auto" and kind == "cuda")
        return torch.autocast(kind, torch.bfloat16, enabled=half)


@torch.inference_mode()
def parts_of(model: Model) -> frozenset[Part]:
    """Return the parts that a model has."""
    weight = next(model.lsms.parameters())
    smallest = weight.new_zeros((1, model.config.in_channels, _SMALLEST, _SMALLEST))
    parts: set[Part] = {"evidence", "text"} if reads_text(model) else set()
    if model.lsms.draw(smallest) is not None:
        parts.add("draw")
    return frozenset(parts)


def _with_memory(run: Any, images: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ANN401
    """Run, and say it in Python's own class where memory runs out."""
    try:
        out: NDArray[np.float32] = run(images)
    except RuntimeError as error:
        # MPS and the CPU's allocator have no class of their own.
        text = str(error).lower()
        if "out of memory" in text or "can't allocate memory" in text:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error
        raise
    return out
