"""What a video file is: one decoded frame, and a scan over its packets without decoding them.

The scan costs some microseconds per packet and tells what no header does: how many frames will be displayed and
when, which ones an edit list hides, whether the rate varies, and whether data are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vos.errors import VideoError
from vos.video import pyav_compat
from vos.video.orientation import Orientation
from vos.video.packets import PacketDecoder
from vos.video.signal import PRIMARIES, TRANSFERS, UNSPECIFIED, notes_on_signal, timecode_of
from vos.video.timeline import Timeline
from vos.video.types import Truncation, VideoInfo

# Codecs of which every packet that is not hidden becomes exactly one picture. VP8 belongs here because packets that
# only update a reference picture say so. Not here: MPEG-4 Part 2 with packed B-frames.
_ONE_PICTURE_PER_PACKET = frozenset(
    {"h264", "hevc", "vvc", "av1", "vp8", "vp9", "mpeg2video", "mjpeg", "prores", "ffv1", "dnxhd", "png", "rawvideo"}
    | {"huffyuv", "ffvhuff", "utvideo", "qtrle", "gif", "flv"}
)

# Containers that store decoding order only.
_WITHOUT_PTS = frozenset({"avi"})

# Decoders that do the work of a codec under another name.
_CODEC_ALIASES = {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}

# Bit of the first byte of a VP8 packet (RFC 6386, 9.1) that says whether its picture is shown.
_VP8_SHOW_FRAME = 0x10

# A container's duration is rounded, and its longest stream may end with a packet of unknown length.
_DURATION_SLACK_S = 0.5
_TS_SYNC = 0x47
_TS_PACKET_SIZES = (188, 192, 204)
_TS_PACKETS_LOOKED_AT = 5

_MATRIX_NAMES = {0: "rgb", 1: "bt709", 2: "unspecified", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m"}
_MATRIX_NAMES |= {8: "ycgco", 9: "bt2020nc", 10: "bt2020c"}
_RANGE_NAMES = {0: "unspecified", 1: "limited", 2: "full"}


@dataclass(frozen=True, eq=False)
class Timetable:
    """Presentation times of all displayed frames, from packets.

    Attributes:
        pts: (N,) int64, ascending, in units of the stream's time base.
        is_regular: Whether every entry is one picture for certain, so that entry i is frame i as far as data reach.
        hidden: Number of packets with pictures that an edit list hides.
        missing: Why packets are known to be missing from the end of the file; None if they are not.
        first_timed: Number and pts of the first packet that has one; None if there is none.
    """

    pts: np.ndarray
    is_regular: bool
    hidden: int
    missing: str | None
    first_timed: tuple[int, int] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether entry i is frame i and the entries are all frames there are (but for damaged packets)."""
        return self.is_regular and self.missing is None


@dataclass(frozen=True, eq=False)
class Probe:
    """What `probe_file` finds: `info` for users, the rest for the reader."""

    info: VideoInfo
    stream: int
    stored_size: tuple[int, int]
    orientation: Orientation
    timetable: Timetable | None
    truncation: Truncation | None
    nominal_step: int

    def timeline(self) -> Timeline:
        """A fresh clock for one pass over the file."""
        has_pts = self.info.container not in _WITHOUT_PTS
        start = 0
        if self.timetable is not None and self.timetable.first_timed is not None:
            untimed, pts = self.timetable.first_timed
            start = pts - untimed * self.nominal_step
        return Timeline(self.nominal_step, has_pts=has_pts, start=start)


def probe_file(path: Path, *, stream: int | None = None, scan: bool = True) -> Probe:
    """Opens, decodes one frame, scans (unless `scan` is false), closes.

    Raises:
        VideoError: Not a file with at least one picture that decodes.
    """
    with pyav_compat.open_container(path) as container:
        chosen = pyav_compat.choose_stream(container, path, stream)
        number = list(container.streams.video).index(chosen)
        first = _first_frame(container, chosen, path)
        orientation, followed = pyav_compat.frame_orientation(first)
        info = _describe(container, chosen, first, orientation)
        if info.video_stream_count > 1:
            info = replace(info, notes=(f"{info.video_stream_count} video streams: number {number} is read",))
        nominal_step = _nominal_step(info, first)
    info = replace(info, notes=(*info.notes, *notes_on_signal(info)))
    if not followed:
        info = replace(info, notes=(*info.notes, "the display matrix is not a turn by 90 degrees: not applied"))
    timetable = scan_packets(path, number) if scan else None
    truncation = None
    if timetable is not None:
        info, truncation = _with_timetable(info, timetable)
    return Probe(info, number, (first.width, first.height), orientation, timetable, truncation, nominal_step)


