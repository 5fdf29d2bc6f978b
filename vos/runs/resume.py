"""What an earlier run has left in a folder: where to continue, and its finished frames read back from their masks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seem_model.video_model import VideoModel
from vos.errors import OutputError, VideoError
from vos.results import FrameResult
from vos.runs.commit import finish_commit
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs
from vos.runs.job import RunOutcome
from vos.runs.journal import JournalEntry, read_journal
from vos.runs.lock import only_run_in
from vos.runs.masks import is_intact, read_labels
from vos.runs.record import FINISHED, read_record
from vos.runs.setup import RunSetup
from vos.runs.snapshot_file import load_state
from vos.runs.snapshots import list_snapshots
from vos.tracking.target import TrackerState
from vos.video import Frame

# Listed in a message; the rest are counted.
_SHOWN_DIFFERENCES = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A run's folder, locked.

    Attributes:
        is_new: Whether it was made for this run.
        is_resumed: Whether it holds an earlier run of the same inputs, which this one continues.
        finished: The outcome of that run if it has nothing left to do.
    """

    is_new: bool
    is_resumed: bool = False
    finished: RunOutcome | None = None


@contextmanager
def claim_folder(setup: RunSetup) -> Iterator[Claim]:
    """Makes the folder of a run where it is missing, locks it for the block, and finds out what is in it.

    Raises:
        OutputError: It cannot be written, another process holds it, or the run in it had other inputs.
        VideoError: The video of the run to resume can only be read once.
    """
    folder, options = setup.folder, setup.options
    is_new = folder.create()
    with only_run_in(folder.root):
        if options.resume:
            finish_commit(folder)
        if not (options.resume and folder.is_started()):
            folder.clear_snapshots()
            yield Claim(is_new)
            return
        former = read_record(folder)
        check_same_inputs(folder, former, setup.inputs)
        if former["status"] not in FINISHED:
            yield Claim(is_new, is_resumed=True)
            return
        if not options.keep_snapshots:
            folder.clear_snapshots()
        yield Claim(is_new, is_resumed=True, finished=RunOutcome.of_finished(former, folder))


@dataclass(frozen=True, slots=True, eq=False)
class ResumePoint:
    """The state of the tracker before frame k, and the journal of frames 0..k-1.

    Attributes:
        finished: One entry per frame whose mask is on disk; empty to start with frame 0.
        state: What the tracker knew after these frames; None if there are none.
    """

    finished: tuple[JournalEntry, ...] = ()
    state: TrackerState | None = None


def check_same_inputs(folder: OutputFolder, record: dict[str, Any], inputs: RunInputs) -> None:
    """Makes sure that a run would continue as it began.

    Raises:
        VideoError: The video can only be read once.
        OutputError: Something that decides the result has changed; the message names it.
    """
    if not inputs.fingerprint:
        raise VideoError(f"{inputs.video}: what can be read only once cannot be resumed; start over with --overwrite")
    changed = inputs.differences(record)
    if changed:
        more = len(changed) - _SHOWN_DIFFERENCES
        listed = "; ".join(changed[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        raise OutputError(
            f"{folder.root}: this run cannot be resumed with other inputs: {listed}. "
            "Repeat its video, prompts and options, or start over with --overwrite"
        )


def find_resume_point(folder: OutputFolder, model: VideoModel) -> ResumePoint:
    """The newest snapshot for which every mask before it is on disk and has the checksum that the journal gives.

    A damaged snapshot or mask costs the frames since the snapshot before, never a wrong result.
    """
    if not folder.journal.exists():
        return ResumePoint()
    entries = read_journal(folder.journal).entries
    snapshots = list_snapshots(folder.snapshots)
    newest = min(snapshots[0][0] if snapshots else 0, len(entries))
    intact = next((i for i in range(newest) if not is_intact(folder, entries[i])), newest)
    for frames, path in snapshots:
        if frames > intact:
            continue
        try:
            state = load_state(path, model)
        except OutputError:
            continue
        if state.next_index == frames:
            return ResumePoint(entries[:frames], state)
    return ResumePoint()


class FinishedFrames:
    """Results of frames that an earlier run has written, read back from their masks.

    Args:
        folder: The run's folder.
        entries: Journal entries of frames 0, 1, 2, ...
    """

    def __init__(self, folder: OutputFolder, entries: tuple[JournalEntry, ...]) -> None:
        self._folder = folder
        self._entries = entries

    def recall(self, frame: Frame) -> FrameResult:
        """The result that the earlier run had for this frame.

        Raises:
            VideoError: The frame is shown at another time than it was then.
            OutputError: Its mask cannot be read.
        """
        entry = self._entries[frame.index]
        if frame.pts != entry.pts:
            raise VideoError(
                f"frame {frame.index} is shown at pts {frame.pts}, but was at {entry.pts} when the run began: "
                "the video is decoded differently on this machine; start over with --overwrite"
            )
        return FrameResult(
            index=entry.index,
            pts=entry.pts,
            time_base=frame.time_base,
            labels=read_labels(self._folder, entry.index),
            object_ids=tuple(entry.presence),
            presence=tuple(entry.presence.values()),
        )
