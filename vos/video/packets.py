"""From a demuxer's packets to decoded pictures, around damage and to the very end."""

from __future__ import annotations

from collections import deque
from typing import Any

from vos.video import pyav_compat


class DamagedPacket(Exception):
    """A packet was refused, or a picture came out damaged, while strict. Callers start over without threads."""


class PacketDecoder:
    """Decodes one stream of an open container, packet by packet.

    Args:
        container, stream: PyAV's.
        threads: Decode with frame threads. Damage then raises DamagedPacket, because frame threads lose good pictures
            around a bad one. Without threads damaged packets are skipped.

    Attributes:
        failure: (number of pictures given before, FFmpeg's words) of the first damage; None while all is well.
    """

    def __init__(self, container: Any, stream: Any, *, threads: bool) -> None:
        pyav_compat.configure_decoder(stream, threads=threads)
        self.failure: tuple[int, str] | None = None
        self._threads = threads
        self._container = container
        self._stream = stream
        self._packets = pyav_compat.demux(container, stream)
        self._given = 0

    def seek(self, pts: int) -> None:
        """Goes to a key frame near `pts`. FFmpeg promises it to be before; in MPEG-TS it need not be. Verify."""
        self._container.seek(pts, stream=self._stream, backward=True)
        self._packets = pyav_compat.demux(self._container, self._stream)

    def next_batch(self) -> deque[Any] | None:
        """The pictures that the next packet completes, often one, sometimes none; None at the end.

        Raises:
            DamagedPacket: See `threads`.
        """
        packet = None
        try:
            packet = next(self._packets)
        except StopIteration:
            return None
        except pyav_compat.AV_ERRORS as error:
            self._note(error)
        try:
            # If the demuxer gave up, it will not send the packet that makes the decoder give all it holds; and being
            # finished, it lets the next call return None.
            batch = packet.decode() if packet is not None else self._stream.codec_context.decode(None)
        except pyav_compat.AV_ERRORS as error:
            self._note(error)
            return deque()
        if self._threads and any(picture.is_corrupt for picture in batch):
            raise DamagedPacket("a picture is damaged")
        self._given += len(batch)
        return deque(batch)

    def _note(self, error: BaseException) -> None:
        if self._threads:
            raise DamagedPacket(pyav_compat.reason(error)) from error
        if self.failure is None:
            self.failure = (self._given, pyav_compat.reason(error))
