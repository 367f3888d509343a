"""A model in each runtime, measured in a process of its own. Nothing is timed."""

from __future__ import annotations

import pytest

from lsms_core.benchmarking.runtimes import FIGURES, compare, runtimes_table
from lsms_core.errors import LsmsError

pytestmark = pytest.mark.slow


def measured(runtime: str, factor: float, **changes) -> dict:
    figures = dict.fromkeys(FIGURES, factor)
    return {"runtime": runtime, "device": "cpu", "threads": 1, **figures, **changes}


def test_a_measurement_in_a_fresh_process_has_every_figure(quick_bundle):
    seen = []
    (one,) = compare(
        str(quick_bundle),
        ["onnxruntime"],
        device="cpu",
        threads=1,
        slices=2,
        budget_s=0.0,
        progress=lambda *step: seen.append(step),
    )
    assert seen == [(0, 1), (1, 1)]
    assert (one["runtime"], one["device"], one["threads"]) == ("onnxruntime", "cpu", 1)
    assert all(one[name] > 0 for name in FIGURES)
    assert one["first_mask_s"] > one["import_s"]


def test_what_a_runtime_cannot_do_is_said_as_it_says_it():
    with pytest.raises(LsmsError, match="nowhere"):
        compare("nowhere", ["onnxruntime"], device="cpu", slices=2, budget_s=0.0)


def test_the_table_has_a_column_a_runtime_and_the_ratio():
    table = runtimes_table([measured("onnxruntime", 0.5), measured("torch", 2.0, network_s=None)])
    lines = {line.split("  ")[0].strip(): line for line in table.splitlines()}
    assert "onnxruntime / torch" in table
    assert lines["cold start to first mask"].endswith("x 0.25")
    assert "500 ms" in lines["warm slice with its neighbours"]
    assert lines["network, one slice"].rstrip().endswith("-")
