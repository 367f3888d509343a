"""Runs a cohort: gives the unfinished studies to the workers, and keeps every outcome.

Workers only compute; only this process writes. If any process is killed, a study is in the results
once or not at all, and the next run continues with the missing studies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsms_core.cohort.gallery import write_gallery
from lsms_core.cohort.prompts import Prompts, check_prompts
from lsms_core.cohort.results import check_parquet, write_errors, write_tables
from lsms_core.cohort.store import CohortStore
from lsms_core.cohort.studies import CohortStudy
from lsms_core.cohort.work import Outcome, Recipe, Task
from lsms_core.errors import InputError

Executor = Callable[[Sequence[Task], Recipe], Iterator[Outcome]]
"""Answers tasks in any order: in this process, in several, or on a cluster."""

Progress = Callable[[int, int, int, float | None], None]
"""Called with studies done, studies in all, studies failed, and the seconds left."""


@dataclass(frozen=True)
class CohortSummary:
    """The outcome of a cohort run.

    Attributes:
        studies: how many it has.
        before: how many were finished before this run.
        finished: how many are now.
        failed: how many failed.
        rows: of the table.
        seconds: that this run took.
    """

    studies: int
    before: int
    finished: int
    failed: int
    rows: int
    seconds: float


def run_cohort(
    studies: Sequence[CohortStudy],
    prompts: Prompts,
    store: CohortStore,
    recipe: Recipe,
    executor: Executor,
    settings: Mapping[str, Any],
    *,
    retry_errors: bool = False,
    progress: Progress | None = None,
) -> CohortSummary:
    """Answer what is missing of a cohort, and write its tables and gallery.

    Args:
        studies: all of them, also those that are finished.
        prompts: what is asked.
        store: where the results lie.
        recipe: how a worker makes what answers.
        executor: who works.
        settings: what the results depend on; a folder takes only results of the same.
        retry_errors: whether studies that failed before are tried again.
        progress: told before the first and after each study.

    Raises:
        InputError: for prompts that do not fit, other settings, or a folder in use.
        DependencyError: without pyarrow.
        OutputError: when results cannot be written.
        WorkerError: when no worker can begin.
    """
    check_parquet()
    check_prompts(studies, prompts)
    started = time.monotonic()
    names = [study.name for study in studies]
    with store.locked():
        store.check_settings(settings)
        if retry_errors:
            store.forget_errors()
        finished = store.finished() & set(names)
        _check_same_prompts(store, studies, prompts, finished)
        failed = (store.failed() - finished) & set(names)
        tasks = [
            Task(study, prompts.of(study))
            for study in studies
            if study.name not in finished and study.name not in failed
        ]
        before = len(finished)
        try:
            _answer(tasks, recipe, executor, store, (before, len(failed), len(names)), progress)
        finally:
            # Also after an interrupt: what is there can be looked at.
            rows = _write(store, studies, names)
        return CohortSummary(
            studies=len(names),
            before=before,
            finished=len(store.finished() & set(names)),
            failed=len(store.failed() & set(names)),
            rows=rows,
            seconds=time.monotonic() - started,
        )


def _answer(
    tasks: Sequence[Task],
    recipe: Recipe,
    executor: Executor,
    store: CohortStore,
    counts: tuple[int, int, int],
    progress: Progress | None,
) -> None:
    finished, failed, total = counts
    started = time.monotonic()
    if progress:
        progress(finished + failed, total, failed, None)
    if not tasks:
        return
    for done, outcome in enumerate(executor(tasks, recipe), start=1):
        if outcome.kind:
            store.write_error(outcome.name, outcome.kind, outcome.error)
            failed += 1
        else:
            store.write(outcome.name, outcome.files)
            finished += 1
        if progress:
            left = (time.monotonic() - started) / done * (len(tasks) - done)
            progress(finished + failed, total, failed, left)


def _check_same_prompts(
    store: CohortStore, studies: Sequence[CohortStudy], prompts: Prompts, finished: set[str]
) -> None:
    """A finished study that is now asked something else would keep its old answers in silence."""
    wanted = {study.name: list(prompts.of(study)) for study in studies if study.name in finished}
    for answer in store.answers(list(wanted)):
        if answer["prompts"] != wanted[answer["study"]]:
            raise InputError(
                f"{store.folder} holds answers of {answer['study']} to other prompts: go on with "
                "the same, or choose another folder."
            )


def _write(store: CohortStore, studies: Sequence[CohortStudy], names: Sequence[str]) -> int:
    paths = {study.name: str(study.path) for study in studies}
    errors = [{**row, "path": paths[row["study"]]} for row in store.error_rows(names)]
    write_errors(store.folder, errors)
    rows = write_tables(store.folder, store.answers(names))
    write_gallery(store.folder, store.answers(names), len(errors))
    return rows
