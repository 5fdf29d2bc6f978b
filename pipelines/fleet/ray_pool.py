"""A pool of Ray actors: one process per worker, replaced when it dies or hangs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pipelines.fleet.decode_pool import FrameServer, decoders_wanted
from pipelines.fleet.events import DecodersStarted, JobProgress, OnEvent
from pipelines.fleet.ray_cluster import ClusterPlan, FleetError
from pipelines.fleet.ray_worker import FleetWorker, Heartbeat
from pipelines.fleet.worker_pool import Completed, Task, TaskOutcome, WorkerLost

DEFAULT_STALL_SECONDS = 300.0
# How long the batch waits for a first worker before it is aborted.
START_SECONDS = 180.0
# Workers that die one after another before they are ready: the fault is the machine's, not the jobs'.
MAX_FAILED_STARTS = 6
_POLL_SECONDS = 0.5
_KILL_SECONDS = 15.0


@dataclass(slots=True)
class _Slot:
    """A place in the pool, and the worker that fills it.

    Attributes:
        actor: Handle of the actor.
        ready: Pending answer to whether it has started (its process id); None once it has.
        process: Process id, 0 until it is ready.
        task, outcome: The running job and its pending outcome.
        heartbeat: Pending heartbeat.
        requested: When that was requested.
        beat: The last heartbeat received.
        moved: When it last differed from the one before.
        began: When the job was handed over.
    """

    actor: Any
    ready: Any
    process: int = 0
    task: Task | None = None
    outcome: Any = None
    heartbeat: Any = None
    requested: float = 0.0
    beat: Heartbeat = field(default_factory=lambda: Heartbeat(None, 0, None))
    moved: float = 0.0
    began: float = 0.0


class RayPool:
    """Workers in processes of their own, on this machine or a cluster.

    Args:
        ray: The module, initialised (`pipelines.fleet.ray_cluster.cluster`).
        plan: How many workers, and what each may use.
        stall_seconds: A worker that makes no progress for this long is killed and replaced, and its job is lost.
    """

    def __init__(self, ray: Any, plan: ClusterPlan, *, stall_seconds: float = DEFAULT_STALL_SECONDS) -> None:
        self._ray = ray
        self._plan = plan
        self._stall_seconds = stall_seconds
        fraction = plan.fraction if plan.gpus else 0
        self._actor = ray.remote(
            num_cpus=1 if plan.address is None else plan.threads,
            num_gpus=fraction,
            max_restarts=0,
            max_task_retries=0,
            # Heartbeats answer from a thread of their own while a job runs.
            concurrency_groups={"control": 1},
        )(FleetWorker)
        self._servers: list[Any] = []
        self._decode_seconds = self._seconds = 0.0
        self._start_decoders(plan.decoders or 0)
        self._failed_starts = 0
        self._last_ready = time.monotonic()
        # Answers that had arrived at the last poll.
        self._arrived: set[Any] = set()
        self._slots = [self._start_worker() for _ in range(plan.workers)]

    @property
    def has_room(self) -> bool:
        return any(slot.ready is None and slot.task is None for slot in self._slots)

    @property
    def is_idle(self) -> bool:
        # With no worker ready yet there is still something to wait for.
        return all(slot.task is None for slot in self._slots) and self.has_room

    def start(self, task: Task) -> None:
        number, slot = next(
            (number, slot) for number, slot in enumerate(self._slots) if slot.ready is None and slot.task is None
        )
        slot.task = task
        server = self._servers[number % len(self._servers)] if self._servers else None
        slot.outcome = slot.actor.run.remote(task, server, number)
        slot.beat = Heartbeat(task.number, 0, None)
        slot.began = slot.moved = time.monotonic()

    def wait(self, on_progress: OnEvent) -> list[TaskOutcome]:
        pending: list[Any] = []
        now = time.monotonic()
        for slot in self._slots:
            if slot.task is not None and slot.heartbeat is None and now - slot.requested >= _POLL_SECONDS:
                slot.heartbeat = slot.actor.heartbeat.options(concurrency_group="control").remote()
                slot.requested = now
            pending += [ref for ref in (slot.ready, slot.outcome) if ref is not None]
        # Wakes up early for workers that are ready or done; heartbeats are read in any case.
        self._ray.wait(pending, num_returns=1, timeout=_POLL_SECONDS)
        # One call for all: polling Ray slot by slot is what a thousand workers would wait for.
        pending += [slot.heartbeat for slot in self._slots if slot.heartbeat is not None]
        self._arrived = set(self._ray.wait(pending, num_returns=len(pending), timeout=0)[0])
        outcomes = []
        for index, slot in enumerate(self._slots):
            outcome = self._poll(index, slot, on_progress)
            if outcome is not None:
                outcomes.append(outcome)
                self._consider_decoders(outcome, on_progress)
        self._check_any_ready()
        return outcomes

    def close(self) -> None:
        for actor in [*(slot.actor for slot in self._slots), *self._servers]:
            self._ray.kill(actor)
        self._slots, self._servers = [], []

    @property
    def processes(self) -> dict[int, int]:
        """Job number -> id of the process that runs it, on whatever machine that is."""
        return {slot.task.number: slot.process for slot in self._slots if slot.task is not None}

    @property
    def decoders(self) -> list[int]:
        """Ids of the processes that decode for the workers."""
        return [int(self._ray.get(server.process.remote())) for server in self._servers]

    def _start_decoders(self, count: int) -> None:
        server = self._ray.remote(
            # On this machine they are already counted against its cores; in a cluster Ray schedules them.
            num_cpus=0 if self._plan.address is None else 1,
            # A lost server comes back without its videos; their jobs are tried again.
            max_restarts=-1,
            max_task_retries=0,
        )(FrameServer)
        self._servers = [server.remote() for _ in range(count)]

    def _consider_decoders(self, outcome: TaskOutcome, on_event: OnEvent) -> None:
        """Starts decoders once measurements show that workers wait for their own decoding."""
        if self._plan.decoders is not None or self._servers or not isinstance(outcome, Completed):
            return
        self._decode_seconds += outcome.result.decode_seconds
        self._seconds += outcome.result.seconds
        wanted = decoders_wanted(
            self._decode_seconds, self._seconds, workers=self._plan.workers, spare_cores=self._spare_cores()
        )
        if wanted:
            self._start_decoders(wanted)
            on_event(DecodersStarted(wanted, round(self._decode_seconds, 2), round(self._seconds, 2)))

    def _spare_cores(self) -> int:
        if self._plan.address is None:
            return self._plan.spare_cores
        return int(self._ray.available_resources().get("CPU", 0))

    def _start_worker(self) -> _Slot:
        actor = self._actor.remote(self._plan.threads, self._plan.fraction if self._plan.gpus else None)
        return _Slot(actor=actor, ready=actor.process.options(concurrency_group="control").remote())

    def _poll(self, index: int, slot: _Slot, on_progress: OnEvent) -> TaskOutcome | None:
        if slot.ready is not None:
            self._check_ready(index, slot)
            return None
        if slot.task is None:
            return None
        if self._has_arrived(slot.outcome):
            try:
                outcome: TaskOutcome = self._ray.get(slot.outcome)
            except self._ray.exceptions.RayError as error:
                problem = f"the worker, process {slot.process}, died ({_reason(error)})"
                return self._replace(index, slot.task, problem)
            slot.task = slot.outcome = None
            return outcome
        self._read_heartbeat(slot, on_progress)
        idle = time.monotonic() - slot.moved
        if idle > self._stall_seconds:
            self._ray.kill(slot.actor)
            # Until the process is gone it holds the lock of the output folder.
            self._ray.wait([slot.outcome], timeout=_KILL_SECONDS)
            done = f"after frame {slot.beat.frame}" if slot.beat.frame else "before the first frame"
            return self._replace(index, slot.task, f"no progress for {idle:.0f} s {done}; the worker was killed")
        return None

    def _check_ready(self, index: int, slot: _Slot) -> None:
        """Notes that a worker is ready, or starts another in place of one that died first."""
        if not self._has_arrived(slot.ready):
            return
        try:
            slot.process = self._ray.get(slot.ready)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise FleetError(f"workers die before they can start ({_reason(error)})") from error
            self._slots[index] = self._start_worker()
            return
        self._failed_starts = 0
        slot.ready = None

    def _read_heartbeat(self, slot: _Slot, on_progress: OnEvent) -> None:
        task = slot.task
        if task is None or slot.heartbeat is None or not self._has_arrived(slot.heartbeat):
            return
        pending, slot.heartbeat = slot.heartbeat, None
        try:
            beat: Heartbeat = self._ray.get(pending)
        except self._ray.exceptions.RayError:
            # The outcome of the job fails too, and says more.
            return
        if beat.number != task.number or beat == slot.beat:
            return
        now = time.monotonic()
        slot.beat, slot.moved = beat, now
        rate = beat.frame / max(now - slot.began, 1e-9)
        on_progress(JobProgress(task.number, task.spec.name, beat.frame, beat.frames, round(rate, 2)))

    def _replace(self, index: int, task: Task, problem: str) -> WorkerLost:
        self._slots[index] = self._start_worker()
        return WorkerLost(task.number, problem)

    def _check_any_ready(self) -> None:
        """Aborts when not a single worker could be started for a long time, as in a full cluster."""
        now = time.monotonic()
        if any(slot.ready is None for slot in self._slots):
            self._last_ready = now
        elif now - self._last_ready > START_SECONDS:
            raise FleetError(
                f"no worker could be started in {START_SECONDS:.0f} s: the machines lack free CPUs or GPUs, or the "
                "package; see `ray status`, then continue with --resume"
            )

    def _has_arrived(self, ref: Any) -> bool:
        return ref in self._arrived


def _reason(error: BaseException) -> str:
    """The first non-empty line of Ray's long explanations."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
