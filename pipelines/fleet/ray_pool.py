"""A crew of Ray actors: one process per worker, replaced when it dies or hangs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pipelines.fleet.decode_pool import FrameServer, decoders_wanted
from pipelines.fleet.events import DecodersHired, JobProgress, OnEvent
from pipelines.fleet.ray_cluster import ClusterPlan, FleetError
from pipelines.fleet.ray_worker import FleetWorker, Heartbeat
from pipelines.fleet.worker_pool import Assignment, Completed, Lost, Report

DEFAULT_STALL_SECONDS = 300.0
# How long no worker at all may be ready before the batch is given up.
HIRE_SECONDS = 180.0
# Workers that die one after the other before they are ready: the machine is to blame, not the jobs.
MAX_FAILED_HIRES = 6
_POLL_SECONDS = 0.5
_KILL_SECONDS = 15.0


@dataclass(slots=True)
class _Seat:
    """A place for one worker, and who sits there.

    Attributes:
        actor: Handle of the actor.
        ready: Pending answer to whether it has started (its process id); None once it has.
        process: Process id, 0 until it is ready.
        assignment, outcome: The job under way and the pending report on it.
        pulse: Pending heartbeat.
        asked: When that was asked for.
        beat: The last heartbeat.
        moved: When it last differed from the one before.
        began: When the job was handed over.
    """

    actor: Any
    ready: Any
    process: int = 0
    assignment: Assignment | None = None
    outcome: Any = None
    pulse: Any = None
    asked: float = 0.0
    beat: Heartbeat = field(default_factory=lambda: Heartbeat(None, 0, None))
    moved: float = 0.0
    began: float = 0.0


class RayCrew:
    """Workers in processes of their own, on this machine or a cluster.

    Args:
        ray: The module, initialised (`pipelines.fleet.ray_cluster.cluster`).
        plan: How many workers, and what each may use.
        stall_seconds: A worker without progress for so long is killed and replaced, and its job is lost.
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
        self._hire_decoders(plan.decoders or 0)
        self._failed_hires = 0
        self._last_ready = time.monotonic()
        # Answers that have come, as of the last look.
        self._there: set[Any] = set()
        self._seats = [self._hire() for _ in range(plan.workers)]

    @property
    def has_room(self) -> bool:
        return any(seat.ready is None and seat.assignment is None for seat in self._seats)

    @property
    def is_idle(self) -> bool:
        # With no worker ready yet there is still something to wait for, as long as nothing has gone wrong.
        return all(seat.assignment is None for seat in self._seats) and self.has_room

    def start(self, assignment: Assignment) -> None:
        number, seat = next(
            (number, seat) for number, seat in enumerate(self._seats) if seat.ready is None and seat.assignment is None
        )
        seat.assignment = assignment
        server = self._servers[number % len(self._servers)] if self._servers else None
        seat.outcome = seat.actor.run.remote(assignment, server, number)
        seat.beat = Heartbeat(assignment.number, 0, None)
        seat.began = seat.moved = time.monotonic()

    def wait(self, on_progress: OnEvent) -> list[Report]:
        pending: list[Any] = []
        now = time.monotonic()
        for seat in self._seats:
            if seat.assignment is not None and seat.pulse is None and now - seat.asked >= _POLL_SECONDS:
                seat.pulse = seat.actor.heartbeat.options(concurrency_group="control").remote()
                seat.asked = now
            pending += [ref for ref in (seat.ready, seat.outcome) if ref is not None]
        # Wakes up early for workers that are ready or done; heartbeats are looked at in any case.
        self._ray.wait(pending, num_returns=1, timeout=_POLL_SECONDS)
        # One question for all: asking Ray seat by seat is what a thousand workers would wait for.
        pending += [seat.pulse for seat in self._seats if seat.pulse is not None]
        self._there = set(self._ray.wait(pending, num_returns=len(pending), timeout=0)[0])
        reports = []
        for index, seat in enumerate(self._seats):
            report = self._look_after(index, seat, on_progress)
            if report is not None:
                reports.append(report)
                self._weigh_decoding(report, on_progress)
        self._check_crew()
        return reports

    def close(self) -> None:
        for actor in [*(seat.actor for seat in self._seats), *self._servers]:
            self._ray.kill(actor)
        self._seats, self._servers = [], []

    @property
    def processes(self) -> dict[int, int]:
        """Job number -> id of the process that works on it, on whatever machine that is."""
        return {seat.assignment.number: seat.process for seat in self._seats if seat.assignment is not None}

    @property
    def decoders(self) -> list[int]:
        """Ids of the processes that decode for the workers."""
        return [int(self._ray.get(server.process.remote())) for server in self._servers]

    def _hire_decoders(self, count: int) -> None:
        server = self._ray.remote(
            # On this machine they were counted against its cores already; in a cluster Ray finds room for them.
            num_cpus=0 if self._plan.address is None else 1,
            # A lost server comes back without its videos; their jobs are tried again.
            max_restarts=-1,
            max_task_retries=0,
        )(FrameServer)
        self._servers = [server.remote() for _ in range(count)]

    def _weigh_decoding(self, report: Report, on_event: OnEvent) -> None:
        """Hires decoders once it shows that workers wait for their own decoding."""
        if self._plan.decoders is not None or self._servers or not isinstance(report, Completed):
            return
        self._decode_seconds += report.result.decode_seconds
        self._seconds += report.result.seconds
        wanted = decoders_wanted(
            self._decode_seconds, self._seconds, workers=self._plan.workers, spare_cores=self._spare_cores()
        )
        if wanted:
            self._hire_decoders(wanted)
            on_event(DecodersHired(wanted, round(self._decode_seconds, 2), round(self._seconds, 2)))

    def _spare_cores(self) -> int:
        if self._plan.address is None:
            return self._plan.spare_cores
        return int(self._ray.available_resources().get("CPU", 0))

    def _hire(self) -> _Seat:
        actor = self._actor.remote(self._plan.threads, self._plan.fraction if self._plan.gpus else None)
        return _Seat(actor=actor, ready=actor.process.options(concurrency_group="control").remote())

    def _look_after(self, index: int, seat: _Seat, on_progress: OnEvent) -> Report | None:
        if seat.ready is not None:
            self._welcome(index, seat)
            return None
        if seat.assignment is None:
            return None
        if self._is_there(seat.outcome):
            try:
                report: Report = self._ray.get(seat.outcome)
            except self._ray.exceptions.RayError as error:
                problem = f"the worker, process {seat.process}, died ({_reason(error)})"
                return self._replace(index, seat.assignment, problem)
            seat.assignment = seat.outcome = None
            return report
        self._feel_pulse(seat, on_progress)
        idle = time.monotonic() - seat.moved
        if idle > self._stall_seconds:
            self._ray.kill(seat.actor)
            # Until the process is gone it holds the lock of the output folder.
            self._ray.wait([seat.outcome], timeout=_KILL_SECONDS)
            done = f"after frame {seat.beat.frame}" if seat.beat.frame else "before the first frame"
            return self._replace(index, seat.assignment, f"no progress for {idle:.0f} s {done}; the worker was killed")
        return None

    def _welcome(self, index: int, seat: _Seat) -> None:
        """Notes that a worker is ready, or that it never will be."""
        if not self._is_there(seat.ready):
            return
        try:
            seat.process = self._ray.get(seat.ready)
        except self._ray.exceptions.RayError as error:
            self._failed_hires += 1
            if self._failed_hires >= MAX_FAILED_HIRES:
                raise FleetError(f"workers die before they can begin ({_reason(error)})") from error
            self._seats[index] = self._hire()
            return
        self._failed_hires = 0
        seat.ready = None

    def _feel_pulse(self, seat: _Seat, on_progress: OnEvent) -> None:
        assignment = seat.assignment
        if assignment is None or seat.pulse is None or not self._is_there(seat.pulse):
            return
        pulse, seat.pulse = seat.pulse, None
        try:
            beat: Heartbeat = self._ray.get(pulse)
        except self._ray.exceptions.RayError:
            # The report on the job fails too, and says more.
            return
        if beat.number != assignment.number or beat == seat.beat:
            return
        now = time.monotonic()
        seat.beat, seat.moved = beat, now
        rate = beat.frame / max(now - seat.began, 1e-9)
        on_progress(JobProgress(assignment.number, assignment.spec.name, beat.frame, beat.frames, round(rate, 2)))

    def _replace(self, index: int, assignment: Assignment, problem: str) -> Lost:
        self._seats[index] = self._hire()
        return Lost(assignment.number, problem)

    def _check_crew(self) -> None:
        """Gives up when for long not a single worker could be had, as when a cluster has no room."""
        now = time.monotonic()
        if any(seat.ready is None for seat in self._seats):
            self._last_ready = now
        elif now - self._last_ready > HIRE_SECONDS:
            raise FleetError(
                f"no worker could be started in {HIRE_SECONDS:.0f} s: the machines lack free CPUs or GPUs, or the "
                "package; see `ray status`, then go on with --resume"
            )

    def _is_there(self, ref: Any) -> bool:
        return ref in self._there


def _reason(error: BaseException) -> str:
    """The first line of Ray's long explanations that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
