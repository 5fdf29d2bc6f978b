"""From results to files: the sinks of one run in their order, and the record of how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from vos.errors import OutputError
from vos.export import BackgroundSink
from vos.results import FrameResult
from vos.runs.job import RunOutcome, mask_sinks
from vos.runs.journal import JournalEntry
from vos.runs.options import Observer
from vos.runs.record import RunRecord
from vos.runs.setup import RunSetup
from vos.runs.snapshots import SnapshotSink
from vos.tracking.absence import StopRule
from vos.tracking.track_video import check_frames
from vos.tracking.tracker import VideoTracker
from vos.video import Frame

Ending = Literal["done", "stopped", "interrupted"]


class RunWriter:
    """Hands every result to the sinks of a run, and keeps its record.

    Args:
        setup: The run.
        is_new: Whether its folder was made for it, so that it is removed if the run yields nothing.
        finished: Journal entries of frames that an earlier process has written; their results come first again.
        tracker: The tracker that makes the results, for snapshots of its state; None for none.
    """

    def __init__(
        self,
        setup: RunSetup,
        *,
        is_new: bool,
        finished: tuple[JournalEntry, ...] = (),
        tracker: VideoTracker | None = None,
    ) -> None:
        self._setup = setup
        self._is_new = is_new
        self._finished = len(finished)
        self._began = time.monotonic()
        options = setup.options
        self._record = RunRecord(setup.folder, setup.inputs, absent_below=options.absence.below, finished=finished)
        self._snapshots = (
            None
            if tracker is None
            else SnapshotSink(
                setup.folder.snapshots, tracker, every=options.snapshot_every, keep_spread=options.keep_snapshots
            )
        )
        # In this order a frame is in the journal only with its mask, and in a snapshot only with its journal line.
        self._mask_sinks = mask_sinks(setup.job, setup.source)
        sinks = [*self._mask_sinks, self._record]
        if self._snapshots is not None:
            sinks.append(self._snapshots)
        self._sinks = BackgroundSink(sinks, depth=setup.buffers.sink_queue)

    @property
    def seconds(self) -> float:
        """How long the run has taken in this process."""
        return time.monotonic() - self._began

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Records that the run is in progress; if the block fails, leaves what can be resumed, or else nothing."""
        try:
            self._record.begin(self._setup.source.info)
            yield
        except BaseException as error:
            self._sinks.abort()
            self._fail(error)
            raise

    def write(self, results: Iterable[tuple[Frame, FrameResult]], observer: Observer) -> RunOutcome:
        """Writes all results, and the record of how the run ended.

        Args:
            results: From the first frame on.
            observer: Follows the run and may stop it.
        """
        source, folder = self._setup.source, self._setup.folder
        self._sinks.open(source.info)
        ending, object_ids = self._follow(results, observer)
        if ending == "interrupted":
            self._sinks.abort()
        else:
            self._sinks.close()
        truncation = source.truncation if ending == "done" else None
        notes = self._notes(is_complete=ending != "interrupted")
        self._record.finish(
            ending if truncation is None else "truncated",
            info=source.info,
            seconds=self.seconds,
            problem=None if truncation is None else str(truncation),
            truncation=truncation,
            notes=tuple(dict.fromkeys([*self._setup.job.notes, *notes])),
        )
        if ending != "interrupted" and not self._setup.options.keep_snapshots:
            folder.clear_snapshots()
        return RunOutcome(
            frames=self._record.frames,
            seconds=self.seconds,
            output=folder,
            truncation=truncation,
            object_ids=object_ids,
            is_stopped=ending == "stopped",
            is_interrupted=ending == "interrupted",
            found_nothing=ending != "interrupted" and self._record.found_nothing,
            notes=notes,
        )

    def _notes(self, *, is_complete: bool) -> tuple[str, ...]:
        """What the user should see: how the video and the prompts were read, what was written, what was not found."""
        notes = [*self._setup.source.info.notes, *self._setup.notes]
        notes += [note for sink in self._mask_sinks for note in getattr(sink, "notes", ())]
        if is_complete:
            notes += self._record.notes_on_objects()
        return tuple(dict.fromkeys(notes))

    def interrupt(self) -> RunOutcome:
        """Records a run that was stopped before its first result."""
        self._record.finish("interrupted", info=self._setup.source.info, seconds=self.seconds)
        return RunOutcome(0, self.seconds, self._setup.folder, None, (), is_interrupted=True)

    def _follow(
        self, results: Iterable[tuple[Frame, FrameResult]], observer: Observer
    ) -> tuple[Ending, tuple[int, ...]]:
        """Takes every result. `stopped`: no object was left; `interrupted`: the observer has asked for it.

        Returns:
            How it ended, and the objects known in the last frame.
        """
        plan, source = self._setup.plan, self._setup.source
        stop_rule = StopRule(self._setup.options.absence, last_prompt=plan.last_event)
        done, object_ids = 0, tuple[int, ...]()
        for frame, result in results:
            done, object_ids = result.index + 1, result.object_ids
            is_interrupted = observer.wants_to_stop
            if self._snapshots is not None:
                self._snapshots.take_state(done, is_last=is_interrupted)
            self._sinks.write(frame, result)
            observer.on_result(frame, result)
            observer.on_frame(done, source.info.frame_count)
            if stop_rule.is_over(result):
                return "stopped", object_ids
            if is_interrupted and done != source.info.frame_count:
                return "interrupted", object_ids
        check_frames(plan, done)
        return "done", object_ids

    def _fail(self, error: BaseException) -> None:
        folder = self._setup.folder
        if self._record.frames == 0 and not self._finished and not folder.forward_pass.is_started():
            folder.discard(is_new=self._is_new)
        else:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            try:
                self._record.finish(
                    status, info=self._setup.source.info, seconds=self.seconds, problem=str(error) or None
                )
            except OutputError:
                return  # on a full disk, say; the failure itself is what the user must see
