"""Frame number n of a video file, exactly: a table of presentation times, a seek that is verified, and back-off.

FFmpeg's backward seek may land after its target in MPEG-TS and fragmented mp4, and pictures of an open group decode
from references that a seek has jumped over. So the first picture after a seek must be a key frame that is not later
than the target; otherwise the seek is repeated further back, at last from the start of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vos.errors import VideoError
from vos.video import pyav_compat
from vos.video.decoder import Decoder
from vos.video.packets import DamagedPacket
from vos.video.probe import Probe
from vos.video.types import Frame

# A wanted frame this little ahead of the last one is decoded up to instead of sought.
_FORWARD_FRAMES = 24

# How far before the target to seek, in frames, from one attempt to the next; after the last comes the file's start.
_BACK_OFF_FRAMES = (0, 12, 60, 300)


class RandomReader:
    """Reads single frames with a decoder of its own, kept between calls so that neighbours are cheap.

    A file whose packets do not tell its frames for certain (damage, missing timestamps, codecs with hidden pictures)
    is decoded once in full to learn them, when the reader is made.

    Args:
        path, probe: The file and what is known of it.
        damaged: Whether a full pass has found damage that the packets do not show. Until one has, frame n of such a
            file is the n-th stored picture, afterwards the n-th that decodes, as iteration counts.

    Attributes:
        pts: (N,) int64, presentation times of all frames, as iteration gives them.
    """

    def __init__(self, path: Path, probe: Probe, *, damaged: bool = False) -> None:
        self._path = path
        self._probe = probe
        self._damaged = damaged
        self._decoder: Decoder | None = None
        self._pictures: Iterator[Any] = iter(())
        # Index of the picture that the open decoder gives next; None when no position is known.
        self._next: int | None = None
        table = probe.timetable
        self.pts = np.zeros(0, np.int64)
        self._seekable = self._threads = False
        if table is not None and table.is_exact and not damaged:
            self.pts = table.pts
            self._seekable = self._threads = True
        else:
            self._learn()

    def read(self, index: int) -> Frame:
        """Frame `index` of the video.

        Raises:
            VideoError: No such frame, or the file changed while it was read.
        """
        try:
            return self._read(index)
        except DamagedPacket:
            self._learn()
            return self._read(index)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
        self._decoder, self._pictures, self._next = None, iter(()), None

    def _read(self, index: int) -> Frame:
        count = len(self.pts)
        if not 0 <= index < count:
            raise VideoError(f"{self._path}: no frame {index}; the video has frames 0 to {count - 1}")
        if self._next is not None and self._next <= index <= self._next + _FORWARD_FRAMES:
            frame = self._advance(index)
            if frame is not None:
                return frame
        for start in self._starts(index):
            self._reposition(start)
            frame = self._advance(index)
            if frame is not None:
                return frame
        raise VideoError(f"{self._path}: frame {index} can no longer be decoded; was the file changed?")

    def _starts(self, index: int) -> Iterator[int]:
        """Frames to seek to, ever further back; 0 stands for opening the file anew."""
        if self._seekable:
            yield from (index - back for back in _BACK_OFF_FRAMES if index - back > 0)
        yield 0

    def _reposition(self, start: int) -> None:
        if self._decoder is None or start == 0:
            self.close()
            self._decoder = Decoder(self._path, self._probe, threads=self._threads)
        if start == 0:
            self._next = 0
        else:
            self._next = None
            try:
                self._decoder.seek(int(self.pts[start]))
            except pyav_compat.AV_ERRORS:
                # No index to seek by; the last start, the beginning of the file, needs none.
                self._pictures = iter(())
                return
        self._pictures = self._decoder.pictures()

    def _advance(self, index: int) -> Frame | None:
        """Decodes up to frame `index`; None when the current position does not lead there."""
        decoder = self._decoder
        if decoder is None:
            return None
        for picture in self._pictures:
            position = self._next if self._next is not None else self._position_after_seek(picture)
            if position is None or position > index:
                break
            if self._seekable and picture.pts != self.pts[position]:
                raise DamagedPacket("a picture is missing")
            self._next = position + 1
            if position == index:
                return decoder.frame(picture, index, int(self.pts[index]))
        self._next = None
        return None

    def _position_after_seek(self, picture: Any) -> int | None:
        """Which frame the first picture after a seek is; None if it cannot be trusted."""
        if picture.pts is None or not picture.key_frame or picture.is_corrupt:
            return None
        position = int(np.searchsorted(self.pts, picture.pts))
        return position if position < len(self.pts) and self.pts[position] == picture.pts else None

    def _learn(self) -> None:
        """Decodes the whole file with one thread and notes the times of the frames that come out."""
        self.close()
        self._threads = False
        timeline = self._probe.timeline()
        decoder = Decoder(self._path, self._probe, threads=False)
        try:
            times = [timeline.place(picture.pts, picture.dts) for picture in decoder.pictures()]
            # Around damage, what a decoder makes of a picture depends on where it started.
            damaged = self._damaged or decoder.failure is not None or self._probe.truncation is not None
            self._seekable = timeline.repaired == 0 and not damaged
        finally:
            decoder.close()
        self.pts = np.asarray(times, np.int64)
