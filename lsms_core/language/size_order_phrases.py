"""Phrases that name the order of sizes: "by size", "in order of diameter"."""

from __future__ import annotations

_BY_SIZE = frozenset(
    f"{by} {size}"
    for by in ("by", "by order of", "in order of", "ordered by", "sorted by", "ranked by", "in",
               "according to", "in terms of", "judged by", "going by", "by decreasing",
               "in decreasing order of", "in descending order of", "in order of decreasing")
    for size in ("size", "diameter", "their size", "longest diameter", "largest diameter")
) | {"size wise", "sizewise", "by order of magnitude"}  # fmt: skip
SMALLEST_FIRST = frozenset({"in ascending order of size", "in increasing order of size",
                             "in order of increasing size"})  # fmt: skip
BY_SIZE = sorted(_BY_SIZE | SMALLEST_FIRST)
