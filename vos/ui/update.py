"""From a document to masks on disk with the least work: start, go on where a run was stopped, or correct a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from seem_model.video_model import VideoModel
from vos.errors import OutputError
from vos.prompts import PromptScript
from vos.runs.correction import CorrectionReport, revise_run
from vos.runs.edit_run import edits_of
from vos.runs.folder import OutputFolder
from vos.runs.options import SNAPSHOT_EVERY, Observer, RunOptions
from vos.runs.run import RunOutcome, TrackJob, run_job

UpdateMode = Literal["start", "resume", "correct"]

# Corrections start from kept states of the tracker; on a short clip they are worth having more often.
_STATES_PER_VIDEO = 16
_MIN_SNAPSHOT_EVERY = 10


def bring_up_to_date(
    video: Path,
    folder: OutputFolder,
    script: PromptScript,
    model: VideoModel,
    *,
    mode: UpdateMode,
    frames: int,
    observer: Observer,
    on_restart: Callable[[], None],
) -> str:
    """Makes the masks in a folder those of a script, to the same bytes in every mode.

    Args:
        video, folder, script, model: What is tracked, where to, and with what.
        mode: How; `resume` and `correct` need a run in the folder.
        frames: How many the video has.
        observer: Follows the run and may stop it.
        on_restart: Called if it has to start over, because the run there was made with other weights, versions or
            threads: masks of both must not be mixed.

    Returns:
        What the user should know about it; empty if all is as expected.

    Raises:
        VosError: As `run_job`.
    """
    job = TrackJob(str(video), script, folder.root)
    every = min(SNAPSHOT_EVERY, max(_MIN_SNAPSHOT_EVERY, frames // _STATES_PER_VIDEO))
    options = RunOptions(snapshot_every=every)
    note = ""
    try:
        if mode == "correct":
            return _describe_correction(
                revise_run(folder.root, script, video=job.video, model=model, options=options, observer=observer)
            )
        if mode == "resume":
            return _describe(run_job(job, model, replace(options, resume=True), observer))
    except OutputError as error:
        if edits_of(folder.root):
            raise OutputError(
                f"{error}. The masks have edits, which tracking anew would lose: take them back first, or go on with "
                "the versions that the run was made with"
            ) from error
        note = f"Everything was tracked anew: {error}. "
        on_restart()
    return note + _describe(run_job(job, model, replace(options, overwrite=True), observer))


def _describe_correction(report: CorrectionReport) -> str:
    if report.is_interrupted:
        return ""
    again = f"{report.frames_recomputed} frame{'s' if report.frames_recomputed != 1 else ''} tracked again"
    return f"{again}, {report.frames_changed} masks changed. {_describe(report.outcome)}".strip()


def _describe(outcome: RunOutcome) -> str:
    return "" if outcome.truncation is None else f"The video is {outcome.truncation}."
