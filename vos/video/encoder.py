"""Video out: frames with their source's own times, so that a variable rate stays variable."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from vos.errors import OutputError, UsageError
from vos.video import pyav_compat
from vos.video.audio_copy import AudioCopy
from vos.video.codecs import CONTAINERS, QUALITY_OPTIONS, find_encoder
from vos.video.signal import VideoSignal

# Bytes of x264 depend on its thread count, so it is the same on every machine.
_ENCODER_THREADS = 4

# OpenCV's number for the AVX-512 instructions of servers and newer desktops.
_CPU_AVX512_SKX = 256

# Rec. ITU-R BT.709 in FFmpeg's numbering of matrices, primaries and transfer functions.
_BT709 = 1


class VideoEncoder:
    """Writes a video file. It appears under its name when it is complete, or not at all.

    Bytes are the same for the same frames on every machine with the same PyAV build. Colours are stored with the
    matrix of BT.709, limited range, and tagged so. Odd sizes are padded at the right and bottom where the codec needs
    it. Times are exact in mp4 and mov and rounded to milliseconds by mkv.

    Args:
        path: The file; its extension chooses the container.
        width, height: Size of the frames in pixels.
        time_base: Seconds per unit of the `pts` given to `write`; take it from `VideoInfo`.
        average_rate: Frames per second, for players' information and the length of the last frame.
        codec: A name of `vos.video.codecs.CODECS`.
        crf: Constant rate factor of H.264 and VP9, 0 (best) to 51; ignored by codecs without one.
        audio_from: A file whose first audio stream is copied, without re-encoding, as far as the video reaches. None,
            or a file without audio, gives a silent video; so does audio that the container cannot hold (see `notes`).
        overwrite: Whether an existing file may be replaced.
        signal: Pixel aspect ratio, primaries, transfer and timecode of the source (`signal_of`); square pixels and
            BT.709 by default. The matrix is BT.709 and the range limited in any case. Only mov holds a timecode; for
            webm pictures are stretched to square pixels, with a note.

    Attributes:
        notes: Sentences on what was done differently from what was asked.

    Raises:
        OutputError: The file exists or cannot be written.
        UsageError: A codec or extension that cannot be.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        width: int,
        height: int,
        time_base: Fraction,
        average_rate: Fraction | None = None,
        codec: str = "h264",
        crf: int = 18,
        audio_from: str | Path | None = None,
        overwrite: bool = False,
        signal: VideoSignal | None = None,
    ) -> None:
        self._signal = signal or VideoSignal()
        if not 0 <= crf <= 51:
            raise UsageError(f"a crf of {crf} is not possible; give 0 (lossless, large) to 51 (coarse, small)")
        self.path = Path(path)
        self._size = (width, height)
        self._time_base = time_base
        self._step = max(1, round(1 / (average_rate * time_base))) if average_rate else 1
        self._codec, encoder = find_encoder(codec, self.path.suffix)
        self.notes: list[str] = []
        if encoder != self._codec.encoders[0]:
            self.notes.append(f"this build of PyAV lacks {self._codec.encoders[0]}; the video is written by {encoder}")
        self._overwrite = overwrite
        self._check_free()
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._reformatter = VideoReformatter()
        self._last_pts: int | None = None
        self._shift = 0
        self._container: Any = None
        self._audio: AudioCopy | None = None
        try:
            self._open(encoder, crf, average_rate, audio_from)
        except (*pyav_compat.AV_ERRORS, OSError) as error:
            self.abort()
            raise OutputError(f"{self.path}: cannot be written ({pyav_compat.reason(error)})") from error
        except BaseException:
            self.abort()
            raise

    def _open(self, encoder: str, crf: int, rate: Fraction | None, audio_from: str | Path | None) -> None:
        container_format = CONTAINERS[self.path.suffix.lower()]
        # Bit-exact: neither library versions nor dates go into the file.
        container_options = {"fflags": "+bitexact"}
        if container_format in ("mp4", "mov"):
            # A start other than zero is stored in units of the movie, not of the track: make them the same.
            container_options["movie_timescale"] = str(_track_timescale(self._time_base))
        self._container = av.open(
            str(self._temporary.absolute()), "w", format=container_format, container_options=container_options
        )
        options = {"threads": str(_ENCODER_THREADS), "flags": "+bitexact"}
        options |= self._codec.options.get(encoder, {})
        if encoder == "libx264" and cv2.checkHardwareSupport(_CPU_AVX512_SKX):
            # With AVX-512, x264 gives other bytes from run to run for small pictures (seen at 96x64).
            options["x264-params"] = "asm=avx2"
        if encoder in QUALITY_OPTIONS:
            options[QUALITY_OPTIONS[encoder]] = str(crf)
        stream = self._container.add_stream(encoder, rate=rate or Fraction(30), options=options)
        aspect = self._signal.sample_aspect_ratio or Fraction(1)
        self._shown_size = self._size
        if container_format == "webm" and aspect != 1:
            # PyAV cannot tell FFmpeg's WebM writer of an aspect ratio, and VP9 itself has none.
            self._shown_size = (max(1, round(self._size[0] * aspect)), self._size[1])
            width, height = self._shown_size
            self.notes.append(f"{self.path.name}: pixels are not square ({aspect}): stretched to {width}x{height}")
        self._stored_size = tuple(-(-side // self._codec.multiple) * self._codec.multiple for side in self._shown_size)
        stream.width, stream.height = self._stored_size
        stream.pix_fmt = self._codec.pixel_format
        stream.codec_context.time_base = self._time_base
        stream.time_base = self._time_base
        if self._codec.pixel_format.startswith("yuv"):
            stream.codec_context.colorspace = _BT709
            stream.codec_context.color_primaries = self._signal.primaries
            stream.codec_context.color_trc = self._signal.transfer
            stream.codec_context.color_range = int(ColorRange.MPEG)
        if aspect != 1 and self._shown_size == self._size:
            stream.codec_context.sample_aspect_ratio = aspect
        if self._signal.timecode is not None and container_format == "mov":
            stream.metadata["timecode"] = self._signal.timecode
        self._stream = stream
        if audio_from is not None:
            self._audio = AudioCopy(Path(audio_from), self._container, self.notes)
        self._container.start_encoding()

    def write(self, image: np.ndarray, pts: int) -> None:
        """Adds one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            pts: Its time in units of `time_base`, later than that of the frame before.

        Raises:
            ValueError: Wrong shape or type, or a time that does not increase.
            OutputError: The file cannot be written any further (nothing is left behind).
        """
        channels = {"rgb24": 3, "rgba": 4}[self._codec.input_format]
        expected = (self._size[1], self._size[0], channels)
        if image.shape != expected or image.dtype != np.uint8:
            raise ValueError(f"a frame of shape {expected}, uint8, is expected, not {image.shape}, {image.dtype}")
        if self._last_pts is not None and pts <= self._last_pts:
            raise ValueError(f"pts must increase: {pts} comes after {self._last_pts}")
        if self._container is None:
            raise ValueError(f"{self.path}: the encoder is closed")
        if self._last_pts is None and pts < 0:
            # An edit list would hide what lies before zero.
            self._shift = -pts
            self.notes.append(f"the source starts at {float(pts * self._time_base):.3f} s; times are shifted to 0")
        self._last_pts = pts
        frame = self._to_stored(image)
        frame.pts, frame.time_base = pts + self._shift, self._time_base
        frame.duration = self._step
        self._mux(lambda: self._stream.encode(frame))

    def _to_stored(self, image: np.ndarray) -> Any:
        if self._shown_size != self._size:
            image = cv2.resize(image, self._shown_size, interpolation=cv2.INTER_LINEAR)
        right, bottom = self._stored_size[0] - self._shown_size[0], self._stored_size[1] - self._shown_size[1]
        if right or bottom:
            image = np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=self._codec.input_format)
        if not self._codec.pixel_format.startswith("yuv"):
            return self._reformatter.reformat(frame, format=self._codec.pixel_format)
        stored = self._reformatter.reformat(
            frame,
            format=self._codec.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        # ProRes takes them from its pictures.
        stored.color_primaries, stored.color_trc = self._signal.primaries, self._signal.transfer
        return stored

    def _mux(self, encode: Any) -> None:
        """Writes the packets of one encoder call, and the audio up to their time."""
        try:
            for packet in encode():
                if self._audio is not None and packet.pts is not None:
                    time_base = pyav_compat.fraction(packet.time_base) or self._time_base
                    shift = self._shift * self._time_base
                    self._audio.copy_until(packet.pts * time_base - shift, shift)
                self._container.mux(packet)
        except (*pyav_compat.AV_ERRORS, OSError) as error:
            self.abort()
            raise OutputError(
                f"{self.path}: writing failed ({pyav_compat.reason(error)}); is the disk full?"
            ) from error

    def close(self) -> None:
        """Completes the file and gives it its name. May be called again.

        Raises:
            OutputError: No frame was written, or the file cannot be completed. Nothing is left behind.
        """
        if self._container is None:
            return
        if self._last_pts is None:
            self.abort()
            raise OutputError(f"{self.path}: no frame was written, so there is no video")
        self._mux(lambda: self._stream.encode(None))
        try:
            if self._audio is not None:
                end = (self._last_pts + self._step) * self._time_base
                self._audio.copy_until(end, self._shift * self._time_base)
                self._audio.close()
            container, self._container = self._container, None
            container.close()
            self._check_free()
            os.replace(self._temporary, self.path)
        except (*pyav_compat.AV_ERRORS, OSError) as error:
            self.abort()
            raise OutputError(f"{self.path}: cannot be completed ({pyav_compat.reason(error)})") from error
        except OutputError:
            self.abort()
            raise

    def _check_free(self) -> None:
        if not self._overwrite and self.path.exists():
            raise OutputError(f"{self.path}: exists already; give another name or allow overwriting")

    def abort(self) -> None:
        """Gives up: the temporary file is deleted and nothing appears under the final name."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except (*pyav_compat.AV_ERRORS, OSError):
            pass  # closing writes the trailer; what it writes is deleted in the next line
        finally:
            if self._audio is not None:
                self._audio.close()
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _track_timescale(time_base: Fraction) -> int:
    """The ticks per second that FFmpeg's mp4 writer will choose: a multiple of ours, at least 10,000."""
    timescale = time_base.denominator
    while timescale < 10_000:
        timescale *= 2
    return timescale
