"""The one thread that owns the model. Everything that computes masks goes through it, one job after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from seem_model.video_model import VideoModel

T = TypeVar("T")


class ModelThread:
    """Runs jobs with a model in a thread of its own, in the order in which they come."""

    def __init__(self, model: VideoModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vos-model")

    def submit(self, job: Callable[[VideoModel], T]) -> Future[T]:
        """Queues a job."""
        return self._thread.submit(job, self._model)

    def close(self) -> None:
        """Drops what waits and lets the job in progress end; tell it to stop first."""
        self._thread.shutdown(wait=True, cancel_futures=True)
