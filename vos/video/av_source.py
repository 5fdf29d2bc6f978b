"""Frames of a video file by PyAV: the truth that every other backend is measured against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from weakref import WeakSet

import numpy as np

from vos.errors import VideoError
from vos.video.decoder import Decoder
from vos.video.packets import DamagedPacket
from vos.video.probe import probe_file
from vos.video.random_access import RandomReader
from vos.video.timeline import Timeline
from vos.video.types import ClosesOnExit, Frame, Truncation, VideoInfo


class AvSource(ClosesOnExit):
    """A video file read by PyAV. Every iteration opens the file anew; `read_at` has a decoder of its own.

    Iterators may run in different threads; `read_at` and `pts_table` belong to one.

    Args:
        path: The file.
        stream: Number among the video streams; None for the first that is not cover art (FFmpeg's `v:0`).
        scan: Whether to read all packets once when opening (microseconds per frame, nothing is decoded), which
            gives `info` its frame count, `is_vfr` and `is_truncated`. Without it these are known after a full pass.

    Raises:
        VideoError: The file is missing, empty, no video, or none of its frames decodes.
    """

    def __init__(self, path: str | Path, *, stream: int | None = None, scan: bool = True) -> None:
        self._path = Path(path)
        self._probe = probe_file(self._path, stream=stream, scan=scan)
        self._info = self._probe.info
        self._truncation = self._probe.truncation
        self._decoders: WeakSet[Decoder] = WeakSet()
        self._random: RandomReader | None = None
        self._closed = False

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        return self._truncation

    def __iter__(self) -> Iterator[Frame]:
        self._check_open()
        return self._frames()

    def read_at(self, index: int) -> Frame:
        self._check_open()
        return self._random_reader().read(index)

    def pts_table(self) -> np.ndarray:
        """(N,) int64: pts of every frame, as iteration gives them; decodes only where packets do not tell."""
        self._check_open()
        return self._random_reader().pts

    def close(self) -> None:
        self._closed = True
        for decoder in list(self._decoders):
            decoder.close()
        if self._random is not None:
            self._random.close()

    def _random_reader(self) -> RandomReader:
        if self._random is None:
            self._random = RandomReader(self._path, self._probe, damaged=self._truncation is not None)
        return self._random

    def _check_open(self) -> None:
        if self._closed:
            raise VideoError(f"{self._path}: the source is closed; open it again")

    def _frames(self) -> Iterator[Frame]:
        """One full pass. After a damaged packet it starts over with one decoder thread and skips what is done.

        A file known to be damaged is decoded with one thread at once, so that two passes conceal alike.
        """
        timeline = self._probe.timeline()
        delivered = 0
        gap: Truncation | None = None
        for threads in (True, False) if self._probe.truncation is None else (False,):
            decoder = Decoder(self._path, self._probe, threads=threads)
            self._decoders.add(decoder)
            try:
                for position, picture in enumerate(decoder.pictures()):
                    if position < delivered:
                        continue
                    pts = timeline.place(picture.pts, picture.dts)
                    gap = gap or self._gap_before(delivered, pts)
                    delivered += 1
                    yield decoder.frame(picture, delivered - 1, pts)
                    # The consumer holds one frame; nothing here shall hold another while the next is decoded.
                    del picture
            except DamagedPacket:
                continue
            finally:
                decoder.close()
            if not self._closed:
                self._finish(delivered, gap, decoder, timeline)
            return

    def _expected(self, index: int) -> int | None:
        """The pts that the packets announce for a frame, when they can be trusted."""
        table = self._probe.timetable
        return int(table.pts[index]) if table is not None and table.is_regular and index < len(table.pts) else None

    def _gap_before(self, index: int, pts: int) -> Truncation | None:
        expected = self._expected(index)
        if expected is None or pts <= expected:
            return None
        time = float(expected * self._info.time_base)
        return Truncation(index, time, "stored pictures from here on cannot all be decoded")

    def _finish(self, delivered: int, gap: Truncation | None, decoder: Decoder, timeline: Timeline) -> None:
        """Settles what only a full pass can know."""
        table = self._probe.timetable
        if table is not None and delivered == len(table.pts) and decoder.failure is None:
            # Pictures that come in another order than their times (broken muxers write such) are not missing.
            gap = None
        expected = self._expected(delivered)
        if gap is None and expected is not None:
            gap = Truncation(delivered, float(expected * self._info.time_base), "no further picture can be decoded")
        if gap is None and decoder.failure is not None:
            gap = Truncation(decoder.failure[0], None, "a packet cannot be decoded")
        damage = self._first_damage(gap, decoder.failure, delivered)
        if damage is not None and self._truncation is None and self._random is not None:
            # From now on `read_at` counts as this pass did.
            self._random.close()
            self._random = None
        self._truncation = damage
        notes = self._info.notes
        if timeline.repaired and not any("timestamps" in note for note in notes):
            notes = (
                *notes,
                f"{timeline.repaired} timestamps were missing or ran backwards, first at frame "
                f"{timeline.first_repaired}: replaced by decoding times or the nominal frame step",
            )
        if timeline.jump is not None:
            index, *times = timeline.jump
            before, after = (f"{float(time * self._info.time_base):.3f} s" for time in times)
            text = (
                f"the time jumps back at frame {index}, from {before} to {after} (two recordings in one file?): what "
                "follows comes after it"
            )
            notes = notes if text in notes else (*notes, text)
        self._info = replace(self._info, frame_count=delivered, is_truncated=self._truncation is not None, notes=notes)

    def _first_damage(
        self, gap: Truncation | None, failure: tuple[int, str] | None, delivered: int
    ) -> Truncation | None:
        """One record of what the scan promised, what decoding gave, and what the decoder said."""
        known = [t for t in (gap, self._probe.truncation) if t is not None]
        if not known:
            return None
        first = min(known, key=lambda t: t.frame_index)
        # The scan knows the cause; decoding only sees the effect.
        reason = self._probe.truncation.reason if self._probe.truncation is not None else first.reason
        if failure is not None:
            reason = f"{reason} ({failure[1]})"
        return replace(first, frame_index=min(first.frame_index, delivered), reason=reason)
