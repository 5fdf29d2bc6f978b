"""Overhead of scheduling a fleet, without the fleet: measured task times replayed by workers that only wait.

    python -m pipelines.perf.simulation --workers 1000 --jobs 4000 --seconds 20
    python -m pipelines.perf.simulation --workers 200 --journal masks/journal.sqlite

Everything but the work is real: the job store, the queue, `RayPool` with its heartbeats, and Ray's calls to actors. A
few actor processes host all workers; a worker is a coroutine that sleeps for the time that a job took. docs/scaling.md
has the results.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.fleet.events import BatchEvent, JobDone, JobStarted
from pipelines.fleet.job_store import JobStore
from pipelines.fleet.jobs import JobResult, JobSpec, PromptSource
from pipelines.fleet.queue import run_queue
from pipelines.fleet.ray_cluster import ClusterPlan, cluster
from pipelines.fleet.ray_pool import RayPool
from pipelines.fleet.ray_worker import Heartbeat
from pipelines.fleet.worker_pool import Completed, Task
from vos.errors import UsageError
from vos.resources.resident import resident_bytes

# Workers simulated by one process.
WORKERS_PER_HOST = 250
MAX_WORKERS = 1000
# Frames per second that a simulated worker reports in its heartbeats.
_FPS = 10


@dataclass(frozen=True, slots=True)
class Simulation:
    """Result of a simulation.

    Attributes:
        workers, jobs: As asked for.
        task_seconds: Mean time of a job.
        wall_seconds: From the first job handed out to the last one done.
        gap_seconds: Mean time that a worker waited between the end of a job and the next one.
        driver_seconds: Processor time of the process that hands out jobs.
        driver_growth_bytes: By how much its resident memory grew meanwhile.
    """

    workers: int
    jobs: int
    task_seconds: float
    wall_seconds: float
    gap_seconds: float
    driver_seconds: float
    driver_growth_bytes: int

    @property
    def busy(self) -> float:
        """Share of time in which a worker has a job, as long as there are jobs."""
        return self.task_seconds / (self.task_seconds + self.gap_seconds)

    @property
    def driver_milliseconds_per_job(self) -> float:
        """Processor time per job; it grows with a job's length, because of heartbeats."""
        return 1000 * self.driver_seconds / self.jobs


class Host:
    """Simulates many workers. Runs inside an asynchronous Ray actor."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, float, float]] = {}
        self._ended: dict[int, float] = {}
        self._gaps: list[float] = []

    async def process(self, slot: int) -> int:
        """Process id."""
        return os.getpid()

    async def run(self, slot: int, task: Task) -> Completed:
        """Sleeps for the seconds that the job's name ends with."""
        seconds = float(task.spec.name.rsplit(" ", 1)[1])
        now = time.monotonic()
        if slot in self._ended:
            self._gaps.append(now - self._ended[slot])
        self._running[slot] = (task.number, now, seconds)
        await asyncio.sleep(seconds)
        del self._running[slot]
        self._ended[slot] = time.monotonic()
        frames = max(1, round(seconds * _FPS))
        return Completed(task.number, JobResult(frames, frames, seconds, None, "none", "0" * 64))

    async def heartbeat(self, slot: int) -> Heartbeat:
        """As a worker's."""
        if slot not in self._running:
            return Heartbeat(None, 0, None)
        number, began, seconds = self._running[slot]
        return Heartbeat(number, int((time.monotonic() - began) * _FPS), round(seconds * _FPS))

    async def gaps(self) -> list[float]:
        """Seconds between two jobs of one worker, of all of them."""
        return self._gaps


class _Method:
    """A method of one worker on its host; looks like a method of an actor."""

    def __init__(self, method: Any, slot: int) -> None:
        self._method = method
        self._slot = slot

    def options(self, **options: Any) -> _Method:
        return self

    def remote(self, *arguments: Any) -> Any:
        # A pool also passes a decoding process and a stream; waiting needs neither.
        return self._method.remote(self._slot, *arguments[:1])


class _Worker:
    """Looks like the handle of an actor."""

    def __init__(self, host: Any, slot: int) -> None:
        self.process = _Method(host.process, slot)
        self.run = _Method(host.run, slot)
        self.heartbeat = _Method(host.heartbeat, slot)


