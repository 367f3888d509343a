"""A cohort on a cluster outlives one of its machines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
HERE = Path(__file__).parent


@pytest.mark.slow
def test_a_machine_that_dies_takes_no_study_with_it(tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    names = [f"s{n:02d}" for n in range(10)]
    for name in names:
        (source / f"{name}.txt").write_text("0.3", "utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parents[1]))),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    ran = subprocess.run(
        [sys.executable, HERE / "cohort_ray.py", source, output, "kill"],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "killed a node at 3" in ran.stdout
    assert "finished 10 failed 0" in ran.stdout
    begun = Counter(Path(f"{output}.log").read_text("utf-8").split())
    assert set(begun) == set(names)
    # At most the one study that ran on the machine is done again.
    assert sum(begun.values()) <= len(names) + 1
    assert sorted(p.name for p in (output / "studies").iterdir()) == names