def codec_name(stream: Any) -> str:
    """Name of the codec, whichever decoder does the work."""
    name = str(stream.codec_context.name)
    return _CODEC_ALIASES.get(name, name)


def scan_packets(path: Path, stream: int) -> Timetable:
    """Reads every packet of video stream number `stream` once, without decoding."""
    with pyav_compat.open_container(path) as container:
        video = container.streams.video[stream]
        codec = codec_name(video)
        shown: list[int] = []
        demuxed = hidden = 0
        regular = codec in _ONE_PICTURE_PER_PACKET and _container_name(container) not in _WITHOUT_PTS
        first_timed: tuple[int, int] | None = None
        begin = end = Fraction(0)
        failure: str | None = None
        packets = pyav_compat.demux(container)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except pyav_compat.AV_ERRORS as error:
                failure = pyav_compat.reason(error)
                break
            if packet.size == 0:
                continue
            time_base = pyav_compat.fraction(packet.time_base)
            if packet.pts is not None and time_base is not None:
                begin = min(begin, packet.pts * time_base)
                end = max(end, (packet.pts + (packet.duration or 0)) * time_base)
            if packet.stream is not video:
                continue
            demuxed += 1
            if packet.pts is None:
                regular = False
                continue
            if first_timed is None:
                first_timed = (demuxed - 1, packet.pts)
                regular = regular and packet.is_keyframe
            # Pictures before the first key frame, or shown before it, may not be decodable.
            regular = regular and packet.pts >= first_timed[1]
            if packet.is_discard:
                hidden += 1
            elif codec != "vp8" or bytes(packet)[0] & _VP8_SHOW_FRAME:
                shown.append(packet.pts)
        missing = failure or _missing(container, video, path, demuxed, end - begin)
        hidden += max(0, video.frames - demuxed) if missing is None and "mp4" in container.format.name else 0
    pts = np.sort(np.asarray(shown, dtype=np.int64))
    regular = regular and len(pts) > 0 and bool(np.all(np.diff(pts) > 0))
    return Timetable(pts=pts, is_regular=regular, hidden=hidden, missing=missing, first_timed=first_timed)


def _missing(container: Any, video: Any, path: Path, demuxed: int, end: Fraction) -> str | None:
    """Why data are known to be missing; `end` is in seconds from the first time, or from zero if that is earlier."""
    indexed = len(video.index_entries)
    if "mp4" in container.format.name and demuxed < indexed:
        return f"the file ends after {demuxed} of {indexed} stored pictures"
    check = _COMPLETENESS.get(container.format.name)
    if check is not None and (problem := check(path)):
        return problem
    if container.duration is None or not container.size:
        return None
    # Some writers count this from the first frame, some from zero; the smaller reading raises no false alarm.
    promised = Fraction(container.duration, av.time_base)
    if end and end + Fraction(_DURATION_SLACK_S) < promised:
        return f"data end at {float(end):.3f} s, the header promises {float(promised):.3f} s"
    return None


def _avi_ends_early(path: Path) -> str | None:
    """By the size that the first chunk of an AVI claims to have after its own eight bytes.

    Some writers count these eight too, and those that were cut off themselves leave the size zero.
    """
    with open(path, "rb") as file:
        promised = int.from_bytes(file.read(8)[4:], "little")
    size = path.stat().st_size
    return f"the file has {size} bytes, the header promises {promised + 8}" if size < promised else None


def _gif_ends_early(path: Path) -> str | None:
    """By the trailer of a GIF, a semicolon; FFmpeg shows what there is of a picture that was cut off."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 1024))
        return None if file.read().rstrip(b"\0").endswith(b";") else "the file ends without a GIF's trailer"


def _transport_stream_ends_early(path: Path) -> str | None:
    """By the last packet of an MPEG transport stream, all of which have one size; a cut between two shows nowhere."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_TS_PACKETS_LOOKED_AT * max(_TS_PACKET_SIZES) + 4)
    for packet in _TS_PACKET_SIZES:
        # Blu-ray puts a time of four bytes before each packet.
        first = packet - 188 if packet == 192 else 0
        places = range(first, min(len(head), first + _TS_PACKETS_LOOKED_AT * packet), packet)
        if len(places) > 1 and all(head[place] == _TS_SYNC for place in places):
            rest = size % packet
            return f"the last packet of the transport stream has {rest} of {packet} bytes" if rest else None
    return None