class _SharedHosts:
    """Ray, but for actors: the workers of a pool are slots on a few hosts."""

    def __init__(self, ray: Any, workers: int) -> None:
        count = -(-workers // WORKERS_PER_HOST)
        host = ray.remote(num_cpus=0, max_concurrency=3 * WORKERS_PER_HOST)(Host)
        self._hosts = [host.remote() for _ in range(count)]
        self._slots = itertools.count()
        self.wait, self.get, self.exceptions = ray.wait, ray.get, ray.exceptions

    def remote(self, **options: Any) -> Any:
        """`ray.remote(**options)(Class).remote(...)` gives a worker, whatever the class."""
        return lambda cls: _WorkerClass(self)

    def add_worker(self) -> _Worker:
        slot = next(self._slots)
        return _Worker(self._hosts[slot % len(self._hosts)], slot)

    def kill(self, worker: Any) -> None:
        """Hosts end with Ray."""

    def gaps(self) -> list[float]:
        """Seconds between two jobs of one worker, of all workers."""
        return [gap for host in self._hosts for gap in self.get(host.gaps.remote())]


class _WorkerClass:
    def __init__(self, hosts: _SharedHosts) -> None:
        self._hosts = hosts

    def remote(self, *arguments: Any) -> _Worker:
        return self._hosts.add_worker()


def simulate(seconds: list[float], workers: int, folder: Path) -> Simulation:
    """Runs jobs of these lengths with so many virtual workers.

    Args:
        seconds: Length of each job.
        workers: 1 to 1000.
        folder: For the job store.

    Raises:
        UsageError: No job, or more workers than are simulated.
    """
    if not seconds or not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"a simulation needs jobs, and 1 to {MAX_WORKERS} workers")
    first = last = 0.0
    done = 0

    def handle(event: BatchEvent) -> None:
        nonlocal first, last, done
        if isinstance(event, JobStarted):
            first = first or time.monotonic()
        elif isinstance(event, JobDone):
            last = time.monotonic()
            done += 1

    plan = ClusterPlan(workers)
    # One logical processor is enough for hosts that ask for none; the plan's would start that many idle processes.
    with cluster(ClusterPlan(1)) as ray, JobStore(folder / "journal.sqlite") as store:
        store.replace(_specs(seconds, folder))
        hosts = _SharedHosts(ray, workers)
        memory, used = resident_bytes(), _processor_seconds()
        run_queue(store, lambda: RayPool(hosts, plan), on_event=handle)
        used, memory = _processor_seconds() - used, resident_bytes() - memory
        gaps = hosts.gaps()
    gap = sum(gaps) / max(1, len(gaps))
    return Simulation(workers, done, sum(seconds) / len(seconds), last - first, gap, used, memory)


def measured_seconds(path: Path) -> list[float]:
    """How long each finished job of a batch took, from its job store.

    Raises:
        UsageError: There is no such file, or no job in it is done.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with JobStore(path) as store:
        seconds = [entry.result.seconds for entry in store.rows("done") if entry.result is not None]
    if not seconds:
        raise UsageError(f"{path}: no job in it is done")
    return seconds


def _specs(seconds: list[float], folder: Path) -> Iterator[JobSpec]:
    for number, length in enumerate(seconds):
        name = f"{number} {length:.6f}"
        yield JobSpec(name, "video.mp4", (PromptSource("box", "1,1,9,9"),), str(folder / name))


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Replays task times through the scheduling of a fleet.")
    parser.add_argument("--workers", type=int, default=100, help=f"virtual workers, at most {MAX_WORKERS}")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20.0, help="mean length of a job, without --journal")
    parser.add_argument("--journal", type=Path, help="journal.sqlite of a real batch: lengths are drawn from its jobs")
    parser.add_argument("--faster", type=float, default=1.0, help="divide all lengths by this")
    chosen = parser.parse_args()
    chance = random.Random(6)
    if chosen.journal is not None:
        lengths = chance.choices(measured_seconds(chosen.journal), k=chosen.jobs)
    else:
        # Lengths of real collections are skewed; log-normal with a factor of two each way.
        lengths = [chosen.seconds * chance.lognormvariate(-0.24, 0.69) for _ in range(chosen.jobs)]
    with tempfile.TemporaryDirectory(prefix="vos-simulation-") as folder:
        found = simulate([length / chosen.faster for length in lengths], chosen.workers, Path(folder))
    summary = {**asdict(found), "busy": found.busy, "driver_milliseconds_per_job": found.driver_milliseconds_per_job}
    print(json.dumps({key: round(value, 4) for key, value in summary.items()}, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
