"""The simulation of a fleet runs every job once and says what scheduling costs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines.fleet.job_store import JobStore
from pipelines.fleet.jobs import JobResult, JobSpec, PromptSource
from pipelines.perf.simulation import measured_seconds, simulate
from vos.errors import UsageError


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Ray has no wheels for this Python yet")
def test_virtual_workers_share_the_jobs(tmp_path: Path) -> None:
    found = simulate([0.02] * 90, workers=30, folder=tmp_path)
    assert (found.workers, found.jobs) == (30, 90)
    assert found.task_seconds == pytest.approx(0.02)
    assert found.wall_seconds >= 3 * 0.02
    assert found.gap_seconds > 0
    assert 0 < found.busy < 1
    with JobStore(tmp_path / "journal.sqlite") as store:
        assert store.counts() == {"done": 90}


def test_lengths_come_from_the_job_store_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with JobStore(path) as store:
        store.replace(JobSpec(name, "v.mp4", (PromptSource("box", "1,1,9,9"),), str(tmp_path / name)) for name in "abc")
        for seconds in (4.0, 2.5):
            entry = store.take()
            assert entry is not None
            store.finish(entry.number, JobResult(10, 10, seconds, None, "cpu", "0" * 64))
    assert measured_seconds(path) == [4.0, 2.5]
    with pytest.raises(UsageError, match="no such file"):
        measured_seconds(tmp_path / "other.sqlite")


@pytest.mark.parametrize(("jobs", "workers"), [(0, 5), (5, 0), (5, 1001)])
def test_what_cannot_be_simulated_is_reported(jobs: int, workers: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 to 1000"):
        simulate([1.0] * jobs, workers, tmp_path)
