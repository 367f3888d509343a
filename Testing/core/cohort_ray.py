"""Runs a cohort on a Ray cluster of two nodes and kills one: ``INPUT OUTPUT KILL``.

A script of its own, since Ray starts servers and threads that a test process should not keep.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    import ray
    from ray.cluster_utils import Cluster as TestCluster

    from lsms_core.cohort.coordinator import run_cohort
    from lsms_core.cohort.prompts import Prompts
    from lsms_core.cohort.ray_cluster import Cluster, run_on_ray
    from lsms_core.cohort.store import CohortStore
    from lsms_core.cohort.studies import CohortStudy
    from lsms_core.cohort.work import Recipe

    source, output, kill = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "kill"
    memory = {"object_store_memory": 80_000_000}
    machines = TestCluster(initialize_head=True, head_node_args={"num_cpus": 1, **memory})
    second = machines.add_node(num_cpus=1, **memory)
    machines.wait_for_nodes()
    ray.init(address=machines.address, log_to_driver=False)
    begun = Path(f"{output}.log")

    def progress(done: int, total: int, failed: int, left: float | None) -> None:
        global kill  # noqa: PLW0603
        if kill and done >= 3:
            kill = False
            machines.remove_node(second, allow_graceful=False)
            print("killed a node at", done)

    studies = [CohortStudy(path.stem, path) for path in sorted(source.glob("*.txt"))]
    summary = run_cohort(
        studies, Prompts(("lesion",)), CohortStore(output),
        Recipe("cohort_fake:make", {"log": str(begun)}),
        partial(run_on_ray, cluster=Cluster(patience_s=60)), {"model": "fake"}, progress=progress,
    )  # fmt: skip
    print(f"finished {summary.finished} failed {summary.failed}")
    ray.shutdown()
    machines.shutdown()
