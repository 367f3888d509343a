"""Workers on a Ray cluster: one actor holds one model, and answers study by study.

Actors are used rather than Ray Data, whose blocks would hold back a study's result until its
block is full: here it is kept as soon as it is there. An actor that is lost with its node loses
only the study that it was at, which another one gets. What ran when everything ends is asked for
again by the next run, as after any kill.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lsms_core.cohort.work import Outcome, Recipe, Task, attempt
from lsms_core.errors import DependencyError, WorkerError

# A node may go down under a study more than once; a study that ends each of its workers may not.
_MOST_TRIES = 4
# How long to wait for a worker where there is none: a cluster may be starting machines.
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Cluster:
    """Which cluster, and what each worker takes of it.

    Attributes:
        address: "auto", "host:port" or "ray://host:port"; "" starts Ray on this machine.
        workers: how many; None for as many as the cluster has room for now.
        cpus: cores of a worker.
        gpus: graphics cards of a worker; a share such as 0.5 is possible.
        patience_s: how long to wait where no worker is there.
    """

    address: str = ""
    workers: int | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    patience_s: float = _PATIENCE_S


def check_ray() -> None:
    """Find out whether Ray is installed.

    Raises:
        DependencyError: saying what to install.
    """
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            '--ray needs Ray: pip install "lsms-core[ray]" on every machine of the cluster.'
        ) from error


def run_on_ray(tasks: Sequence[Task], recipe: Recipe, cluster: Cluster) -> Iterator[Outcome]:
    """Answer studies on a Ray cluster.

    The studies' paths and the weights must be there on every machine.

    Raises:
        DependencyError: without Ray.
        WorkerError: when the cluster cannot be reached, has no room, or no worker can load the
            model.
    """
    check_ray()
    # Nothing is told to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(
                address=cluster.address or None,
                include_dashboard=False if not cluster.address else None,
                log_to_driver=False,
                configure_logging=False,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(f"No Ray cluster at {cluster.address!r}: {error}") from error
    try:
        yield from _Pool(cluster, recipe).run(tasks)
    finally:
        if ours:
            ray.shutdown()


class Answerer:
    """The actor."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._answering: Any = None

    def load(self) -> str:
        """Load the model; return what went wrong, "" for nothing."""
        try:
            self._answering = self._recipe.make()
        except Exception as error:  # noqa: BLE001 - the driver says it in one line
            return str(error) or type(error).__name__
        return ""

    def answer(self, task: Task) -> Outcome:
        """Answer one study."""
        return attempt(self._answering, task)


@dataclass
class _Pool:
    cluster: Cluster
    recipe: Recipe
    # A reference to a result -> the actor, and its study with the number of this try.
    running: dict[Any, tuple[Any, Task, int]] = field(default_factory=dict)
    # A reference to "I am ready" -> the actor.
    loading: dict[Any, Any] = field(default_factory=dict)
    free: list[Any] = field(default_factory=list)

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        import ray

        waiting = deque((task, 1) for task in tasks)
        for _ in range(min(len(tasks), self._count())):
            self._start()
        while waiting or self.running:
            while waiting and self.free:
                actor = self.free.pop()
                task, tries = waiting.popleft()
                self.running[actor.answer.remote(task)] = (actor, task, tries)
            known = [*self.running, *self.loading]
            patience = None if self.running else self.cluster.patience_s
            done, _ = ray.wait(known, num_returns=1, timeout=patience)
            if not done:
                raise WorkerError(
                    f"The Ray cluster gave no worker with {self.cluster.cpus:g} cores and "
                    f"{self.cluster.gpus:g} graphics cards within "
                    f"{self.cluster.patience_s:.0f} s: ask for less, or add a machine."
                )
            for reference in done:
                if reference in self.loading:
                    self._loaded(reference)
                else:
                    lost = yield from self._answered(reference)
                    if lost is not None:
                        waiting.append(lost)

    def _count(self) -> int:
        import ray

        if self.cluster.workers is not None:
            return self.cluster.workers
        there = ray.cluster_resources()
        room = there.get("CPU", 0.0) / max(self.cluster.cpus, 1e-9)
        if self.cluster.gpus:
            room = min(room, there.get("GPU", 0.0) / self.cluster.gpus)
        return max(int(room), 1)

    def _start(self) -> None:
        import ray

        kind = ray.remote(num_cpus=self.cluster.cpus, num_gpus=self.cluster.gpus)(Answerer)
        actor: Any = kind.remote(self.recipe)
        self.loading[actor.load.remote()] = actor

    def _loaded(self, reference: Any) -> None:  # noqa: ANN401
        import ray
        from ray.exceptions import RayError

        actor = self.loading.pop(reference)
        try:
            problem = ray.get(reference)
        except RayError:
            # Its machine went while it was loading; the cluster may find another one.
            self._start()
            return
        if problem:
            raise WorkerError(problem)
        self.free.append(actor)

    def _answered(
        self,
        reference: Any,  # noqa: ANN401
    ) -> Generator[Outcome, None, tuple[Task, int] | None]:
        """Give an outcome; return the study with its next try where its worker was lost."""
        import ray
        from ray.exceptions import RayError

        actor, task, tries = self.running.pop(reference)
        try:
            outcome = ray.get(reference)
        except RayError as error:
            self._start()
            if tries < _MOST_TRIES:
                return task, tries + 1
            yield Outcome(
                task.study.name,
                {},
                "WorkerError",
                f"Its workers were lost: {type(error).__name__}.",
            )
            return None
        self.free.append(actor)
        yield outcome
        return None
