"""A run from the first frame to the last: new, or resumed where a former one ended."""

from __future__ import annotations

from dataclasses import replace

from vos.runs.job import RunOutcome
from vos.runs.options import Observer
from vos.runs.resume import FinishedFrames, ResumePoint, claim_folder, find_resume_point
from vos.runs.setup import RunSetup
from vos.runs.writer import RunWriter
from vos.tracking.track_video import propagate


class ForwardRun:
    """Tracks every frame in order.

    Args:
        setup: A job without backward passes.
        observer: Follows the run and may stop it.
    """

    def __init__(self, setup: RunSetup, observer: Observer) -> None:
        self._setup = setup
        self._observer = observer

    def run(self) -> RunOutcome:
        """Tracks all frames that are not done yet. What is left behind after an exception can be resumed."""
        setup = self._setup
        with claim_folder(setup) as claim:
            if claim.finished is not None:
                return claim.finished
            point = find_resume_point(setup.folder, setup.model) if claim.is_resumed else ResumePoint()
            tracker = setup.make_tracker()
            if point.state is not None:
                tracker.restore(point.state)
            writer = RunWriter(setup, is_new=claim.is_new, finished=point.finished, tracker=tracker)
            with writer.recording():
                if claim.is_resumed:
                    setup.folder.clear_for_resume()
                else:
                    setup.folder.clear_for_start()
                results = propagate(
                    setup.source,
                    setup.plan,
                    tracker,
                    recall=FinishedFrames(setup.folder, point.finished).recall,
                    read_ahead=setup.buffers.read_ahead,
                )
                outcome = writer.write(results, self._observer)
            taken_over = len(point.finished)
            return replace(
                outcome,
                resumed_at=taken_over if claim.is_resumed else None,
                tracked=max(0, outcome.frames - taken_over),
            )
