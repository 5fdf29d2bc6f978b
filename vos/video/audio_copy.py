"""Sound from one file to another without re-encoding, interleaved with pictures that are written one by one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from vos.video import pyav_compat
from vos.video.codecs import AUDIO_COPIES


class AudioCopy:
    """Copies the packets of a file's first audio stream into an output container, up to a given time.

    A file without audio gives none; audio that the output's format cannot hold is left out with a note.

    Args:
        path: The file to copy from.
        output: PyAV's output container, before its header is written.
        notes: Takes sentences on what could not be copied.
    """

    def __init__(self, path: Path, output: Any, notes: list[str]) -> None:
        self._notes = notes
        self._output = output
        # Matroska has no times before zero, where encoders put their lead-in; given any, FFmpeg would move all streams.
        self._keeps_negative = output.format.name not in ("matroska", "webm")
        self._input = pyav_compat.open_container(path)
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        # Time of the last packet, and how far packets are moved because time has jumped back.
        self._last: int | None = None
        self._moved = 0
        if self._input.streams.audio:
            self._choose(self._input.streams.audio[0])

    def _choose(self, source: Any) -> None:
        codec, container = str(source.codec_context.codec.canonical_name), str(self._output.format.name)
        known = AUDIO_COPIES[container]
        if known is not None and codec not in known:
            self._notes.append(
                f"the audio ({codec}) cannot be copied into {container} and is left out; an .mkv holds it: "
                "--format overlay-mkv, or vos convert RUN --to overlay-mkv"
            )
            return
        self._stream = self._output.add_stream_from_template(source)
        self._packets = self._input.demux(source)

    def copy_until(self, end: Fraction, shift: Fraction) -> None:
        """Copies what starts before `end` (seconds of the source's clock), moved later by `shift` seconds."""
        while True:
            if self._pending is None:
                self._pending = self._read()
            packet = self._pending
            if packet is None:
                return
            time_base = pyav_compat.fraction(packet.time_base) or Fraction(1)
            if packet.dts * time_base >= end:
                return
            ticks = round(shift / time_base)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks
            packet.stream = self._stream
            if self._keeps_negative or packet.dts >= 0:
                self._output.mux(packet)
            self._pending = None

    def _read(self) -> Any:
        """The next packet with bytes and a time; None at the end or where the audio is damaged."""
        while True:
            try:
                packet = next(self._packets, None)
            except pyav_compat.AV_ERRORS as error:
                self._notes.append(f"the audio is damaged and was copied up to there ({pyav_compat.reason(error)})")
                return None
            if packet is None:
                return None
            if packet.size and packet.dts is not None:
                self._place(packet)
                return packet

    def _place(self, packet: Any) -> None:
        """Gives a packet a time after the one before: where two recordings are in one file, time jumps back."""
        dts = packet.dts + self._moved
        if self._last is not None and dts <= self._last:
            if not self._moved:
                self._notes.append("the time of the audio jumps back: what follows was copied after it, without a gap")
            self._moved += self._last + (packet.duration or 1) - dts
            dts = packet.dts + self._moved
        if packet.pts is not None:
            packet.pts += self._moved
        packet.dts = self._last = dts

    def close(self) -> None:
        self._input.close()
