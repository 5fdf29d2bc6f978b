"""Two Ray nodes on this machine, one of which is lost in the middle of a batch."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.fleet.batch import run_batch
from pipelines.fleet.events import BatchEvent, JobDone
from pipelines.fleet.job_list import read_rows
from pipelines.fleet.jobs import ModelSpec
from pipelines.fleet.ray_cluster import ClusterPlan, FleetError, cluster
from pipelines.fleet.ray_pool import RayPool
from pipelines.fleet.rows import Defaults
from pipelines.fleet.worker_pool import LocalPool
from tests.pipelines.fleet.conftest import MakeClips
from tests.pipelines.fleet.helpers import SHORT_SIDE, batch_hashes, leftovers, write_manifest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="Ray has no wheels for this Python yet")

CPU = ModelSpec(device="cpu", short_side=SHORT_SIDE)


def test_a_cluster_that_is_not_there_is_named() -> None:
    plan = ClusterPlan(workers=1, address="127.0.0.1:1")
    with pytest.raises(FleetError, match="no Ray cluster answers"), cluster(plan):
        pass


@pytest.mark.skipif("VOS_SLOW_TESTS" not in os.environ, reason="takes a minute; set VOS_SLOW_TESTS=1 to run it")
def test_a_batch_outlives_the_loss_of_one_of_two_nodes(clips: MakeClips, tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    videos = clips(12, 20)
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos)
    run_batch(read_rows(str(manifest)), Defaults(tmp_path / "undisturbed", CPU), LocalPool, threads=1)

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    node_options = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=node_options)
    lost = nodes.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    pool: RayPool | None = None
    seen: set[int] = set()
    done = 0

    def handle(event: BatchEvent) -> None:
        nonlocal done
        if pool is not None:
            seen.update(pool.processes.values())
        if isinstance(event, JobDone):
            done += 1
            if done == 4:
                nodes.remove_node(lost, allow_graceful=False)

    plan = ClusterPlan(workers=2, address=nodes.address)
    try:
        with ExitStack() as stack:

            def make_pool() -> RayPool:
                nonlocal pool
                pool = RayPool(stack.enter_context(cluster(plan)), plan)
                return pool

            outcome = run_batch(
                read_rows(str(manifest)), Defaults(tmp_path / "out", CPU), make_pool, threads=1, on_event=handle
            )
    finally:
        nodes.shutdown()
    assert outcome.done == 12
    assert len(seen) >= 2
    assert batch_hashes(tmp_path / "out") == batch_hashes(tmp_path / "undisturbed")
    assert leftovers(tmp_path / "out") == []