# Formats of which FFmpeg reads what there is without a word -> what says that something is missing.
_COMPLETENESS: dict[str, Callable[[Path], str | None]] = {
    "avi": _avi_ends_early,
    "gif": _gif_ends_early,
    "mpegts": _transport_stream_ends_early,
}


def _first_frame(container: Any, stream: Any, path: Path) -> Any:
    """The first picture that decodes, skipping damaged packets. One thread: nothing is decoded ahead."""
    decoder = PacketDecoder(container, stream, threads=False)
    while (batch := decoder.next_batch()) is not None:
        if batch:
            frame = batch.popleft()
            pyav_compat.check_size(path, frame.width, frame.height)
            return frame
    detail = f" ({decoder.failure[1]})" if decoder.failure else ""
    raise VideoError(f"{path}: no frame of the video can be decoded{detail}; copy, download or convert it again")


def _describe(container: Any, stream: Any, frame: Any, orientation: Orientation) -> VideoInfo:
    width, height = orientation.size(frame.width, frame.height)
    time_base = pyav_compat.fraction(stream.time_base) or Fraction(1, av.time_base)
    return VideoInfo(
        width=width,
        height=height,
        frame_count=None,
        average_rate=pyav_compat.fraction(stream.average_rate),
        time_base=time_base,
        codec=codec_name(stream),
        container=_container_name(container),
        rotation=orientation.rotation,
        is_mirrored=orientation.is_mirrored,
        start_pts=frame.pts if frame.pts is not None else (frame.dts or 0),
        duration=None if container.duration is None else container.duration / av.time_base,
        pixel_format=frame.format.name,
        color_matrix=_MATRIX_NAMES.get(int(frame.colorspace), str(int(frame.colorspace))),
        color_range=_color_range(frame),
        color_primaries=PRIMARIES.get(int(frame.color_primaries), UNSPECIFIED),
        color_transfer=TRANSFERS.get(int(frame.color_trc), UNSPECIFIED),
        timecode=timecode_of(container),
        is_interlaced=bool(frame.interlaced_frame),
        sample_aspect_ratio=pyav_compat.fraction(stream.sample_aspect_ratio) or Fraction(1),
        stream_index=stream.index,
        video_stream_count=len(container.streams.video),
        has_audio=bool(container.streams.audio),
    )


def _container_name(container: Any) -> str:
    """FFmpeg names a demuxer after all formats it reads; the brand says which of them a file is."""
    name = str(container.format.name)
    if "mp4" not in name:
        return name.split(",")[0]
    return "mov" if container.metadata.get("major_brand", "qt").strip() == "qt" else "mp4"


def _color_range(frame: Any) -> str:
    # yuvj420p and its like are full range by name.
    return "full" if frame.format.name.startswith("yuvj") else _RANGE_NAMES.get(int(frame.color_range), "unspecified")


def _nominal_step(info: VideoInfo, frame: Any) -> int:
    """Ticks between frames where timestamps are missing, at least 1."""
    if info.average_rate:
        return max(1, round(1 / (info.average_rate * info.time_base)))
    return max(1, int(getattr(frame, "duration", None) or 1))


def _with_timetable(info: VideoInfo, timetable: Timetable) -> tuple[VideoInfo, Truncation | None]:
    pts, count = timetable.pts, len(timetable.pts)
    truncation = None
    if timetable.missing is not None:
        last = float(pts[-1] * info.time_base) if count else None
        truncation = Truncation(frame_index=count, time=last, reason=timetable.missing)
    rate = info.average_rate
    if rate is None and count > 1 and pts[-1] > pts[0]:
        rate = Fraction(count - 1) / (Fraction(int(pts[-1] - pts[0])) * info.time_base)
    notes = info.notes
    if timetable.hidden:
        notes = (*notes, f"an edit list hides {timetable.hidden} stored pictures; they are not delivered")
    duration = info.duration
    if count > 1:
        duration = float((int(pts[-1] - pts[0])) * info.time_base + (1 / rate if rate else 0))
    info = replace(
        info,
        frame_count=count if timetable.is_exact else None,
        average_rate=rate,
        is_vfr=is_variable(pts),
        is_truncated=truncation is not None,
        duration=duration,
        hidden_frames=timetable.hidden,
        notes=notes,
    )
    return info, truncation


def is_variable(pts: np.ndarray) -> bool:
    """Whether intervals of ascending `pts` differ by more than rounding to ticks (one tick, or 1 % of the mean)."""
    if len(pts) < 3:
        return False
    steps = np.diff(pts)
    mean = float(steps.mean())
    return bool(np.abs(steps - mean).max() > max(1.0, 0.01 * mean))
