"""One video tracked into one output folder: what `vos track`, `vos demo`, corrections and batches run."""

from __future__ import annotations

from collections.abc import Callable

from seem_model.video_model import VideoModel
from vos.runs.bidirectional import BidirectionalRun
from vos.runs.forward import ForwardRun
from vos.runs.job import RunOutcome, TrackJob
from vos.runs.options import Observer, RunOptions
from vos.runs.setup import prepare_run
from vos.video import FrameSource, open_source

__all__ = ["Observer", "RunOptions", "RunOutcome", "TrackJob", "run_job"]


def run_job(
    job: TrackJob,
    model: VideoModel,
    options: RunOptions | None = None,
    observer: Observer | None = None,
    *,
    open_video: Callable[..., FrameSource] = open_source,
) -> RunOutcome:
    """Tracks one video.

    Args:
        job: What to track, and what to write.
        model: A loaded model.
        options: How.
        observer: Follows the run and may stop it.
        open_video: Opens the video as `open_source` does, to the same frames; workers of a fleet decode elsewhere.

    Raises:
        VosError: The video, a prompt or the output cannot be used, the run to resume had other inputs, or the run
            cannot fit into `max_memory`. If no mask was written, nothing is left behind.
    """
    options, observer = options or RunOptions(), observer or Observer()
    job.folder.check(overwrite=options.overwrite, resume=options.resume)
    with open_video(job.video, **job.source_options) as source:
        setup = prepare_run(job, model, options, source)
        run = BidirectionalRun(setup, observer) if setup.plan.backward else ForwardRun(setup, observer)
        return run.run()
