"""One video tracked into one output folder: what `vos track`, `vos demo` and batches run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from vos.errors import OutputError, PromptError
from vos.export import BackgroundSink, ExportContext
from vos.prompts import Text
from vos.resources.ram_budget import Buffers, fit_buffers
from vos.resources.resident import resident_bytes
from vos.results import FrameResult
from vos.runs.bidirectional import Layers, forward_job, forward_layer, forward_mode
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs
from vos.runs.job import RunOutcome, TrackJob, inputs_of, outcome_of, sinks_of, workload_of
from vos.runs.lock import only_run_in
from vos.runs.record import FINISHED, RunRecord, read_record
from vos.runs.resume import FinishedFrames, ResumePoint, check_same_inputs, find_resume_point
from vos.runs.run_sinks import export_context
from vos.runs.snapshots import SnapshotSink
from vos.tracking.absence import STOP_AFTER, AbsencePolicy, OnAbsent, StopRule
from vos.tracking.load_model import VideoModel
from vos.tracking.memory_bank import MemoryPolicy
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.tracking.track_video import check_frames, propagate
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, FrameSource, ReadAhead, open_source
from vos.video.excerpt import Excerpt

__all__ = ["SNAPSHOT_EVERY", "RunOutcome", "TrackJob", "run_job"]

SNAPSHOT_EVERY = 100


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
        max_memory: Resident bytes to stay below, by the estimate of `vos.resources.ram_budget`: queues and the number
            of remembered frames shrink as far as needed.
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
            if isinstance(prompt, Text) and not model.reads_text:
                raise PromptError(
                    f"{prompt.where}: the {model.name} model reads no words; a text prompt needs a SEEM checkpoint "
                    "(--model seem-focalt-v1), or a mask that `vos segment FRAME --text ...` makes of it"
                )
            prompt.check(source.info.width, source.info.height)
        buffers = Buffers(recent_frames=policy.recent_frames)
        if max_memory is not None:
            work = workload_of(job, model, source.info)
            buffers = fit_buffers(work, buffers, process=resident_bytes(), limit=max_memory)
            policy = replace(policy, recent_frames=buffers.recent_frames)
        inputs = inputs_of(job, model, policy, absence, source)
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
                    return outcome_of(former, folder)
                if not plan.backward:
                    point = find_resume_point(folder, model.device)
            else:
                folder.clear_snapshots()
            watch = _Watch(on_frame, on_result, stop or threading.Event())
            context = export_context(job.video, source, job.names)
            snapshots = SnapshotSink(folder.snapshots, every=snapshot_every, keep_spread=keep_snapshots)
            run = _Run(job, folder, context, inputs, plan, absence, point, buffers, snapshots)
            tracker = partial(
                VideoTracker,
                model,
                policy=policy,
                absent_below=absence.below,
                paint_absent=absence.mode == "hold",
            )
            if not plan.backward:
                outcome = run.track(source, tracker(), watch, is_new=is_new, is_resumed=is_resumed)
            else:
                forward = partial(
                    run_job,
                    model=model,
                    policy=policy,
                    absent_below=absent_below,
                    on_absent=forward_mode(on_absent),
                    snapshot_every=snapshot_every,
                    keep_snapshots=keep_snapshots,
                    resume=True,
                    stop=watch.stop,
                )
                outcome = run.track_both_ways(source, tracker, forward, watch, is_new=is_new, is_resumed=is_resumed)
            if not (keep_snapshots or outcome.is_interrupted):
                folder.clear_snapshots()
            return outcome


@dataclass(frozen=True, slots=True)
class _Watch:
    """Who is told about progress, and who may end the run."""

    on_frame: Callable[[int, int | None], None]
    on_result: Callable[[Frame, FrameResult], None]
    stop: threading.Event


_Results = Iterator[tuple[Frame, FrameResult]]


class _Run:
    """One run from the first frame that has to be written to the record of how it ended."""

    def __init__(
        self,
        job: TrackJob,
        folder: OutputFolder,
        context: ExportContext,
        inputs: RunInputs,
        plan: TrackingPlan,
        absence: AbsencePolicy,
        point: ResumePoint,
        buffers: Buffers,
        snapshots: SnapshotSink,
    ) -> None:
        self._job = job
        self._folder = folder
        self._plan = plan
        self._absence = absence
        self._point = point
        self._read_ahead = buffers.read_ahead
        self._record = RunRecord(folder, inputs, absent_below=absence.below, finished=point.finished)
        self._snapshots = snapshots
        # In this order a frame is in the journal only with its mask, and in a snapshot only with its journal line.
        self._mask_sinks = sinks_of(job, folder, context)
        sinks = [*self._mask_sinks, self._record, self._snapshots]
        self._sinks = BackgroundSink(sinks, depth=buffers.sink_queue)

    def track(
        self, source: FrameSource, tracker: VideoTracker, watch: _Watch, *, is_new: bool, is_resumed: bool
    ) -> RunOutcome:
        """Runs to the end. What is left behind after an exception can be resumed."""
        if self._point.state is not None:
            tracker.restore(self._point.state)
        finished = FinishedFrames(self._folder, self._point.finished)
        results = propagate(source, self._plan, tracker, recall=finished.recall, read_ahead=self._read_ahead)
        outcome = self._write(source, results, tracker, watch, is_new=is_new, is_resumed=is_resumed)
        resumed_at = len(self._point.finished) if is_resumed else None
        return replace(outcome, resumed_at=resumed_at, tracked=max(0, outcome.frames - (resumed_at or 0)))

    def track_both_ways(
        self,
        source: FrameSource,
        make_tracker: Callable[[], VideoTracker],
        run_forward: Callable[..., RunOutcome],
        watch: _Watch,
        *,
        is_new: bool,
        is_resumed: bool,
    ) -> RunOutcome:
        """The forward pass, the backward passes, and then the masks put together from them.

        A forward pass that was broken off goes on, a backward pass starts over; what is complete is not made again.
        """
        began = time.monotonic()
        info, plan = source.info, self._plan
        layers = Layers(self._folder, plan, (info.height, info.width))
        steps = _Steps(watch, info.frame_count, sum(one.frame - one.last + 1 for one in plan.backward))
        if not is_resumed:
            self._folder.clear_layers()
        try:
            check_frames(plan, info.frame_count)
            self._record.begin(info)
            if plan.prompts:
                job = forward_job(self._job, plan)
                outcome = run_forward(job, on_frame=steps.forward, on_result=watch.on_result)
                steps.tracked += outcome.tracked
                if outcome.is_interrupted:
                    return self._interrupted(source, steps, time.monotonic() - began)
            layers.read_forward()
            for number, one in enumerate(plan.backward):
                before = steps.back
                for frame, result in layers.track_back(number, source, make_tracker()):
                    watch.on_result(frame, layers.preview(frame, result, number))
                    steps.backward()
                    if watch.stop.is_set():
                        return self._interrupted(source, steps, time.monotonic() - began)
                if steps.back > before:
                    steps.went_back.append((one.last, one.frame))
        except BaseException as error:
            self._record_failure(source, error, time.monotonic() - began, is_new=is_new)
            raise
        layers.drop_other_passes()
        quiet = _Watch(lambda done, total: None, watch.on_result, threading.Event())
        results = ((frame, layers.compose(frame)) for frame in ReadAhead(source, depth=self._read_ahead))
        outcome = self._write(source, results, None, quiet, is_new=is_new, is_resumed=False)
        return replace(
            outcome,
            seconds=time.monotonic() - began,
            tracked=steps.tracked + steps.back,
            went_back=tuple(steps.went_back),
            resumed_at=0 if is_resumed else None,
        )

    def _interrupted(self, source: FrameSource, steps: _Steps, seconds: float) -> RunOutcome:
        self._record.finish("interrupted", info=source.info, seconds=seconds)
        return RunOutcome(
            frames=0,
            seconds=seconds,
            output=self._folder,
            truncation=None,
            object_ids=(),
            is_interrupted=True,
            tracked=steps.tracked + steps.back,
        )

    def _write(
        self,
        source: FrameSource,
        results: _Results,
        tracker: VideoTracker | None,
        watch: _Watch,
        *,
        is_new: bool,
        is_resumed: bool,
    ) -> RunOutcome:
        """Hands all results to the sinks. `tracker` is who makes them, if its state shall be kept."""
        folder = self._folder
        began = time.monotonic()
        try:
            self._record.begin(source.info)
            if is_resumed:
                folder.clear_for_resume()
            else:
                folder.clear_for_start(keep_layers=tracker is None)
            self._sinks.open(source.info)
            ending, object_ids = self._follow(source, results, tracker, watch)
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
            object_ids=object_ids,
            is_stopped=ending == "stopped",
            is_interrupted=ending == "interrupted",
            notes=tuple(note for sink in self._mask_sinks for note in getattr(sink, "notes", ())),
        )

    def _follow(
        self, source: FrameSource, results: _Results, tracker: VideoTracker | None, watch: _Watch
    ) -> tuple[Literal["done", "stopped", "interrupted"], tuple[int, ...]]:
        """Takes every frame. `stopped`: no object was left; `interrupted`: somebody has asked for it.

        Returns:
            How it ended, and the objects known in the last frame.
        """
        stop_rule = StopRule(self._absence, last_prompt=self._plan.last_event)
        done, object_ids = 0, tuple[int, ...]()
        for frame, result in results:
            done, object_ids = result.index + 1, result.object_ids
            is_interrupted = watch.stop.is_set()
            is_tracked = tracker is not None and done == tracker.next_index
            if tracker is not None and is_tracked and (is_interrupted or self._snapshots.is_due(done)):
                self._snapshots.offer(tracker.snapshot())
            self._sinks.write(frame, result)
            watch.on_result(frame, result)
            watch.on_frame(done, source.info.frame_count)
            if stop_rule.is_over(result):
                return "stopped", object_ids
            if is_interrupted and done != source.info.frame_count:
                return "interrupted", object_ids
        check_frames(self._plan, done)
        return "done", object_ids

    def _record_failure(self, source: FrameSource, error: BaseException, seconds: float, *, is_new: bool) -> None:
        """Leaves what can be resumed, or nothing if there is nothing."""
        if self._record.frames == 0 and not self._point.finished and not forward_layer(self._folder).is_started():
            self._folder.discard(is_new=is_new)
        elif self._record.frames > len(self._point.finished):
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            try:
                self._record.finish(status, info=source.info, seconds=seconds, problem=str(error) or None)
            except OutputError:
                return  # on a full disk, say; the failure itself is what the user must see


class _Steps:
    """Counts the frames of a forward pass and of the backward passes after it as one row."""

    def __init__(self, watch: _Watch, frames: int | None, back: int) -> None:
        self._watch = watch
        self._total = None if frames is None else frames + back
        self._done = 0
        self.tracked = 0
        self.back = 0
        self.went_back: list[tuple[int, int]] = []

    def forward(self, done: int, total: int | None) -> None:
        self._done = done
        self._watch.on_frame(done, self._total)

    def backward(self) -> None:
        self.back += 1
        self._watch.on_frame(self._done + self.back, self._total)
