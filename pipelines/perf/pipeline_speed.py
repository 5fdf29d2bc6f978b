"""Where the time of one worker goes: decoding, inference, writing, waiting; and how much their overlap saves."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.perf.clips import write_clip
from seem_model.video_model import VideoModel
from vos.export import BackgroundSink, MaskSink, OverlaySink, PalettePngSink
from vos.prompts import Prompt, PromptScript
from vos.results import FrameResult
from vos.tracking.schedule import plan_of
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, ReadAhead, VideoInfo, open_source

_WARM_UP_FRAMES = 5

Prompts = Mapping[int, Sequence[Prompt]]


@dataclass(frozen=True, slots=True)
class PipelineSpeed:
    """Milliseconds per frame of one video, each the median of some rounds.

    Attributes:
        frames: Length of the clip.
        rounds: How often everything was measured, in turns, so that a busy machine slows all stages alike.
        decode, infer, write: Each stage by itself, with nothing else running.
        together: The stages in their threads, as `vos track` and the workers of a fleet run them.
        wait_for_decode: Of `together`: the tracker waits for a frame.
        wait_for_write: Of `together`: the tracker waits because the queue of the writers is full, or for their end.
    """

    frames: int
    rounds: int
    decode: float
    infer: float
    write: float
    together: float
    wait_for_decode: float
    wait_for_write: float

    @property
    def slowest(self) -> str:
        """The stage that limits the rest."""
        return max(("decode", "infer", "write"), key=lambda name: float(getattr(self, name)))

    @property
    def efficiency(self) -> float:
        """Time of the slowest stage by itself over the time together; 1 if the others overlap with it entirely."""
        return float(getattr(self, self.slowest)) / self.together

    @property
    def gain(self) -> float:
        """Time of the stages one after the other over the time together."""
        return (self.decode + self.infer + self.write) / self.together


def measure_pipeline(
    model: VideoModel, *, width: int, height: int, frames: int, objects: int, overlay: bool, rounds: int = 3
) -> PipelineSpeed:
    """Measures the stages one by one and together, on a synthetic clip."""
    with tempfile.TemporaryDirectory(prefix="vos-perf-") as folder:
        root = Path(folder)
        clip = root / "clip.mp4"
        prompts = plan_of(PromptScript.of(write_clip(clip, width, height, frames, objects))).prompts

        with open_source(clip) as source:
            start = [frame for frame, _ in zip(source, range(_WARM_UP_FRAMES), strict=False)]
        warm_up = VideoTracker(model)
        for frame in start:
            warm_up.step(frame.rgb, prompts.get(frame.index, ()))
        measured = [_round(model, clip, prompts, root / f"{number}", overlay) for number in range(rounds)]
    medians = (1000 / frames * statistics.median(values) for values in zip(*measured, strict=True))
    return PipelineSpeed(frames, rounds, *medians)


def _round(
    model: VideoModel, clip: Path, prompts: Prompts, folder: Path, overlay: bool
) -> tuple[float, float, float, float, float, float]:
    """Seconds for decoding, inference, writing, all together, and waiting in it for frames and for writers."""

    def sinks(name: str) -> list[MaskSink]:
        target = folder / name
        target.mkdir(parents=True)
        chosen: list[MaskSink] = [PalettePngSink(target / "masks")]
        return [*chosen, OverlaySink(target / "overlay.mp4")] if overlay else chosen

    with open_source(clip) as source:
        info = source.info
        kept: list[Frame] = []
        decode = _timed(lambda: kept.extend(source))
    results: list[FrameResult] = []
    infer = _timed(lambda: _infer(VideoTracker(model), kept, prompts, results))
    write = _timed(lambda: _write(sinks("alone"), info, kept, results))
    kept.clear()
    results.clear()
    return decode, infer, write, *_overlapped(model, clip, prompts, sinks("together"))


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _infer(tracker: VideoTracker, frames: list[Frame], prompts: Prompts, results: list[FrameResult]) -> None:
    pictures = [*(frame.rgb for frame in frames[1:]), None]
    for frame, following in zip(frames, pictures, strict=True):
        prompted = prompts.get(frame.index, ())
        result = tracker.step(frame.rgb, prompted, pts=frame.pts, time_base=frame.time_base, upcoming=following)
        results.append(result)


def _write(sinks: list[MaskSink], info: VideoInfo, frames: list[Frame], results: list[FrameResult]) -> None:
    for sink in sinks:
        sink.open(info)
    for frame, result in zip(frames, results, strict=True):
        for sink in sinks:
            sink.write(frame, result)
    for sink in sinks:
        sink.close()


def _overlapped(model: VideoModel, clip: Path, prompts: Prompts, sinks: list[MaskSink]) -> tuple[float, float, float]:
    """Seconds in all, waiting for frames, and waiting for writers."""
    for_decode = for_write = 0.0
    with open_source(clip) as source:
        tracker = VideoTracker(model)
        began = time.perf_counter()
        background = BackgroundSink(sinks)
        background.open(source.info)
        frames = ReadAhead(source).with_upcoming()
        while True:
            asked = time.perf_counter()
            pair = next(frames, None)
            for_decode += time.perf_counter() - asked
            if pair is None:
                break
            frame, upcoming = pair
            following = None if upcoming is None else upcoming.rgb
            prompted = prompts.get(frame.index, ())
            result = tracker.step(frame.rgb, prompted, pts=frame.pts, time_base=frame.time_base, upcoming=following)
            offered = time.perf_counter()
            background.write(frame, result)
            for_write += time.perf_counter() - offered
        for_write += _timed(background.close)
        return time.perf_counter() - began, for_decode, for_write
