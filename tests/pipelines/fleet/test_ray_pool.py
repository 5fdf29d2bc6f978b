"""Several workers: the same masks whatever their number, and whatever happens to them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipelines.fleet.batch import BatchOutcome, run_batch
from pipelines.fleet.events import BatchEvent, JobDone, JobRetried
from pipelines.fleet.job_list import read_rows
from pipelines.fleet.jobs import ModelSpec
from pipelines.fleet.ray_cluster import ClusterPlan, cluster
from pipelines.fleet.ray_pool import RayPool
from pipelines.fleet.rows import Defaults
from pipelines.fleet.worker_pool import LocalPool
from tests.pipelines.fleet.conftest import MakeClips
from tests.pipelines.fleet.helpers import SHORT_SIDE, batch_hashes, leftovers, write_manifest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="Ray has no wheels for this Python yet")

CPU = ModelSpec(device="cpu", short_side=SHORT_SIDE)


def run_solo(manifest: Path, output: Path) -> BatchOutcome:
    return run_batch(read_rows(str(manifest)), Defaults(output, CPU), LocalPool, threads=1)


@pytest.fixture(scope="module")
def twelve(clips: MakeClips, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], dict[str, dict[str, str]]]:
    """Twelve videos, and the hashes of their masks from an undisturbed run in one process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    videos = clips(12, 20)
    outcome = run_solo(write_manifest(folder / "jobs.jsonl", videos), folder / "out")
    assert outcome.done == 12
    return videos, batch_hashes(folder / "out")


class Saboteur(threading.Thread):
    """Sends a signal to the worker of each target job once, as soon as it has written a number of masks."""

    def __init__(self, output: Path, targets: dict[str, int], numbers: dict[str, int], what: signal.Signals) -> None:
        super().__init__(daemon=True)
        self.output = output
        self.targets = targets
        self.numbers = numbers
        self.what = what
        self.pool: RayPool | None = None
        self.reached: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        while self.targets and not self.over.is_set():
            for name, frame in list(self.targets.items()):
                process = self.pool.processes.get(self.numbers[name]) if self.pool else None
                if process and len(list(self.output.glob(f"{name}/masks/[0-9]*.png"))) >= frame:
                    os.kill(process, self.what)
                    self.reached.append(name)
                    del self.targets[name]
            time.sleep(0.002)


