"""Tracker states of a run in progress: the newest two, each valid for the masks that are on disk before it."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from vos.errors import OutputError
from vos.results import FrameResult
from vos.snapshot_file import save_state
from vos.tracker import TrackerState
from vos.video import Frame, VideoInfo

_KEPT = 2
_SUFFIX = ".safetensors"


class SnapshotSink:
    """Writes offered states in the order of the frames; the last of a run's sinks.

    The tracker is ahead of the sinks, so a state waits here until the sinks before this one have written the frames
    that it knows: a snapshot on disk never knows a frame whose mask is not.

    Args:
        folder: Where `00000100.safetensors`, the state after 100 frames, is written.
        every: A state is due after every so many frames.
    """

    def __init__(self, folder: Path, *, every: int) -> None:
        self.folder = folder
        self.every = every
        self._waiting: deque[TrackerState] = deque()

    def is_due(self, next_index: int) -> bool:
        """Whether to offer the state before frame `next_index`."""
        return next_index % self.every == 0

    def offer(self, state: TrackerState) -> None:
        """Hands over the state after a frame, before that frame is written to the sinks."""
        self._waiting.append(state)

    def open(self, info: VideoInfo) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be created ({error.strerror or error})") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        if not self._waiting or self._waiting[0].next_index != result.index + 1:
            return
        state = self._waiting.popleft()
        save_state(self.folder / f"{state.next_index:08d}{_SUFFIX}", state)
        for _, path in list_snapshots(self.folder)[_KEPT:]:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to complete: a snapshot is whole when it has its name."""

    def abort(self) -> None:
        """What is on disk stays for a resumed run."""


def list_snapshots(folder: Path) -> list[tuple[int, Path]]:
    """(number of frames known, file) of every snapshot, newest first; empty if there is no such folder."""
    found = [(int(path.stem), path) for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal()]
    return sorted(found, reverse=True)
