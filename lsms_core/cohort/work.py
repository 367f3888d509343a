"""The task and the outcome of a worker, on this machine or on another one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lsms_core.cohort.studies import CohortStudy
from lsms_core.errors import LsmsError

# A study that ends its process (out of memory, say) is tried once more, alone in a new one.
MOST_TRIES = 2


@dataclass(frozen=True)
class Task:
    """A study and what is asked of it."""

    study: CohortStudy
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a study.

    Attributes:
        name: the study's.
        files: its results, by file name; empty where it failed.
        kind: of the error, "" for none.
        error: what went wrong, in a sentence.
    """

    name: str
    files: Mapping[str, bytes]
    kind: str = ""
    error: str = ""


Answering = Callable[[Task], Mapping[str, bytes]]
"""Answers a study: returns its files. Made once a worker, since it holds the model."""


@dataclass(frozen=True)
class Recipe:
    """How a worker makes its :data:`Answering`; goes to it instead of the model.

    Attributes:
        factory: "module:function".
        arguments: its keyword arguments, plain values.
    """

    factory: str
    arguments: Mapping[str, Any]

    def make(self) -> Answering:
        """Make it, in the worker."""
        module, _, function = self.factory.partition(":")
        answering: Answering = getattr(importlib.import_module(module), function)(**self.arguments)
        return answering


def attempt(answering: Answering, task: Task) -> Outcome:
    """Answer a study; what goes wrong with it is its own outcome, not the cohort's end."""
    try:
        return Outcome(task.study.name, dict(answering(task)))
    except LsmsError as error:
        return Outcome(task.study.name, {}, type(error).__name__, str(error))
    except MemoryError:
        message = "The computer ran out of memory: use fewer processes."
        return Outcome(task.study.name, {}, "MemoryError", message)
    except Exception as error:  # noqa: BLE001 - one study must not end the others
        message = f"{type(error).__name__}: {error}"
        return Outcome(task.study.name, {}, "unexpected", message)
