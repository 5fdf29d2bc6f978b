"""One video tracked into one output folder: what `vos track`, `vos demo` and batches run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch

from vos.absence import STOP_AFTER, AbsencePolicy, OnAbsent, StopRule
from vos.errors import OutputError
from vos.export import BackgroundSink, ContactSheetSink, MaskSink, OverlaySink, PalettePngSink
from vos.memory import MemoryPolicy
from vos.memory_budget import Buffers, Workload, fit_buffers
from vos.output_folder import OutputFolder
from vos.plan import TrackingPlan, plan_of
from vos.prompts import Prompt, PromptScript, Removal
from vos.propagation import propagate
from vos.resident import resident_bytes
from vos.results import FrameResult
from vos.resume import FinishedFrames, ResumePoint, check_same_inputs, find_resume_point
from vos.run_inputs import RunInputs, decoder_of, fingerprint
from vos.run_lock import only_run_in
from vos.run_record import FINISHED, RunRecord, read_record
from vos.snapshots import SnapshotSink
from vos.tracker import VideoTracker
from vos.video import Frame, FrameSource, Truncation, VideoInfo, open_source
from vos.video.excerpt import Excerpt
from vos.video.images import ImageFolderSource
from vos.video_model import VideoModel

SNAPSHOT_EVERY = 100


@dataclass(frozen=True, slots=True)
class TrackJob:
    """What to track, and what to write.

    Attributes:
        video: File, image folder, `-`, or `camera:0`.
        prompts: At least one, on any frames: an object is tracked from its first annotated frame on.
        output: Folder of the run.
        overlay: Whether to write an overlay video.
        contact_sheet: Frames of the contact sheet; empty for six spread over the video, None for no sheet.
        overwrite: Whether results of a former run in the folder may be replaced.
        source_options: Keyword arguments of `open_source`.
        removals: Objects that end before the video does.
        names: Of objects, for run.json and the exports.
        frames: Numbers of the frames to track, ascending; None for all. Prompts and masks count within them.
    """

    video: str
    prompts: tuple[Prompt, ...]
    output: Path
    overlay: bool = False
    contact_sheet: tuple[int, ...] | None = None
    overwrite: bool = False
    source_options: dict[str, Any] | None = None
    removals: tuple[Removal, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    frames: tuple[int, ...] | None = None

    @property
    def script(self) -> PromptScript:
        """What is said about the objects."""
        return PromptScript(self.prompts, self.removals, self.names)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run that went through.

    Attributes:
        frames: Masks in the output.
        seconds: How long this process worked on it.
        output: The folder.
        truncation: Where an incomplete video broke off.
        object_ids: Objects known in the last frame.
        is_stopped: Whether the run ended before the video because no object was left.
        resumed_at: Frames that were taken over from the run that was resumed; None for a run from the start.
        was_finished: Whether the run to resume had nothing left to do.
        is_interrupted: Whether `stop` was set before the end; the run can be resumed where it stopped.
    """

    frames: int
    seconds: float
    output: OutputFolder
    truncation: Truncation | None
    object_ids: tuple[int, ...]
    is_stopped: bool = False
    resumed_at: int | None = None
    was_finished: bool = False
    is_interrupted: bool = False


