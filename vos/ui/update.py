"""From a document to masks on disk, by the shortest way: start, go on where a run was stopped, or correct a run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vos.errors import OutputError
from vos.prompts import PromptScript
from vos.results import FrameResult
from vos.runs.correction import CorrectionReport, revise_run
from vos.runs.folder import OutputFolder
from vos.runs.run import SNAPSHOT_EVERY, RunOutcome
from vos.runs.track_script import track_script
from vos.tracking.load_model import VideoModel
from vos.video import Frame

Way = Literal["start", "resume", "correct"]

# Corrections start from kept states of the tracker; on a short clip they are worth having more often.
_STATES_PER_VIDEO = 16
_MIN_SNAPSHOT_EVERY = 10


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told about progress, and who may end it; see `run_job`."""

    on_frame: Callable[[int, int | None], None]
    on_result: Callable[[Frame, FrameResult], None]
    stop: threading.Event

    def options(self, frames: int) -> dict[str, Any]:
        """Keyword arguments for a run over so many frames."""
        every = min(SNAPSHOT_EVERY, max(_MIN_SNAPSHOT_EVERY, frames // _STATES_PER_VIDEO))
        return {"on_frame": self.on_frame, "on_result": self.on_result, "stop": self.stop, "snapshot_every": every}


def bring_up_to_date(
    video: Path,
    folder: OutputFolder,
    script: PromptScript,
    model: VideoModel,
    *,
    way: Way,
    frames: int,
    watch: Watch,
    on_restart: Callable[[], None],
) -> str:
    """Makes the masks in a folder those of a script, to the same bytes whatever the way.

    Args:
        video, folder, script, model: What is tracked, where to, and with what.
        way: How; `resume` and `correct` need a run in the folder.
        frames: How many the video has.
        watch: Follows it and may stop it.
        on_restart: Called if it has to start over, because the run there was made with other weights, versions or
            threads: masks of both must not be mixed.

    Returns:
        What the user should know about it; empty if all is as expected.

    Raises:
        VosError: As `run_job`.
    """
    options = watch.options(frames)
    note = ""
    if way != "start":
        try:
            if way == "correct":
                return _corrected(revise_run(folder.root, script, video=str(video), model=model, **options))
            return _told(track_script(video, script, folder.root, model=model, resume=True, **options))
        except OutputError as error:
            note = f"Everything was tracked anew: {error}. "
            on_restart()
    return note + _told(track_script(video, script, folder.root, model=model, overwrite=True, **options))


def _corrected(report: CorrectionReport) -> str:
    if report.is_interrupted:
        return ""
    again = f"{report.frames_recomputed} frame{'s' if report.frames_recomputed != 1 else ''} tracked again"
    return f"{again}, {report.frames_changed} masks changed. {_told(report.outcome)}".strip()


def _told(outcome: RunOutcome) -> str:
    return "" if outcome.truncation is None else f"The video is {outcome.truncation}."
