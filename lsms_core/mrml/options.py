"""The user's choices for writing an answer to segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lsms_core.errors import InputError

Policy = Literal["new", "update", "overwrite"]
Overlap = Literal["allow", "mask-others"]


@dataclass(frozen=True)
class WriteOptions:
    """How an answer is written to segments.

    Attributes:
        policy: "new" makes new segments; "update" adds to the prompt's segments (replacing
            only what lies in the slices that were run, see ``region`` of
            :func:`write_mask`); "overwrite" replaces them.
        overlap: "allow" lets segments overlap; "mask-others" keeps the answer out of all
            other segments, which stay as they are.
        split_lesions: one segment for each connected lesion, largest first.
        name: the segment's name, None for the prompt.
    """

    policy: Policy = "new"
    overlap: Overlap = "allow"
    split_lesions: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        for value, known in ((self.policy, Policy), (self.overlap, Overlap)):
            if value not in get_args(known):
                choices = ", ".join(get_args(known))
                raise InputError(f"Unknown choice {value!r}: use one of {choices}.")
