"""The border to PyAV: opening files safely, its rationals, its errors. Works with PyAV 17, 18 and 19.

No other module of the package depends on what changed between these versions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.sidedata.sidedata import Type as SideDataType

from vos.errors import VideoError
from vos.video.orientation import Orientation, orientation_from_matrix, orientation_from_turn

# Everything that PyAV raises for a file it cannot make sense of. ValueError: names that it cannot encode.
AV_ERRORS = (av.error.FFmpegError, EOFError, ValueError)

# A hostile header can promise 2^31 pixels; a frame of this size is 400 MB of RGB.
MAX_PIXELS = 1 << 27

# FFmpeg plays text as an ANSI terminal; nobody who tracks objects means that.
_NOT_VIDEO_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})

# More threads than this win nothing for one stream and each of them holds decoded pictures.
_MAX_DECODER_THREADS = 4


def fraction(value: Any) -> Fraction | None:
    """A rational of any PyAV version; None for None and for FFmpeg's "unknown" (0/1 or x/0)."""
    if value is None:
        return None
    numerator, denominator = int(value.numerator), int(value.denominator)
    return Fraction(numerator, denominator) if numerator and denominator else None


def library_versions() -> dict[str, str]:
    """Versions of the parts of FFmpeg that turn packets into RGB; wheels of one PyAV version all have the same."""
    versions = av.library_versions
    return {name: ".".join(map(str, versions[name])) for name in ("libavcodec", "libswscale")}


def reason(error: BaseException) -> str:
    """FFmpeg's own words for an error, without errno and file name."""
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".")


def check_readable_file(path: Path) -> None:
    """Raises VideoError unless `path` is a file with bytes in it that this user may read."""
    if not path.exists():
        raise VideoError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise VideoError(f"{path}: not a regular file; give a video file or a folder of images")
    if not os.access(path, os.R_OK):
        raise VideoError(f"{path}: no permission to read; check the file's mode")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes); copy or download it again")


def open_container(path: Path) -> Any:
    """Opens a local file for demuxing.

    Only local files are reachable through it: a playlist inside a hostile file cannot make FFmpeg use the network.

    Raises:
        VideoError: Missing, empty, or nothing that FFmpeg knows.
    """
    check_readable_file(path)
    try:
        return av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"})
    except AV_ERRORS as error:
        raise VideoError(
            f"{path}: not a video that can be read ({reason(error)}); check that the file is complete, "
            f"or convert it to mp4"
        ) from error


def choose_stream(container: Any, path: Path, stream: int | None) -> Any:
    """The video stream to read: number `stream` among the video streams, or the first that is not cover art.

    That is what FFmpeg's tools call `v:0`, so that frame numbers agree with theirs.

    Raises:
        VideoError: No video stream, or none of that number.
    """
    videos = [s for s in container.streams.video if s.codec_context is not None]
    if not videos or videos[0].codec_context.name in _NOT_VIDEO_CODECS:
        kinds = sorted({s.type for s in container.streams if s.type})
        found = f"it holds only {' and '.join(kinds)}" if kinds and not videos else "it is not a video"
        raise VideoError(f"{path}: no video stream ({found}); give a file with pictures in it")
    moving = [s for s in videos if not _is_cover_art(s)]
    if stream is None and not moving:
        raise VideoError(f"{path}: no video stream (its only picture is cover art); give a file with pictures in it")
    if stream is not None and not 0 <= stream < len(videos):
        raise VideoError(f"{path}: no video stream {stream}; it has {len(videos)}, numbered from 0")
    chosen = moving[0] if stream is None else videos[stream]
    check_size(path, chosen.codec_context.width, chosen.codec_context.height)
    return chosen


def check_size(path: Path, width: int, height: int) -> None:
    """Raises VideoError for a picture that would take more memory than any real one."""
    if width * height > MAX_PIXELS:
        raise VideoError(f"{path}: {width}x{height} is more than {MAX_PIXELS} pixels; scale it down")


def _is_cover_art(stream: Any) -> bool:
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def configure_decoder(stream: Any, *, threads: bool) -> None:
    """Frame and slice threading, or one thread. One thread loses nothing around damaged packets."""
    context = stream.codec_context
    context.thread_type = "AUTO" if threads else "NONE"
    context.thread_count = min(_MAX_DECODER_THREADS, os.cpu_count() or 1) if threads else 1
    if threads:
        # What frame threads make of damage depends on their timing: they shall report it instead of concealing it.
        context.options = {"err_detect": "explode"}


def demux(container: Any, *streams: Any) -> Iterator[Any]:
    """Packets of `streams`, or of all that were there when the file was opened.

    PyAV raises IndexError for a packet of a stream that appears later; such packets are passed over.
    """
    while True:
        try:
            yield from container.demux(*streams)
            return
        except IndexError:
            continue


def frame_orientation(frame: Any) -> tuple[Orientation, bool]:
    """How a decoded frame is to be turned, and whether its display matrix could be followed."""
    try:
        matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    except ValueError:
        # PyAV lists no side data at all if there is a kind that it has no name for, such as EXIF (which cameras put
        # into MJPEG). Its `rotation` needs no list; it counts counter-clockwise and knows no flips.
        orientation = orientation_from_turn(-frame.rotation)
    else:
        orientation = Orientation() if matrix is None else orientation_from_matrix(bytes(matrix))
    return orientation or Orientation(), orientation is not None


def to_rgb(frame: Any, reformatter: Any, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 of a decoded frame, by its own matrix and range; alpha is dropped.

    `width` and `height` are of the stored picture. A frame of another size (some streams change theirs) is scaled.
    """
    converted = reformatter.reformat(frame, width=width, height=height, format="rgb24")
    array: np.ndarray = converted.to_ndarray()
    return array