def test_a_batch_survives_killed_workers_a_corrupt_video_and_a_full_disk(
    twelve: tuple[list[Path], dict[str, dict[str, str]]], tmp_path: Path, small_disk: Path | None
) -> None:
    videos, undisturbed = twelve
    corrupt = tmp_path / "corrupt.mp4"
    content = videos[0].read_bytes()
    corrupt.write_bytes(content[: len(content) // 3])
    jobs = [*videos[:6], corrupt, *videos[6:]]
    manifest = write_manifest(tmp_path / "jobs.jsonl", jobs)
    output = tmp_path / "out"
    chance = random.Random(11)
    numbers = {video.stem: number for number, video in enumerate(jobs, start=1)}
    victims = chance.sample([video.stem for video in videos[1:]], 3)
    killer = Saboteur(output, {name: chance.randint(1, 8) for name in victims}, numbers, signal.SIGKILL)
    retried: list[str] = []

    def handle(event: BatchEvent) -> None:
        if isinstance(event, JobRetried):
            retried.append(event.name)

    plan = ClusterPlan(workers=3)
    with ExitStack() as stack:

        def make_pool() -> RayPool:
            killer.pool = RayPool(stack.enter_context(cluster(plan)), plan)
            return killer.pool

        killer.start()
        defaults = Defaults(output, CPU, require_empty=False)
        outcome = run_batch(read_rows(str(manifest)), defaults, make_pool, threads=1, on_event=handle)
        killer.over.set()

    assert sorted(killer.reached) == sorted(retried) == sorted(victims)
    bad = {"corrupt"} if small_disk is None else {"corrupt", "clip00"}
    assert set(outcome.problems) == bad
    if small_disk is not None:
        assert "No space left" in outcome.problems["clip00"]
        assert batch_hashes(output)["clip00"].items() <= undisturbed["clip00"].items()
    good = {name: hashes for name, hashes in batch_hashes(output).items() if name not in bad}
    assert good == {name: hashes for name, hashes in undisturbed.items() if name not in bad}
    assert leftovers(output) == []


@pytest.mark.parametrize("workers", [2, 4])
def test_masks_do_not_depend_on_the_number_of_workers(
    workers: int, twelve: tuple[list[Path], dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    videos, undisturbed = twelve
    # In another order than before, too.
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos[5::-1])
    plan = ClusterPlan(workers=workers)
    with ExitStack() as stack:
        outcome = run_batch(
            read_rows(str(manifest)),
            Defaults(tmp_path / "out", CPU),
            lambda: RayPool(stack.enter_context(cluster(plan)), plan),
            threads=1,
        )
    assert outcome.done == 6
    assert batch_hashes(tmp_path / "out") == {video.stem: undisturbed[video.stem] for video in videos[:6]}


def test_masks_do_not_depend_on_the_decoding_process_even_if_it_dies(
    twelve: tuple[list[Path], dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    videos, undisturbed = twelve
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos[:6])
    pools: list[RayPool] = []
    processes: list[int] = []
    ended = 0

    def handle(event: BatchEvent) -> None:
        nonlocal ended
        ended += isinstance(event, JobDone)
        if isinstance(event, JobDone) and ended in (1, 6):
            processes.extend(pools[0].decoders)
            if ended == 1:
                # The other worker is in the middle of a video, or both are.
                os.kill(processes[0], signal.SIGKILL)

    plan = ClusterPlan(workers=2, decoders=1)
    with ExitStack() as stack:

        def make_pool() -> RayPool:
            pools.append(RayPool(stack.enter_context(cluster(plan)), plan))
            return pools[0]

        outcome = run_batch(
            read_rows(str(manifest)), Defaults(tmp_path / "out", CPU), make_pool, threads=1, on_event=handle
        )
    assert outcome.done == 6, outcome.problems
    assert len(set(processes)) == 2, "the decoder came back, as another process"
    assert batch_hashes(tmp_path / "out") == {video.stem: undisturbed[video.stem] for video in videos[:6]}


def test_a_worker_that_hangs_is_replaced(twelve: tuple[list[Path], dict[str, dict[str, str]]], tmp_path: Path) -> None:
    videos, undisturbed = twelve
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos[:2])
    # A stopped process answers nothing and does not die, as one that waits for a dead network file system.
    stopper = Saboteur(tmp_path / "out", {"clip00": 3}, {"clip00": 1, "clip01": 2}, signal.SIGSTOP)
    problems: list[str] = []

    def handle(event: BatchEvent) -> None:
        if isinstance(event, JobRetried):
            problems.append(event.problem)

    plan = ClusterPlan(workers=1)
    with ExitStack() as stack:

        def make_pool() -> RayPool:
            stopper.pool = RayPool(stack.enter_context(cluster(plan)), plan, stall_seconds=10)
            return stopper.pool

        stopper.start()
        outcome = run_batch(
            read_rows(str(manifest)), Defaults(tmp_path / "out", CPU), make_pool, threads=1, retries=3, on_event=handle
        )
        stopper.over.set()
    assert stopper.reached == ["clip00"]
    assert any("no progress" in problem for problem in problems)
    assert outcome.done == 2
    assert batch_hashes(tmp_path / "out") == {name: undisturbed[name] for name in ("clip00", "clip01")}


def test_a_fleet_stopped_by_its_scheduler_resumes_to_the_same_masks(
    twelve: tuple[list[Path], dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    videos, undisturbed = twelve
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos[:6])
    output = tmp_path / "out"
    command = [sys.executable, "-m", "vos", "batch", str(manifest), "-o", str(output), "--device", "cpu", "--json"]
    command += ["--workers", "2"]
    events = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            events.append(json.loads(line)["event"])
            if events.count("done") == 2:
                process.send_signal(signal.SIGTERM)
                break
        rest = process.stderr.read() if process.stderr else ""
    assert process.returncode == 130
    assert "--resume" in rest
    assert len(batch_hashes(output)) < 6
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    outcome = json.loads(again.stdout)
    assert (outcome["done"], outcome["failed"]) == (6, 0)
    assert batch_hashes(output) == {video.stem: undisturbed[video.stem] for video in videos[:6]}
    assert leftovers(output) == []
