"""Tracks the clips of a set and scores them: one process a clip, nothing on disk."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.fleet.memory import PeakMemory
from pipelines.made.clip_set import ClipSet
from pipelines.made.scores import ClipScorer, ClipScores
from seem_model.video_model import VideoModel
from vos.prompts import Mask
from vos.resources.allocator import keep_freed_memory
from vos.tracking.load_model import EngineName, load_model
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.tracker import VideoTracker
from vos.tracking.windows import WindowPolicy


@dataclass(frozen=True, slots=True)
class MadeTracker:
    """What tracks. Every process computes with one thread, so that results do not depend on how many there are.

    Attributes:
        model, weights, device, engine, short_side: As for `load_model`.
        absent_below, memory, windows: As for `VideoTracker`.
    """

    model: str = "compact"
    weights: str | None = None
    device: str = "auto"
    engine: EngineName = "auto"
    short_side: int | None = None
    absent_below: float = 0.5
    memory: MemoryPolicy = field(default_factory=MemoryPolicy)
    windows: WindowPolicy = field(default_factory=WindowPolicy)

    def load(self) -> VideoModel:
        """The model.

        Raises:
            UsageError, CheckpointError, MissingExtraError: As `load_model`.
        """
        return load_model(
            self.model,
            device=self.device,
            weights=None if self.weights is None else Path(self.weights),
            short_side=self.short_side,
            engine=self.engine,
            threads=1,
        )


def score_clip(made: ClipSet, number: int, model: VideoModel, tracker: MadeTracker) -> ClipScores:
    """Draws, tracks and scores one clip; the masks of its first frame are given."""
    tracked = made.tracked(number)
    own = VideoTracker(model, policy=tracker.memory, windows=tracker.windows, absent_below=tracker.absent_below)
    scorer = ClipScorer(tracked)
    peak = PeakMemory(model.device)
    seconds = 0.0
    for index, frame in enumerate(made.render(number)):
        ids = range(1, tracked + 1) if index == 0 else ()
        prompts = [Mask(frame.figures == object_id, object_id=object_id) for object_id in ids]
        started = time.perf_counter()
        labels = own.step(frame.rgb, prompts).labels
        seconds += time.perf_counter() - started
        scorer.add(frame, labels)
    return replace(scorer.scores(made.name(number), made.factor(number)), seconds=seconds, peak_bytes=peak.read())


OnClip = Callable[[ClipScores], None]


def run_made(
    made: ClipSet, tracker: MadeTracker, *, jobs: int = 1, on_clip: OnClip = lambda scores: None
) -> tuple[ClipScores, ...]:
    """Scores of all clips, in order.

    Args:
        made: The clips.
        tracker: What tracks.
        jobs: Processes.
        on_clip: Called after each clip.

    Raises:
        TrainingDataError, DatasetError: The folder of pictures or of the data set cannot be used.
        Others as `MadeTracker.load`.
    """
    found = []
    for scores in _scored(made, tracker, min(jobs, made.clips)):
        found.append(scores)
        on_clip(scores)
    return tuple(found)


def _scored(made: ClipSet, tracker: MadeTracker, jobs: int) -> Iterator[ClipScores]:
    if jobs == 1:
        _prepare(made, tracker)
        yield from map(_run, range(made.clips))
        return
    # Mistakes in the options are found here, in one line, and not in a worker.
    tracker.load()
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_prepare, initargs=(made, tracker)) as pool:
        yield from pool.imap(_run, range(made.clips))


_worker: tuple[ClipSet, MadeTracker, VideoModel] | None = None
"""What this process scores; set once when it starts."""


def _prepare(made: ClipSet, tracker: MadeTracker) -> None:
    import cv2

    global _worker
    keep_freed_memory()
    cv2.setNumThreads(1)
    _worker = made, tracker, tracker.load()


def _run(number: int) -> ClipScores:
    assert _worker is not None
    made, tracker, model = _worker
    return score_clip(made, number, model, tracker)
