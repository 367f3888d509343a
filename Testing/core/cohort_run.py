"""Runs a cohort with the fake model in a process of its own: ``INPUT OUTPUT PROCESSES``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    from lsms_core.cohort.coordinator import run_cohort
    from lsms_core.cohort.local import run_processes
    from lsms_core.cohort.prompts import Prompts
    from lsms_core.cohort.store import CohortStore
    from lsms_core.cohort.studies import CohortStudy
    from lsms_core.cohort.work import Recipe

    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    studies = [CohortStudy(path.stem, path) for path in sorted(source.glob("*.txt"))]
    summary = run_cohort(
        studies, Prompts(("lesion",)), CohortStore(output),
        Recipe("cohort_fake:make", {"log": str(output) + ".log"}),
        partial(run_processes, processes=int(sys.argv[3])), {"model": "fake"},
    )  # fmt: skip
    print(summary)
