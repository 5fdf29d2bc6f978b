"""Synthetic clips whose pictures say which frame they are, in every kind of container that matters here."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

WIDTH, HEIGHT = 96, 64
_BITS = 10
_BLOCK = 8
# Corners as displayed: what a rotation test looks at.
CORNERS = {"top left": (255, 0, 0), "top right": (0, 255, 0), "bottom left": (0, 0, 255), "bottom right": (255,) * 3}


def paint(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(H, W, 3) uint8: grey, coloured corners, and `number` as ten black or white blocks across the middle."""
    image = np.full((height, width, 3), 128, np.uint8)
    for name, colour in CORNERS.items():
        rows = slice(0, 16) if "top" in name else slice(height - 16, height)
        columns = slice(0, 16) if "left" in name else slice(width - 16, width)
        image[rows, columns] = colour
    for bit in range(_BITS):
        image[24:40, 8 + bit * _BLOCK : 8 + (bit + 1) * _BLOCK] = 255 if number >> bit & 1 else 0
    return image


def number_in(image: np.ndarray) -> int:
    """The number that `paint` put there; survives lossy codecs."""
    centres = [image[28:36, 10 + bit * _BLOCK : 14 + bit * _BLOCK].mean() > 128 for bit in range(_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(centres) if is_set)


def make_clip(
    path: Path,
    pts: Sequence[int],
    *,
    codec: str = "libx264",
    time_base: Fraction = Fraction(1, 25),
    rate: Fraction = Fraction(25),
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    full_range: bool = False,
    container_format: str | None = None,
) -> Path:
    """Encodes frames 0, 1, 2... at the given times."""
    defaults = {"libx264": {"bf": "3", "g": "12", "crf": "10", "preset": "veryfast", "threads": "1"}}
    with av.open(str(path), "w", format=container_format, container_options=container_options or {}) as container:
        settings = defaults.get(codec, {}) | (options or {})
        stream = container.add_stream(codec, rate=rate, options=settings)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = time_base
        if full_range:
            stream.codec_context.color_range = 2
        for number, time in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
            frame = frame.reformat(format=pixel_format, dst_color_range=2 if full_range else None)
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path,
    target: Path,
    *,
    shift: int = 0,
    first_packet: int = 0,
    container_options: dict[str, str] | None = None,
    container_format: str | None = None,
) -> Path:
    """Copies the video packets without re-encoding, from packet `first_packet` on, later by `shift` ticks."""
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", format=container_format, container_options=container_options or {}) as writer,
    ):
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        packets = [packet for packet in reader.demux(stream) if packet.size]
        for packet in packets[first_packet:]:
            packet.pts += shift
            packet.dts += shift
            packet.stream = copy
            writer.mux(packet)
    return target


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """Rewrites the display matrix of an mp4's only track in place (ISO/IEC 14496-12, 8.3.2; 16.16 and 2.30)."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    version = data[header]
    matrix = header + 4 + (32 if version else 20) + 16
    struct.pack_into(">9i", data, matrix, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def set_edit(path: Path, *, first_frame: int, frames: int) -> Path:
    """Rewrites the edit list of a 25 fps mp4 of `make_clip` in place (ISO/IEC 14496-12, 8.6.6) to show a part of it."""
    data = bytearray(path.read_bytes())
    entry = data.index(b"elst") + 4 + 8
    _, media_time = struct.unpack_from(">Ii", data, entry)
    # Durations count milliseconds, media times 1/12800 s; the time that was there skips the decoder's delay.
    struct.pack_into(">Ii", data, entry, frames * 40, media_time + first_frame * 512)
    path.write_bytes(data)
    return path


def ffprobe_pts(path: Path, *, packets: int | None = None) -> list[int]:
    """Presentation times of the displayed frames of the first video stream, by FFmpeg's own tool.

    With `packets`, only of the frames that the first so many packets make.
    """
    command = ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_frames", "-show_entries"]
    if packets is not None:
        command[3:3] = ["-read_intervals", f"%+#{packets}"]
    command += ["frame=best_effort_timestamp", "-of", "json", f"file:{path.absolute()}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    frames = json.loads(result.stdout or "{}").get("frames", [])
    return [int(frame["best_effort_timestamp"]) for frame in frames if "best_effort_timestamp" in frame]


def ffmpeg_rgb(path: Path, index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Displayed frame `index` as FFmpeg's own tool converts it; shape is (H, W, 3)."""
    command = ["ffmpeg", "-v", "quiet", "-i", f"file:{path.absolute()}", "-map", "0:v:0", "-vf"]
    command += [f"select=eq(n\\,{index})", "-fps_mode", "passthrough", "-frames:v", "1"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    result = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(result.stdout, np.uint8).reshape(shape)


class Clips:
    """What the tests call: the functions above, in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    paint = staticmethod(paint)
    number_in = staticmethod(number_in)
    remux = staticmethod(remux)
    set_display_matrix = staticmethod(set_display_matrix)
    set_edit = staticmethod(set_edit)
    ffprobe_pts = staticmethod(ffprobe_pts)
    ffmpeg_rgb = staticmethod(ffmpeg_rgb)
    corners = CORNERS

    def make(self, name: str, pts: Iterable[int] = range(30), **options: Any) -> Path:
        return make_clip(self.folder / name, list(pts), **options)

    def cut(self, name: str = "cut.mp4", *, length: int = 48, hidden: int = 5) -> Path:
        """A clip as cut by stream copy: it starts at a key frame, and an edit list hides the first `hidden` frames."""
        # 512 ticks per frame at 12800 ticks per second is what FFmpeg's mp4 writer makes of 25 frames per second.
        whole = self.make(f"whole-{name}", range(length))
        return remux(whole, self.folder / name, first_packet=12, shift=-(12 + hidden) * 512)

    def assert_painted(self, frames: Sequence[Any], first: int = 0) -> None:
        """Every frame shows the next number, counted from `first`."""
        assert [number_in(frame.rgb) for frame in frames] == list(range(first, first + len(frames)))


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    return Clips(tmp_path)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_ffmpeg: compares with the ffmpeg and ffprobe programs")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_ffmpeg") and not (shutil.which("ffprobe") and shutil.which("ffmpeg")):
        pytest.skip("ffmpeg and ffprobe are not installed")
