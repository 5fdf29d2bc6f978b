"""What the video layer hands out: a frame, what is known of a video, where it broke off, and the source protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One displayed frame.

    Attributes:
        index: Position in display order, from 0, without gaps.
        pts: Presentation time in units of `time_base`, as in the source; strictly increasing with `index`.
        time_base: Seconds per unit of `pts`.
        rgb: (H, W, 3) uint8, C-contiguous, in the orientation in which the source is displayed. The array
            belongs to the receiver: no source keeps or reuses it.
    """

    index: int
    pts: int
    time_base: Fraction
    rgb: np.ndarray

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)


@dataclass(frozen=True, slots=True)
class Truncation:
    """The first place at which a source gave less than its container promises.

    Attributes:
        frame_index: Index that the first missing frame would have had.
        time: Presentation time of that frame in seconds (of the last good frame when it is not known), or None
            when no frame was delivered before.
        reason: What happened, without file name.
    """

    frame_index: int
    time: float | None
    reason: str

    def __str__(self) -> str:
        at = "" if self.time is None else f" ({self.time:.3f} s)"
        return f"incomplete from frame {self.frame_index}{at}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a source says about itself.

    Attributes:
        width, height: Size of `Frame.rgb` in pixels, in display orientation.
        frame_count: Number of frames that iteration yields, when that is certain; else None. Certain is: counted by
            a packet scan, of a codec that stores one picture per packet, in a file without damage inside; or counted
            by a full pass.
        average_rate: Frames per second, or None when the source does not tell.
        time_base: Seconds per unit of `Frame.pts`.
        rotation: Degrees clockwise (0, 90, 180, 270) by which stored pictures were turned for display.
        is_mirrored: Whether they were also flipped left-right after the turn.
        codec: Name of the stream's codec (`h264`, `png`, `rawvideo`...).
        container: Name of the container format (`mp4`, `matroska`, `folder`...).
        is_vfr: Whether frame intervals differ by more than the rounding of `time_base`.
        is_truncated: Whether frames are known to be missing; iteration can still find out later.
        start_pts: `pts` of the first displayed frame.
        duration: Seconds from the first frame to the end of the last, or None.
        hidden_frames: Stored frames that an edit list keeps from being displayed.
        pixel_format: FFmpeg's name of the stored pixel format.
        color_matrix: YCbCr matrix of the stored pictures, `unspecified` when they do not tell.
        color_range: `limited`, `full` or `unspecified`.
        color_primaries, color_transfer: FFmpeg's names, `unspecified` when the pictures do not tell.
        timecode: Start timecode, such as `01:00:00:00`, or None.
        is_interlaced: Whether pictures are stored as two fields. They are not deinterlaced.
        sample_aspect_ratio: Width of a pixel over its height. Frames are not stretched by it.
        stream_index: Which stream of the container is read.
        video_stream_count: How many video streams the container has.
        has_audio: Whether the container has an audio stream.
        frame_names: Names without extension of the files of an image folder, in order: masks are named like them.
            Empty for a video, and where they are 00000, 00001, ... as masks are numbered anyway.
        notes: Sentences on anything unusual that was decided on the way.
    """

    width: int
    height: int
    frame_count: int | None
    average_rate: Fraction | None
    time_base: Fraction
    codec: str
    container: str
    rotation: int = 0
    is_mirrored: bool = False
    is_vfr: bool = False
    is_truncated: bool = False
    start_pts: int = 0
    duration: float | None = None
    hidden_frames: int = 0
    pixel_format: str = "rgb24"
    color_matrix: str = "rgb"
    color_range: str = "full"
    color_primaries: str = "unspecified"
    color_transfer: str = "unspecified"
    timecode: str | None = None
    is_interlaced: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)
    stream_index: int = 0
    video_stream_count: int = 1
    has_audio: bool = False
    frame_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from. Holds a small, fixed number of decoded frames, whatever the length of the video.

    A damaged or cut source ends its iteration early without an exception, after every frame that could be decoded;
    then `truncation` says where and why, and `info.is_truncated` is true. Look at it after the loop. A source that
    cannot deliver anything raises `VideoError` when it is opened.
    """

    @property
    def info(self) -> VideoInfo:
        """What is known now. A full pass can improve it (`frame_count`, `is_truncated`)."""

    @property
    def truncation(self) -> Truncation | None:
        """Where the source broke off; None as long as nothing is known to be missing."""

    def __iter__(self) -> Iterator[Frame]:
        """All frames from the first, in display order. Raises VideoError if the source can be read once only
        and has been."""

    def read_at(self, index: int) -> Frame:
        """The same frame that iteration yields as its `index`-th.

        Raises:
            VideoError: There is no such frame, or the source can only be read in order.
        """

    def close(self) -> None:
        """Releases files, threads and decoders, also those of iterators still open. May be called again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ClosesOnExit:
    """The context manager that every source shares."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SourceAround(ClosesOnExit):
    """A source that hands on another one's frames; what is not overridden is the other's. Closing it closes that."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def truncation(self) -> Truncation | None:
        return self._source.truncation

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._source)

    def read_at(self, index: int) -> Frame:
        return self._source.read_at(index)

    def close(self) -> None:
        self._source.close()
