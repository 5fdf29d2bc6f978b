"""A pass: one run of the tracker over a sequence, from a prompted frame to its end or back to its beginning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.datasets.sequences import Sequence

_BACKWARD = ".backward"


@dataclass(frozen=True, slots=True)
class Pass:
    """Where tracking begins, and in which direction it goes.

    Attributes:
        sequence: Name of the sequence.
        first: Index of the frame that is tracked first.
        is_backward: Whether frames are tracked towards the beginning.
    """

    sequence: str
    first: int
    is_backward: bool = False

    @property
    def job(self) -> str:
        """Name of its job and folder."""
        return self.sequence + _BACKWARD if self.is_backward else self.sequence

    def frames(self, count: int) -> range:
        """Indices of the frames of a sequence of `count` frames, as they are tracked."""
        return range(self.first, -1, -1) if self.is_backward else range(self.first, count)

    def position(self, frame: int) -> int | None:
        """Which of the tracked frames a frame of the sequence is; None if it is not tracked."""
        position = self.first - frame if self.is_backward else frame - self.first
        return position if position >= 0 else None


def pictures_of(item: Pass, sequence: Sequence, folder: Path) -> Path:
    """A folder of pictures in the order of a pass: the sequence's own, or links in `folder`."""
    by_stem = {path.stem: path for path in sequence.pictures.iterdir()}
    if item.first == 0 and not item.is_backward and len(by_stem) == len(sequence.stems):
        return sequence.pictures
    folder.mkdir(parents=True, exist_ok=True)
    for position, frame in enumerate(item.frames(len(sequence.stems))):
        target = by_stem[sequence.stems[frame]].resolve()
        link = folder / f"{position:05d}{target.suffix}"
        if not link.is_symlink():
            link.symlink_to(target)
    return folder.resolve()
