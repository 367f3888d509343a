"""The devices of a run without texts: a GPU or the CPU, or several of them side by side.

Each of several devices draws pictures of its own; their gradients are averaged before every step,
so that the weights stay the same on all of them (data parallelism, with Lightning Fabric).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from lsms_core.errors import DeviceError, InputError, LsmsError
from lsms_core.training.config import TrainingConfig
from lsms_core.training.waiting import in_first_process

# With float16 the gradients would have to be scaled.
_PRECISIONS = ("32-true", "bf16-mixed")


class Devices:
    """What a run computes on; with several devices, this process has one of them.

    The other processes run the same command, and are started here.

    Args:
        config: of the run; ``accelerator``, ``devices`` and ``precision`` count.

    Raises:
        InputError: when this machine has no such devices, or for another precision.
    """

    def __init__(self, config: TrainingConfig) -> None:
        if config.precision not in _PRECISIONS:
            raise InputError(
                f"Runs without texts know no precision {config.precision!r}: use one of "
                f"{', '.join(_PRECISIONS)}."
            )
        try:
            self._fabric = lightning.Fabric(
                accelerator=config.accelerator,
                devices=config.devices,
                precision=config.precision,
            )
        except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
            raise InputError(
                f"There is no accelerator {config.accelerator!r} with {config.devices!r} devices "
                'here: set both to "auto" for what this machine has.'
            ) from error
        self._fabric.launch()

    @property
    def count(self) -> int:
        """How many devices there are."""
        return self._fabric.world_size

    @property
    def number(self) -> int:
        """Which of them this process has, from 0."""
        return self._fabric.global_rank

    def place(self, *models: torch.nn.Module) -> None:
        """Move models to the device."""
        for model in models:
            model.to(self._fabric.device)

    def moved(self, batch: Any) -> Any:  # noqa: ANN401
        """Return the same with all tensors on the device."""
        return self._fabric.to_device(batch)

    def precision(self) -> AbstractContextManager[None]:
        """Return the context in which the network and its loss are computed."""
        return self._fabric.autocast()

    def average(self, parameters: Sequence[Tensor]) -> None:
        """Replace the gradients by their means over all devices."""
        if self.count == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in gradients])
        with self._together():
            means = self._fabric.all_reduce(flat, reduce_op="mean")
        assert isinstance(means, Tensor)
        sizes = [g.numel() for g in gradients]
        for parameter, mean in zip(parameters, means.split(sizes), strict=True):
            parameter.grad = mean.view_as(parameter)

    def first(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the first process, while the others wait for it.

        Raises:
            SystemExit: in the other processes, when it fails; the first raises what it raised, so
                that one message says why.
        """
        failure, threads = None, torch.get_num_threads()
        if in_first_process():
            try:
                work()
            except Exception as error:  # noqa: BLE001
                failure = error
            finally:
                # Opening an engine takes all cores for this process; the others need theirs.
                torch.set_num_threads(threads)
        with self._together():
            failed = self._fabric.broadcast(failure is not None)
        if failure is not None:
            raise failure
        if failed:
            raise SystemExit(LsmsError.exit_code)

    def once(self, path: Path, make: Callable[[], None]) -> None:
        """Have the first process make a file of the run, unless it is there; see :meth:`first`."""
        self.first(lambda: None if path.is_file() else make())

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Do what needs all processes; where one has ended, the first says so, if it can."""
        try:
            yield
        except RuntimeError as error:
            if not in_first_process():
                raise SystemExit(LsmsError.exit_code) from None
            raise DeviceError(
                f"Another device's process has ended ({error}): --resume goes on from the last "
                "checkpoint."
            ) from error

    def pictures(self, step: int, steps: int, batch_size: int) -> list[list[int]]:
        """Return the numbers of this device's pictures in each step that is left.

        Args:
            step: steps done.
            steps: of the whole run.
            batch_size: pictures a step on each device.
        """
        share = batch_size * self.count
        firsts = [s * share + self.number * batch_size for s in range(step, steps)]
        return [list(range(first, first + batch_size)) for first in firsts]
