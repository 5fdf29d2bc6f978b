"""One video tracked into one output folder: what `vos track`, `vos demo` and batches run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vos.errors import OutputError
from vos.export import BackgroundSink, ContactSheetSink, MaskSink, OverlaySink, PalettePngSink
from vos.memory import MemoryPolicy
from vos.output_folder import OutputFolder
from vos.prompts import Prompt
from vos.propagation import prompts_by_frame, propagate
from vos.run_record import RunInputs, RunRecord
from vos.tracker import VideoTracker
from vos.video import Truncation, open_source
from vos.video_model import VideoModel


@dataclass(frozen=True, slots=True)
class TrackJob:
    """What to track, and what to write.

    Attributes:
        video: File, image folder, `-`, or `camera:0`.
        prompts: At least one on frame 0.
        output: Folder of the run.
        overlay: Whether to write an overlay video.
        contact_sheet: Frames of the contact sheet; empty for six spread over the video, None for no sheet.
        overwrite: Whether results of a former run in the folder may be replaced.
        source_options: Keyword arguments of `open_source`.
    """

    video: str
    prompts: tuple[Prompt, ...]
    output: Path
    overlay: bool = False
    contact_sheet: tuple[int, ...] | None = None
    overwrite: bool = False
    source_options: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run that went through. `truncation` says where an incomplete video broke off."""

    frames: int
    seconds: float
    output: OutputFolder
    truncation: Truncation | None
    object_ids: tuple[int, ...]


def run_job(
    job: TrackJob,
    model: VideoModel,
    *,
    policy: MemoryPolicy | None = None,
    absent_below: float = 0.5,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> RunOutcome:
    """Tracks one video.

    Args:
        job: What to do.
        model: A loaded model.
        policy: When frames are remembered.
        absent_below: Presence below which an object gets no pixels.
        on_frame: Called after each frame with the number done and the total, if that is known.

    Raises:
        VosError: The video, a prompt or the output cannot be used. If no mask was written, nothing is left behind.
    """
    folder = OutputFolder(job.output)
    folder.check(overwrite=job.overwrite)
    grouped = prompts_by_frame(job.prompts)
    policy = policy or MemoryPolicy()
    with open_source(job.video, **(job.source_options or {})) as source:
        info = source.info
        for prompt in job.prompts:
            prompt.check(info.width, info.height)
        inputs = RunInputs(
            video=job.video,
            prompts=job.prompts,
            model=model.name,
            weights_sha256=model.weights_sha256,
            device=str(model.device),
            options={
                "short_side": model.short_side,
                "absent_below": absent_below,
                "memory_interval": policy.interval,
                "memory_recent_frames": policy.recent_frames,
                "memory_min_overlap": policy.min_overlap,
            },
        )
        record = RunRecord(folder, inputs)
        is_new = folder.create()
        sinks = BackgroundSink([*_sinks(job, folder), record])
        tracker = VideoTracker(model, policy=policy, absent_below=absent_below)
        began = time.monotonic()
        done = 0
        try:
            sinks.open(info)
            for frame, result in propagate(source, grouped, tracker):
                sinks.write(frame, result)
                done += 1
                on_frame(done, info.frame_count)
            sinks.close()
        except BaseException as error:
            sinks.abort()
            if not any(folder.masks.glob("*.png")):
                folder.discard(is_new=is_new)
            else:
                status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                _try_finish(record, status, source.info, time.monotonic() - began, str(error))
            raise
        seconds = time.monotonic() - began
        truncation = source.truncation
        status = "done" if truncation is None else "truncated"
        problem = None if truncation is None else str(truncation)
        record.finish(status, info=source.info, seconds=seconds, problem=problem)
        return RunOutcome(done, seconds, folder, truncation, tracker.object_ids)


def _sinks(job: TrackJob, folder: OutputFolder) -> Sequence[MaskSink]:
    sinks: list[MaskSink] = [PalettePngSink(folder.masks)]
    if job.overlay:
        video = Path(job.video)
        sinks.append(OverlaySink(folder.overlay, audio_from=video if video.is_file() else None))
    if job.contact_sheet is not None:
        sinks.append(ContactSheetSink(folder.contact_sheet, job.contact_sheet or None))
    return sinks


def _try_finish(record: RunRecord, status: str, info: Any, seconds: float, problem: str) -> None:
    """Records a failure; if even that cannot be written, the failure itself is what the user must see."""
    try:
        record.finish(status, info=info, seconds=seconds, problem=problem)
    except OutputError:
        return
