"""Runs jobs one after another in this process, as `vos track` does; keeps the last model loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.fleet.decode_pool import DecodeClock, TimedSource
from pipelines.fleet.jobs import JobResult, JobSpec, ModelSpec, OutputState, load_script, source_options
from pipelines.fleet.memory import PeakMemory
from pipelines.fleet.splitting import excerpt_for
from seem_model.video_model import VideoModel
from vos.resources.allocator import keep_freed_memory
from vos.runs.run import Observer, RunOptions, TrackJob, run_job
from vos.tracking.absence import AbsencePolicy
from vos.tracking.load_model import load_model
from vos.video import FrameSource, open_source
from vos.video.opening import choose_backend


class JobRunner:
    """Tracks videos in this process.

    Args:
        threads: Threads of the network and of OpenCV. Results depend on it in the last bits (sums of floats are split
            differently), so a batch uses one number throughout, whatever the number of its workers.
    """

    def __init__(self, *, threads: int = 1) -> None:
        import cv2

        self._threads = threads
        cv2.setNumThreads(threads)
        keep_freed_memory()
        self._loaded: tuple[ModelSpec, VideoModel] | None = None

    def run(
        self,
        spec: JobSpec,
        *,
        output_state: OutputState = "empty",
        on_frame: Callable[[int, int | None], None] = lambda done, total: None,
        open_file: Callable[..., FrameSource] = open_source,
    ) -> JobResult:
        """Tracks one video.

        Args:
            spec: What to do.
            output_state: What the output folder holds: nothing, a stopped run of the same job, which is resumed, or
                files of an earlier job, which are replaced. Files of others are never touched.
            on_frame: Called with the number of finished frames and the total, if that is known.
            open_file: Opens a video file as `open_source` does; folders of images are always read here.

        Raises:
            VosError: The video, a prompt or the output cannot be used.
        """
        script, notes = load_script(spec)
        frames = None
        if spec.part is not None:
            frames, script = excerpt_for(spec.part, script)
        model = self._model(spec.model)
        job = TrackJob(
            video=spec.video,
            script=script,
            output=Path(spec.output),
            overlay=spec.overlay,
            contact_sheet=() if spec.contact_sheet else None,
            source_options=source_options(spec),
            frames=frames,
            notes=notes,
        )
        peak = PeakMemory(model.device)
        clock = DecodeClock()

        def open_video(video: str, **options: Any) -> FrameSource:
            if choose_backend(video) != "pyav":
                return open_source(video, **options)
            # Windows in the middle of a video are reached by seeking, which one decoder has to do.
            opened = open_source(video, **options) if spec.part is not None else open_file(video, **options)
            return TimedSource(opened, clock)

        options = RunOptions(
            absence=AbsencePolicy(below=spec.absent_below),
            keep_snapshots=False,
            resume=output_state == "resumable",
            # A run that was killed before it wrote its record looks like files of others; it starts over.
            overwrite=output_state != "empty",
        )
        outcome = run_job(job, model, options, Observer(on_frame=on_frame), open_video=open_video)
        return JobResult(
            frames=outcome.frames,
            tracked=outcome.frames - (outcome.resumed_at or 0),
            seconds=outcome.seconds,
            peak_bytes=peak.read(),
            device=model.device,
            weights_sha256=model.weights_sha256,
            truncated=None if outcome.truncation is None else str(outcome.truncation),
            decode_seconds=clock.seconds,
            notes=tuple(dict.fromkeys([*notes, *outcome.notes])),
            found_nothing=outcome.found_nothing,
        )

    def _model(self, spec: ModelSpec) -> VideoModel:
        if self._loaded is None or self._loaded[0] != spec:
            # The old model is released first: memory may hold one, but not two.
            self._loaded = None
            weights = None if spec.weights is None else Path(spec.weights)
            self._loaded = (
                spec,
                load_model(
                    spec.name,
                    device=spec.device,
                    weights=weights,
                    short_side=spec.short_side,
                    engine=spec.engine,
                    threads=self._threads,
                ),
            )
        return self._loaded[1]
