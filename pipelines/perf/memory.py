"""Resident memory over a long video: the same at frame 20,000 as at frame 500."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.perf.clips import write_clip
from seem_model.video_model import VideoModel
from vos.prompts import PromptScript
from vos.resources.ram_budget import Buffers, estimate_memory
from vos.resources.resident import resident_bytes
from vos.runs.run import Observer, RunOptions, TrackJob, run_job
from vos.runs.setup import workload_of
from vos.video import open_source

# Thread pools, the allocator's pools and memory frames have reached their size by then.
WARM_UP = 500
_POINTS_AFTER_WARM_UP = 12


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """Resident memory of one run in bytes.

    Attributes:
        estimate: What `vos.resources.ram_budget` expects at most.
        points: (frames done, greatest resident memory until then).
        slope: Bytes per frame after the warm-up, by least squares over single frames.
        growth: Greatest memory at the end over that at the end of the warm-up, minus 1.
    """

    width: int
    height: int
    objects: int
    frames: int
    estimate: int
    points: tuple[tuple[int, int], ...]
    slope: float
    growth: float

    @property
    def peak(self) -> int:
        return self.points[-1][1]


def measure_memory(
    model: VideoModel,
    *,
    width: int,
    height: int,
    frames: int,
    objects: int = 1,
    overlay: bool = False,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> MemoryCurve:
    """Runs what `vos track` runs on a temporary clip that is drawn and encoded frame by frame.

    Args:
        model: A loaded model.
        width, height, frames, objects: Of the clip.
        overlay: Whether to write an overlay video too.
        on_frame: As `vos.runs.options.Observer`.
    """
    resident: list[int] = []

    def sample(done: int, total: int | None) -> None:
        resident.append(resident_bytes())
        on_frame(done, total)

    with tempfile.TemporaryDirectory(prefix="vos-perf-") as folder:
        clip = Path(folder) / "clip.mp4"
        process = resident_bytes()
        prompts = tuple(write_clip(clip, width, height, frames, objects))
        job = TrackJob(str(clip), PromptScript(prompts), Path(folder) / "out", overlay=overlay)
        options = RunOptions(keep_snapshots=False)
        with open_source(clip) as source:
            work = workload_of(job, model, options, source.info)
        run_job(job, model, options, Observer(on_frame=sample))
    greatest = np.maximum.accumulate(resident)
    warm = min(WARM_UP, frames // 2)
    places = sorted({round(i) for i in np.linspace(warm, frames, _POINTS_AFTER_WARM_UP)} | {1, warm // 5, warm})
    later = np.asarray(resident[warm:], np.float64)
    return MemoryCurve(
        width=width,
        height=height,
        objects=objects,
        frames=frames,
        estimate=estimate_memory(work, Buffers(recent_frames=options.memory.recent_frames), process=process).total,
        points=tuple((place, int(greatest[place - 1])) for place in places if place > 0),
        slope=float(np.polyfit(np.arange(len(later)), later, 1)[0]),
        growth=float(greatest[-1] / greatest[warm - 1] - 1),
    )
