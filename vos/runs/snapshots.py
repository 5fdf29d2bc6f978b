"""Tracker states of a run, each valid for the masks that are on disk before it.

The newest two are what a killed run goes on from. A run that is to be corrected later keeps some more, spread over the
video, which is where a correction starts: never more than `MAX_SPREAD`, whatever the length of the video.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from vos.errors import OutputError
from vos.export.sink import MaskSink
from vos.results import FrameResult
from vos.runs.snapshot_file import NAME, SUFFIX, save_state
from vos.tracking.target import TrackerState
from vos.tracking.tracker import VideoTracker
from vos.video import Frame, VideoInfo

_NEWEST = 2
MAX_SPREAD = 16


class SnapshotSink(MaskSink):
    """Writes offered states in the order of the frames; the last of a run's sinks.

    The tracker is ahead of the sinks, so a state waits here until the sinks before this one have written the frames
    that it knows: a snapshot on disk never knows a frame whose mask is not.

    Args:
        folder: Where the states are written.
        tracker: Whose states are kept.
        every: A state is due after every so many frames.
        keep_spread: Whether older states are kept too, spread over the video.
    """

    def __init__(self, folder: Path, tracker: VideoTracker, *, every: int, keep_spread: bool = False) -> None:
        self.folder = folder
        self._tracker = tracker
        self.every = every
        self._limit = _NEWEST + (MAX_SPREAD if keep_spread else 0)
        self._waiting: deque[TrackerState] = deque()

    def take_state(self, done: int, *, is_last: bool) -> None:
        """Takes the tracker's state after `done` frames if it is due, or the last of the run.

        To be called in the tracker's thread, before the newest of these frames is written to the sinks. Frames that
        were read back instead of tracked give no state.
        """
        if done == self._tracker.next_index and (is_last or done % self.every == 0):
            self._waiting.append(self._tracker.snapshot())

    def open(self, info: VideoInfo) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be created ({error.strerror or error})") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        if not self._waiting or self._waiting[0].next_index != result.index + 1:
            return
        state = self._waiting.popleft()
        path = save_state(self.folder, state)
        for frames, other in list_snapshots(self.folder):
            if frames == state.next_index and other != path:
                other.unlink(missing_ok=True)  # damaged, and made anew by the resumed run
        self._thin_out()

    def _thin_out(self) -> None:
        """Drops the states that leave the smallest gaps; never the newest two."""
        found = list_snapshots(self.folder)
        while len(found) > self._limit:
            frames = [number for number, _ in found] + [0]
            gaps = {i: frames[i - 1] - frames[i + 1] for i in range(_NEWEST, len(found))}
            # Of equal gaps the newest: older states have gaps as large as the limit needs already.
            dropped = min(gaps, key=gaps.__getitem__)
            found.pop(dropped)[1].unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to complete: a snapshot is whole when it has its name."""

    def abort(self) -> None:
        """What is on disk stays for a resumed run."""


def list_snapshots(folder: Path) -> list[tuple[int, Path]]:
    """(number of frames known, file) of every snapshot, newest first; empty if there is no such folder."""
    named = [(NAME.fullmatch(path.name), path) for path in folder.glob(f"*{SUFFIX}")]
    return sorted(((int(name["frames"]), path) for name, path in named if name is not None), reverse=True)