def run_job(
    job: TrackJob,
    model: VideoModel,
    *,
    policy: MemoryPolicy | None = None,
    absent_below: float = 0.5,
    on_absent: OnAbsent = "empty",
    stop_after: int = STOP_AFTER,
    resume: bool = False,
    snapshot_every: int = SNAPSHOT_EVERY,
    keep_snapshots: bool = False,
    max_memory: int | None = None,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
    on_result: Callable[[Frame, FrameResult], None] = lambda frame, result: None,
    stop: threading.Event | None = None,
    open_video: Callable[..., FrameSource] = open_source,
) -> RunOutcome:
    """Tracks one video.

    Args:
        job: What to do.
        model: A loaded model.
        policy: When frames are remembered.
        absent_below, on_absent, stop_after: What happens to objects out of view; see `AbsencePolicy`.
        resume: Go on with what a killed or failed run of the same job left in the folder; the result is the same to
            the byte as that of a run that was never disturbed. Starts normally where there is none, and does nothing
            where it is finished. docs/promises.md says how.
        snapshot_every: Frames between two snapshots of the tracker, which is what a kill can cost at most.
        keep_snapshots: Keep states of the tracker spread over the video when the run is done, so that a correction
            need not track again from the first frame. At most `MAX_SPREAD` + 2 of them.
        max_memory: Resident bytes to stay below, by the estimate of `vos.memory_budget`: queues and the number of
            remembered frames shrink as far as needed.
        on_frame: Called after each frame with the number done and the total, if that is known.
        on_result: Called with each frame and its masks, which it must not change; for a live preview.
        stop: When it is set, the run ends after the frame in progress and can be resumed from there.
        open_video: Opens the video as `open_source` does, to the same frames; workers of a fleet decode elsewhere.

    Raises:
        VosError: The video, a prompt or the output cannot be used, the run to resume had other inputs, or the run
            cannot fit into `max_memory`. If no mask was written, nothing is left behind.
    """
    folder = OutputFolder(job.output)
    folder.check(overwrite=job.overwrite, resume=resume)
    policy = policy or MemoryPolicy()
    absence = AbsencePolicy(absent_below, on_absent, stop_after)
    plan = plan_of(job.script)
    with open_video(job.video, **(job.source_options or {})) as source:
        for prompt in job.prompts:
            prompt.check(source.info.width, source.info.height)
        buffers = Buffers(recent_frames=policy.recent_frames)
        if max_memory is not None:
            work = _workload(job, model, source.info)
            buffers = fit_buffers(work, buffers, process=resident_bytes(), limit=max_memory)
            policy = replace(policy, recent_frames=buffers.recent_frames)
        inputs = _inputs(job, model, policy, absence, source)
        if job.frames is not None:
            source = Excerpt(source, job.frames)
        is_new = folder.create()
        with only_run_in(folder.root):
            point = ResumePoint()
            is_resumed = resume and folder.is_started()
            if is_resumed:
                former = read_record(folder)
                check_same_inputs(folder, former, inputs)
                if former["status"] in FINISHED:
                    if not keep_snapshots:
                        folder.clear_snapshots()
                    return _outcome_of(former, folder)
                point = find_resume_point(folder, model.device)
            else:
                folder.clear_snapshots()
            watch = _Watch(on_frame, on_result, stop or threading.Event())
            snapshots = SnapshotSink(folder.snapshots, every=snapshot_every, keep_spread=keep_snapshots)
            run = _Run(job, folder, inputs, plan, policy, absence, point, buffers, snapshots)
            outcome = run.track(source, model, watch, is_new=is_new, is_resumed=is_resumed)
            if not (keep_snapshots or outcome.is_interrupted):
                folder.clear_snapshots()
            return outcome


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told about progress, and who may end the run."""

    on_frame: Callable[[int, int | None], None]
    on_result: Callable[[Frame, FrameResult], None]
    stop: threading.Event


class _Run:
    """One run from the first frame that has to be written to the record of how it ended."""

    def __init__(
        self,
        job: TrackJob,
        folder: OutputFolder,
        inputs: RunInputs,
        plan: TrackingPlan,
        policy: MemoryPolicy,
        absence: AbsencePolicy,
        point: ResumePoint,
        buffers: Buffers,
        snapshots: SnapshotSink,
    ) -> None:
        self._job = job
        self._folder = folder
        self._plan = plan
        self._policy = policy
        self._absence = absence
        self._point = point
        self._read_ahead = buffers.read_ahead
        self._record = RunRecord(folder, inputs, absent_below=absence.below, finished=point.finished)
        self._snapshots = snapshots
        # In this order a frame is in the journal only with its mask, and in a snapshot only with its journal line.
        sinks = [*_mask_sinks(job, folder), self._record, self._snapshots]
        self._sinks = BackgroundSink(sinks, depth=buffers.sink_queue)

    def track(
        self,
        source: FrameSource,
        model: VideoModel,
        watch: _Watch,
        *,
        is_new: bool,
        is_resumed: bool,
    ) -> RunOutcome:
        """Runs to the end. What is left behind after an exception can be resumed."""
        folder = self._folder
        tracker = VideoTracker(
            model,
            policy=self._policy,
            absent_below=self._absence.below,
            paint_absent=self._absence.mode == "hold",
        )
        if self._point.state is not None:
            tracker.restore(self._point.state)
        began = time.monotonic()
        try:
            self._record.begin(source.info)
            if is_resumed:
                folder.clear_for_resume()
            else:
                folder.clear_for_start()
            self._sinks.open(source.info)
            ending = self._follow(source, tracker, watch)
            if ending == "interrupted":
                self._sinks.abort()
            else:
                self._sinks.close()
        except BaseException as error:
            self._sinks.abort()
            self._record_failure(source, error, time.monotonic() - began, is_new=is_new)
            raise
        seconds = time.monotonic() - began
        truncation = source.truncation if ending == "done" else None
        status = ending if truncation is None else "truncated"
        problem = None if truncation is None else str(truncation)
        self._record.finish(status, info=source.info, seconds=seconds, problem=problem, truncation=truncation)
        return RunOutcome(
            frames=self._record.frames,
            seconds=seconds,
            output=folder,
            truncation=truncation,
            object_ids=tracker.object_ids,
            is_stopped=ending == "stopped",
            resumed_at=len(self._point.finished) if is_resumed else None,
            is_interrupted=ending == "interrupted",
        )

    def _follow(
        self, source: FrameSource, tracker: VideoTracker, watch: _Watch
    ) -> Literal["done", "stopped", "interrupted"]:
        """Takes every frame. `stopped`: no object was left; `interrupted`: somebody has asked for it."""
        finished = FinishedFrames(self._folder, self._point.finished)
        stop_rule = StopRule(self._absence, last_prompt=self._plan.last_event)
        for frame, result in propagate(
            source, self._plan, tracker, recall=finished.recall, read_ahead=self._read_ahead
        ):
            done = result.index + 1
            is_interrupted = watch.stop.is_set()
            if done == tracker.next_index and (is_interrupted or self._snapshots.is_due(done)):
                self._snapshots.offer(tracker.snapshot())
            self._sinks.write(frame, result)
            watch.on_result(frame, result)
            watch.on_frame(done, source.info.frame_count)
            if stop_rule.is_over(result):
                return "stopped"
            if is_interrupted and done != source.info.frame_count:
                return "interrupted"
        return "done"

    def _record_failure(self, source: FrameSource, error: BaseException, seconds: float, *, is_new: bool) -> None:
        """Leaves what can be resumed, or nothing if there is nothing."""
        if self._record.frames == 0 and not self._point.finished:
            self._folder.discard(is_new=is_new)
        elif self._record.frames > len(self._point.finished):
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            try:
                self._record.finish(status, info=source.info, seconds=seconds, problem=str(error) or None)
            except OutputError:
                return  # on a full disk, say; the failure itself is what the user must see


def _workload(job: TrackJob, model: VideoModel, info: VideoInfo) -> Workload:
    aspect = max(info.width, info.height) / min(info.width, info.height)
    return Workload(
        width=info.width,
        height=info.height,
        input_pixels=round(model.short_side**2 * aspect),
        objects=len({prompt.object_id for prompt in job.prompts}),
        annotated_frames=len({prompt.frame for prompt in job.prompts}),
        overlay=job.overlay,
    )


def _inputs(
    job: TrackJob, model: VideoModel, policy: MemoryPolicy, absence: AbsencePolicy, source: FrameSource
) -> RunInputs:
    images = source.paths if isinstance(source, ImageFolderSource) else ()
    return RunInputs(
        video=job.video,
        fingerprint=fingerprint(job.video, images),
        decoder=decoder_of(job.video, (job.source_options or {}).get("backend", "auto")),
        prompts=job.prompts,
        model=model.name,
        weights_sha256=model.weights_sha256,
        device=str(model.device),
        threads=torch.get_num_threads(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        options={
            "short_side": model.short_side,
            "absent_below": absence.below,
            "on_absent": absence.mode,
            "stop_after": absence.stop_after if absence.mode == "stop" else None,
            "memory_interval": policy.interval,
            "memory_recent_frames": policy.recent_frames,
            "memory_min_overlap": policy.min_overlap,
            "memory_min_presence": policy.min_presence,
            "memory_min_agreement": policy.min_agreement,
            "source": {name: str(value) for name, value in sorted((job.source_options or {}).items())},
            **({} if job.frames is None else {"frames": ",".join(map(str, job.frames))}),
        },
        outputs={
            "overlay": job.overlay,
            "contact_sheet": None if job.contact_sheet is None else list(job.contact_sheet),
        },
        removals=job.removals,
        names=job.names,
    )


def _outcome_of(record: dict[str, Any], folder: OutputFolder) -> RunOutcome:
    """The outcome of a run that is finished already."""
    truncation = record["truncation"]
    return RunOutcome(
        frames=record["frames"],
        seconds=0.0,
        output=folder,
        truncation=None if truncation is None else Truncation(**truncation),
        object_ids=tuple(int(object_id) for object_id in record["objects"]),
        is_stopped=record["status"] == "stopped",
        resumed_at=record["frames"],
        was_finished=True,
    )


def _mask_sinks(job: TrackJob, folder: OutputFolder) -> list[MaskSink]:
    sinks: list[MaskSink] = [PalettePngSink(folder.masks)]
    if job.overlay:
        video = Path(job.video)
        sinks.append(OverlaySink(folder.overlay, audio_from=video if video.is_file() else None))
    if job.contact_sheet is not None:
        sinks.append(ContactSheetSink(folder.contact_sheet, job.contact_sheet or None))
    return sinks
