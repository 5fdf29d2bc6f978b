"""Sound from one file to another without re-encoding, interleaved with pictures that are written one by one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from vos.errors import OutputError
from vos.video import border


class AudioCopy:
    """Copies the packets of a file's first audio stream into an output container, up to a given time.

    Args:
        path: The file to copy from. One without audio gives nothing.
        output: PyAV's output container, before its header is written.
        keeps_negative: Whether the output can hold times before zero, where encoders put their lead-in. If not, such
            packets are left out; otherwise FFmpeg would move all streams until none is negative.

    Raises:
        OutputError: The output's format cannot hold this kind of audio.
    """

    def __init__(self, path: Path, output: Any, *, keeps_negative: bool) -> None:
        self.notes: list[str] = []
        self._keeps_negative = keeps_negative
        self._output = output
        self._input = border.open_container(path)
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        if not self._input.streams.audio:
            return
        source = self._input.streams.audio[0]
        try:
            self._stream = output.add_stream_from_template(source)
        except border.AV_ERRORS as error:
            raise OutputError(
                f"{path}: its audio ({source.codec_context.name}) does not fit into this kind of file; "
                f"write .mkv or leave the audio out"
            ) from error
        self._packets = self._input.demux(source)

    def copy_until(self, end: Fraction, shift: Fraction) -> None:
        """Copies what starts before `end` (seconds of the source's clock), moved later by `shift` seconds."""
        while True:
            if self._pending is None:
                self._pending = self._read()
            packet = self._pending
            if packet is None:
                return
            time_base = border.fraction(packet.time_base) or Fraction(1)
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
            except border.AV_ERRORS as error:
                self.notes.append(f"the audio is damaged and was copied up to there ({border.reason(error)})")
                return None
            if packet is None or (packet.size and packet.dts is not None):
                return packet

    def close(self) -> None:
        self._input.close()
