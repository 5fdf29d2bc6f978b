"""A run from the first frame to the last: new, or resumed where a former one ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vos.results import FrameResult
from vos.runs.job import RunOutcome
from vos.runs.options import Observer
from vos.runs.resume import FinishedFrames, ResumePoint, claim_folder, find_resume_point
from vos.runs.setup import RunSetup
from vos.runs.writer import RunWriter
from vos.tracking.steady import steady_masks
from vos.tracking.track_video import propagate
from vos.video import Frame


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
            # Masks that were compared with later frames are not what the tracker gave: such runs start over.
            can_go_on = claim.is_resumed and not setup.options.clean.steady
            point = find_resume_point(setup.folder, setup.model) if can_go_on else ResumePoint()
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
                outcome = writer.write(steadied(setup, results), self._observer)
            taken_over = len(point.finished)
            return replace(
                outcome,
                resumed_at=taken_over if claim.is_resumed else None,
                tracked=max(0, outcome.frames - taken_over),
            )


def steadied(setup: RunSetup, results: Iterable[tuple[Frame, FrameResult]]) -> Iterable[tuple[Frame, FrameResult]]:
    """The results of a run after the comparison with their neighbours, if it was asked for."""
    prompted = {prompt.frame for prompt in setup.job.script.prompts}
    reach = setup.options.clean.steady
    return steady_masks(results, reach, keep=prompted) if reach else results
