"""`open_source`: from what a user names to the backend that reads it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vos.errors import UsageError, VideoError
from vos.video.types import FrameSource

Backend = Literal["auto", "pyav", "images", "raw", "webcam", "decord"]

# Endings of files that are taken for videos where a folder holds all kinds of files; a file that is named is opened
# whatever its ending.
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv"}
    | {".ts", ".webm", ".wmv", ".y4m"}
)

_CAMERA = re.compile(r"camera:(\d+)")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class _Options:
    """Options of `open_source`; None where the caller gave none."""

    rate: Fraction | None
    size: tuple[int, int] | None
    pixel_format: str | None
    stream: int | None
    images: str | None
    value_range: str | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """How a backend is opened and which options mean something to it."""

    open: Callable[[str, _Options], FrameSource]
    accepts: frozenset[str]


def _open_pyav(spec: str, options: _Options) -> FrameSource:
    from vos.video.av_source import AvSource

    return AvSource(Path(spec), stream=options.stream)


def _open_images(spec: str, options: _Options) -> FrameSource:
    from vos.video.images import ImageFolderSource

    return ImageFolderSource(Path(spec), rate=options.rate, images=options.images, value_range=options.value_range)


def _open_raw(spec: str, options: _Options) -> FrameSource:
    from vos.video.raw import RawSource

    if options.size is None or options.rate is None:
        raise UsageError(
            "raw video on standard input says neither its size nor its rate; give both, such as --size 640x360 --fps 25"
        )
    pixel_format = options.pixel_format or "rgb24"
    # Unbuffered: a thread that waits in a buffered read holds a lock that the interpreter needs when it ends.
    stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    return RawSource(stream, size=options.size, rate=options.rate, pixel_format=pixel_format)


def _open_webcam(spec: str, options: _Options) -> FrameSource:
    from vos.video.webcam import WebcamSource

    match = _CAMERA.fullmatch(spec)
    if match is None:
        raise UsageError(f"{spec}: a camera is named camera:0, camera:1, ...")
    return WebcamSource(int(match[1]))


def _open_decord(spec: str, options: _Options) -> FrameSource:
    from vos.video.decord_source import DecordSource

    return DecordSource(Path(spec))


_BACKENDS: dict[str, _Entry] = {
    "pyav": _Entry(_open_pyav, frozenset({"stream"})),
    "images": _Entry(_open_images, frozenset({"rate", "images", "value_range"})),
    "raw": _Entry(_open_raw, frozenset({"rate", "size", "pixel_format"})),
    "webcam": _Entry(_open_webcam, frozenset()),
    "decord": _Entry(_open_decord, frozenset()),
}


def open_source(
    spec: str | Path,
    *,
    backend: Backend = "auto",
    rate: Fraction | int | str | None = None,
    size: tuple[int, int] | str | None = None,
    pixel_format: str | None = None,
    stream: int | None = None,
    images: str | None = None,
    value_range: str | None = None,
) -> FrameSource:
    """Opens anything that a user calls a video.

    Args:
        spec: A video file, a folder of images, `-` for raw frames on standard input, or `camera:0`.
        backend: Which reader to use; `auto` chooses by `spec` and never takes `decord`, which refuses most clips.
        rate: Frames per second of images or raw frames, as a number or `30000/1001`.
        size: (width, height) of raw frames in pixels, or a text like `640x360`.
        pixel_format: Pixel format of raw frames (rgb24, bgr24, rgba, bgra, gray).
        stream: Number among the video streams of a file; None for the first that is not cover art.
        images: A glob of the file names in a folder that are the frames; None to find the sequence by its pattern.
        value_range: `LOW,HIGH` of the grey values that become black and white, for images of more than 8 bits.

    Raises:
        VideoError: There is nothing that can be read.
        UsageError: An option that this kind of source does not have, or an impossible value.

    Examples:
        >>> from vos import open_source
        >>> with open_source("clip.mp4") as source:
        ...     print(source.info.width, source.info.height, source.info.average_rate)
        ...     times = [frame.time for frame in source]
        480 432 25
        >>> times
        [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    """
    name = choose_backend(spec, backend)
    entry = _BACKENDS.get(name)
    if entry is None:
        raise UsageError(f"backend {name!r} is not one of auto, {', '.join(_BACKENDS)}")
    options = _Options(
        None if rate is None else parse_rate(rate),
        parse_frame_size(size) if isinstance(size, str) else size,
        pixel_format,
        stream,
        images,
        value_range,
    )
    for field in fields(options):
        if getattr(options, field.name) is not None and field.name not in entry.accepts:
            option = field.name.replace("_", " ")
            raise UsageError(f"{spec}: the option {option!r} does not apply to a {name} source; leave it out")
    return entry.open(str(spec), options)


def parse_rate(rate: Fraction | int | str) -> Fraction:
    """Frames per second from a number or a text like `25`, `29.97` or `30000/1001`.

    Raises:
        UsageError: Not a number above 0.
    """
    try:
        value = Fraction(rate)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise UsageError(f"a rate of {rate!r} is not possible; give frames per second like 25 or 30000/1001")
    return value


def parse_frame_size(size: str) -> tuple[int, int]:
    """(width, height) in pixels from a text like `640x360`.

    Raises:
        UsageError: Not two whole numbers above 0 with an x between them.
    """
    found = _SIZE.fullmatch(size)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if width < 1 or height < 1:
        raise UsageError(f"a size of {size!r} is not possible; give WIDTHxHEIGHT in pixels, like 640x360")
    return width, height


def choose_backend(spec: str | Path, backend: Backend = "auto") -> str:
    """Which backend reads `spec`. An existing path wins over every other reading of its name."""
    if backend != "auto":
        return backend
    path = Path(spec)
    if path.is_dir():
        return "images"
    if path.exists() or isinstance(spec, Path):
        return "pyav"
    if spec == "-":
        return "raw"
    if _CAMERA.fullmatch(spec):
        return "webcam"
    if _URL.match(spec):
        raise VideoError(f"{spec}: addresses are not opened; download the video and give the file")
    return "pyav"
