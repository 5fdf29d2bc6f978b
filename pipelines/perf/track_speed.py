"""Frames per second of the whole pipeline (decode, track, write PNG), and where the time goes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.perf.clips import write_clip
from seem_model.video_model import VideoModel
from vos.export import BackgroundSink, PalettePngSink
from vos.prompts import PromptScript
from vos.results import FrameResult
from vos.tracking.schedule import plan_of
from vos.tracking.track_video import propagate
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, open_source


@dataclass(frozen=True, slots=True)
class TrackSpeed:
    """One measured run. Milliseconds are per frame; stages in threads of their own overlap the others.

    Attributes:
        fps: Frames per second of wall-clock time, from the first frame asked for to the last file closed.
        stages: Stage name -> milliseconds per frame spent in it.
        threaded: Names of the stages that run beside the others.
    """

    objects: int
    frames: int
    width: int
    height: int
    fps: float
    stages: dict[str, float]
    threaded: tuple[str, ...]


class _Clock:
    """Seconds spent by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began


# What the calls of a model are booked under.
_STAGES = {
    "encode_images": "encode image",
    "masks_from_prompts": "prompt",
    "masks_from_descriptions": "prompt",
    "encode_reference": "prompt",
    "encode_memory": "remember",
    "decode": "decode objects",
}


class _TimedModel:
    """A model whose calls are timed. They return numpy arrays, so on a GPU they wait for it by themselves."""

    def __init__(self, model: VideoModel, clock: _Clock) -> None:
        self._model = model
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._model, name)
        stage = _STAGES.get(name)
        if stage is None:
            return attribute

        def timed(*arguments: Any, **options: Any) -> Any:
            with self._clock.stage(stage):
                return attribute(*arguments, **options)

        return timed


class _TimedPng(PalettePngSink):
    def __init__(self, folder: Path, clock: _Clock) -> None:
        super().__init__(folder)
        self._clock = clock

    def write(self, frame: Frame, result: FrameResult) -> None:
        with self._clock.stage("write PNG"):
            super().write(frame, result)


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Runs so many processes that never wait, each with one thread."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure_track(
    model: VideoModel, *, width: int = 854, height: int = 480, frames: int = 120, objects: int = 1
) -> TrackSpeed:
    """Tracks a synthetic H.264 clip from first-frame masks and writes palette PNGs, as `vos track` does."""
    with tempfile.TemporaryDirectory(prefix="vos-perf-") as folder:
        clip = Path(folder) / "clip.mp4"
        plan = plan_of(PromptScript.of(write_clip(clip, width, height, frames, objects)))
        # Warm up: memory of the C library, thread pools, convolution algorithms.
        with open_source(clip) as source:
            tracker = VideoTracker(model)
            for frame, _ in propagate(source, plan, tracker):
                if frame.index == 5:
                    break
        clock = _Clock()
        with open_source(clip) as source, clock.stage("decode video"):
            for _ in source:
                pass
        with open_source(clip) as source:
            tracker = VideoTracker(_TimedModel(model, clock))
            sink = BackgroundSink([_TimedPng(Path(folder) / "masks", clock)])
            sink.open(source.info)
            began = time.perf_counter()
            for frame, result in propagate(source, plan, tracker):
                sink.write(frame, result)
            sink.close()
            wall = time.perf_counter() - began
        threaded = ("decode video", "write PNG", *(["encode image"] if model.encodes_ahead else []))
        clock.seconds["everything else"] = wall - sum(
            seconds for name, seconds in clock.seconds.items() if name not in threaded
        )
    return TrackSpeed(
        objects=objects,
        frames=frames,
        width=width,
        height=height,
        fps=frames / wall,
        stages={name: 1000 * seconds / frames for name, seconds in clock.seconds.items()},
        threaded=threaded,
    )
