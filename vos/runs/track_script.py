"""One call for a whole video with prompts on any frames: masks and a run record in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from vos.prompts import Prompt, PromptScript
from vos.results import FrameResult
from vos.runs.run import SNAPSHOT_EVERY, RunOutcome, TrackJob, run_job
from vos.tracking.load_model import VideoModel, load_model
from vos.video import Frame


def track_script(
    video: str | Path,
    script: PromptScript | Iterable[Prompt],
    output: str | Path,
    *,
    model: VideoModel | str = "compact",
    overlay: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    source_options: dict[str, Any] | None = None,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
    on_result: Callable[[Frame, FrameResult], None] = lambda frame, result: None,
    stop: threading.Event | None = None,
    snapshot_every: int = SNAPSHOT_EVERY,
    keep_snapshots: bool = True,
) -> RunOutcome:
    """Tracks what a script says, as `vos track VIDEO --script FILE -o OUTPUT` does.

    Args:
        video: A video file or a folder of images.
        script: A script, or bare prompts.
        output: Folder of the run.
        model: A loaded model, or the name of one.
        overlay: Whether to write an overlay video.
        resume: Go on with a run of the same script that was stopped or killed; start normally where there is none.
        overwrite: Whether results of a former run in the folder may be replaced.
        source_options: Keyword arguments of `open_source`.
        on_frame: Called after each frame with the number done and the total, if that is known.
        on_result: Called with each frame and its masks, which it must not change; for a live preview. It runs in the
            calling thread, so it should be quick.
        stop: When it is set (from any thread), the run ends after the frame in progress, `is_interrupted` of the
            outcome is true, and `resume` goes on from there.
        snapshot_every, keep_snapshots: As `run_job`. With states kept, `correct_run` is quick.

    Raises:
        VosError: The video, a prompt or the output cannot be used.

    Examples:
        >>> from vos import Box, Points, PromptScript, track_script
        >>> script = PromptScript((Box(120, 80, 360, 400), Points([[40, 40]], frame=4, object_id=2)))
        >>> outcome = track_script("clip.mp4", script, "clip_vos")
        >>> print(outcome.frames, "masks in", outcome.output.masks)
        6 masks in clip_vos/masks
    """
    said = PromptScript.of(script)
    job = TrackJob(
        video=str(video),
        prompts=said.prompts,
        output=Path(output),
        overlay=overlay,
        overwrite=overwrite,
        source_options=source_options,
        removals=said.removals,
        names=said.names,
    )
    loaded = load_model(model) if isinstance(model, str) else model
    return run_job(
        job,
        loaded,
        resume=resume,
        snapshot_every=snapshot_every,
        keep_snapshots=keep_snapshots,
        on_frame=on_frame,
        on_result=on_result,
        stop=stop,
    )
