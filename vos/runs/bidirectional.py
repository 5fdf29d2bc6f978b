"""A run with backward prompts: a forward pass, backward passes from annotated frames, and both put together.

The forward pass is a run of its own in `layers/forward/`. A backward pass starts on its annotated frame with the
prompts given there and, so that objects compete for pixels as they do forwards, with the masks that all other objects
have on that frame; its masks are kept too (`vos.runs.pass_store`). In the masks of the run an object has the pixels of
the backward pass on the frames that this pass is for; all other pixels are those of the forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vos.prompts import PromptScript, Removal
from vos.runs.forward import ForwardRun, steadied
from vos.runs.inputs import script_members
from vos.runs.job import RunOutcome, TrackJob
from vos.runs.options import Observer
from vos.runs.pass_store import PassStore
from vos.runs.resume import claim_folder
from vos.runs.setup import RunSetup
from vos.runs.writer import RunWriter
from vos.tracking.absence import AbsencePolicy, OnAbsent
from vos.tracking.schedule import TrackingPlan, plan_of
from vos.tracking.track_video import check_frames
from vos.video import ReadAhead


class BidirectionalRun:
    """Tracks forward, then backward, and puts the masks together.

    A forward pass that was broken off goes on, a backward pass starts over; what is complete is not made again.

    Args:
        setup: A job with backward passes.
        observer: Follows the run, its passes as one row of frames, and may stop it.
    """

    def __init__(self, setup: RunSetup, observer: Observer) -> None:
        self._setup = setup
        self._progress = _PassProgress(observer, setup)
        self._store = PassStore(setup.folder, setup.plan, setup.source.info)

    def run(self) -> RunOutcome:
        """Makes what is not done yet. What is left behind after an exception can be resumed."""
        setup, progress = self._setup, self._progress
        with claim_folder(setup) as claim:
            if claim.finished is not None:
                return claim.finished
            writer = RunWriter(setup, is_new=claim.is_new)
            with writer.recording():
                check_frames(setup.plan, setup.source.info.frame_count)
                if not claim.is_resumed:
                    setup.folder.clear_passes()
                if self._track_forward() and self._track_back():
                    outcome = self._put_together(writer)
                else:
                    outcome = writer.interrupt()
            return replace(
                outcome,
                tracked=progress.tracked_forward + progress.tracked_back,
                went_back=() if outcome.is_interrupted else tuple(progress.went_back),
                resumed_at=0 if claim.is_resumed and not outcome.is_interrupted else None,
            )

    def _track_forward(self) -> bool:
        """The forward pass, if any prompt is for it. Returns whether it was made to the end."""
        setup, progress = self._setup, self._progress
        if setup.plan.prompts:
            observer = replace(progress.observer, on_frame=progress.forward_frame)
            outcome = ForwardRun(_forward_setup(setup), observer).run()
            progress.tracked_forward = outcome.tracked
            if outcome.is_interrupted:
                return False
        self._store.read_forward()
        return True

    def _track_back(self) -> bool:
        """All backward passes in the order of the plan. Returns whether they were made to the end."""
        observer = self._progress.observer
        for number, backward_pass in enumerate(self._setup.plan.backward):
            before = self._progress.tracked_back
            for frame, result in self._store.track_back(number, self._setup.source, self._setup.make_tracker()):
                observer.on_result(frame, self._store.preview(frame, result, number))
                self._progress.backward_frame()
                if observer.wants_to_stop:
                    return False
            if self._progress.tracked_back > before:
                self._progress.went_back.append((backward_pass.last, backward_pass.frame))
        return True

    def _put_together(self, writer: RunWriter) -> RunOutcome:
        """Writes the masks of the run. It takes little time, so it is not counted, and not stopped."""
        self._store.drop_other_passes()
        self._setup.folder.clear_for_start(keep_passes=True)
        frames = ReadAhead(self._setup.source, depth=self._setup.buffers.read_ahead)
        composed = ((frame, self._store.compose(frame)) for frame in frames)
        results = steadied(self._setup, composed)
        return writer.write(results, Observer(on_result=self._progress.observer.on_result))


class _PassProgress:
    """Counts the frames of the forward pass and of the backward passes after it as one row."""

    def __init__(self, observer: Observer, setup: RunSetup) -> None:
        self.observer = observer
        frames, passes = setup.source.info.frame_count, setup.plan.backward
        back = sum(backward_pass.frame - backward_pass.last + 1 for backward_pass in passes)
        self._total = None if frames is None else frames + back
        self._forward_done = 0
        self.tracked_forward = 0
        self.tracked_back = 0
        self.went_back: list[tuple[int, int]] = []

    def forward_frame(self, done: int, total: int | None) -> None:
        self._forward_done = done
        self.observer.on_frame(done, self._total)

    def backward_frame(self) -> None:
        self.tracked_back += 1
        self.observer.on_frame(self._forward_done + self.tracked_back, self._total)


def forward_job(job: TrackJob, plan: TrackingPlan) -> TrackJob:
    """The forward pass of a job as a job of its own: its prompts and removals, and masks only."""
    prompts = [replace(prompt, direction="forward") for frame in sorted(plan.prompts) for prompt in plan.prompts[frame]]
    removals = [Removal(i, frame) for frame in sorted(plan.removals) for i in plan.removals[frame]]
    script = PromptScript(tuple(prompts), tuple(removals))
    return replace(job.masks_only(), script=script, output=job.folder.forward_pass.root)


def forward_members(job: TrackJob, plan: TrackingPlan, members: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json of the forward pass says where that of the whole run says `members`."""
    part = forward_job(job, plan)
    return {
        **script_members(part.script),
        "options": _forward_options(members["options"]),
        "outputs": part.outputs_to_json(),
    }


def _forward_setup(setup: RunSetup) -> RunSetup:
    part = forward_job(setup.job, setup.plan)
    absence = setup.options.absence
    inputs = setup.inputs
    return replace(
        setup,
        job=part,
        plan=plan_of(part.script),
        options=replace(
            setup.options,
            absence=AbsencePolicy(absence.below, _forward_mode(absence.mode)),
            clean=replace(setup.options.clean, steady=0),
            resume=True,
        ),
        inputs=replace(
            inputs, script=part.script, options=_forward_options(inputs.options), outputs=part.outputs_to_json()
        ),
    )


def _forward_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "on_absent": _forward_mode(options["on_absent"]), "stop_after": None, "clean_steady": 0}


def _forward_mode(on_absent: OnAbsent) -> OnAbsent:
    """When to stop is decided on the masks that are put together; a pass that stops would leave them incomplete."""
    return "empty" if on_absent == "stop" else on_absent
