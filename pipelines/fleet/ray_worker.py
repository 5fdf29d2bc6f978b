"""The worker: a process that owns decoding, model and encoding of one video at a time. Runs inside a Ray actor."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any

from pipelines.fleet.decode_pool import PooledSource
from pipelines.fleet.worker_pool import Task, TaskOutcome, attempt
from vos.video import FrameSource, open_source


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Progress of a worker: the job's number (None between jobs), masks done, the total if known."""

    number: int | None
    frame: int
    frames: int | None


class FleetWorker:
    """Frames stay in this process: only tasks come in, and only heartbeats and outcomes go out.

    The exception is a pool of decoders, from which frames come in, a bounded number at a time.

    Args:
        threads: CPU threads of the network.
        gpu_fraction: Share of the GPU's memory that the process may use; Ray itself does not limit it.
    """

    def __init__(self, threads: int, gpu_fraction: float | None) -> None:
        # Imported here: the driver makes the class known to Ray without loading torch.
        from pipelines.fleet.runner import JobRunner

        if gpu_fraction is not None and gpu_fraction < 1:
            import torch

            torch.cuda.set_per_process_memory_fraction(gpu_fraction)
        self._runner = JobRunner(threads=threads)
        self._lock = threading.Lock()
        self._beat = Heartbeat(None, 0, None)

    def process(self) -> int:
        """Process id; answers once the worker is ready."""
        return os.getpid()

    def run(self, task: Task, server: Any = None, stream: int = 0) -> TaskOutcome:
        """Does one job.

        Args:
            task: The job.
            server: Handle of a `FrameServer` that decodes its video; None to decode here.
            stream: Number of this worker at the server.
        """
        self._tell(Heartbeat(task.number, 0, None))

        def open_file(video: str, **options: Any) -> FrameSource:
            if server is None:
                return open_source(video, **options)
            import ray

            return PooledSource(ray, server, stream, video, options)

        try:
            return attempt(
                self._runner,
                task,
                lambda done, total: self._tell(Heartbeat(task.number, done, total)),
                open_file,
            )
        finally:
            self._tell(Heartbeat(None, 0, None))

    def heartbeat(self) -> Heartbeat:
        """Answers while `run` is busy, from a thread of its own."""
        with self._lock:
            return self._beat

    def _tell(self, beat: Heartbeat) -> None:
        with self._lock:
            self._beat = beat
