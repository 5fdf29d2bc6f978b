"""`vos doctor`: what is this clip, is it complete, and which reader is used for it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from vos.cli.options import reading_options

if TYPE_CHECKING:
    from vos.video import Truncation, VideoInfo


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that `vos doctor` says about one clip."""

    clip: str
    info: VideoInfo
    truncation: Truncation | None
    fully_decoded: bool
    reader: str
    decord_admitted: bool | None
    decord_reason: str


@click.command()
@click.argument("clip")
@click.option("--decode", is_flag=True, help="Decode every frame: finds damage anywhere and gives an exact count.")
@reading_options(rate=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(clip: str, decode: bool, reading: dict[str, str], as_json: bool) -> int:
    """Show what CLIP (a video file or a folder of images) is: rate, rotation, edit list, start, colour, interlacing,
    damage, and which reader is used for it and why.

    Exit status: 0 the clip is complete as far as examined, 1 it is incomplete or unreadable.
    """
    diagnosis = examine(clip, decode=decode, source_options=reading)
    if as_json:
        click.echo(json.dumps(asdict(diagnosis), default=_plain, indent=2))
    else:
        _print(diagnosis)
    return 1 if diagnosis.truncation is not None else 0


def examine(clip: str, *, decode: bool = False, source_options: dict[str, Any] | None = None) -> Diagnosis:
    """Looks at a clip; with `decode` at every frame of it.

    Args:
        clip: A video file or a folder of images.
        decode: Whether to decode every frame.
        source_options: Keyword arguments of `open_source`.

    Raises:
        VideoError: It cannot be read at all.
        UsageError: It is a live source.
    """
    from pathlib import Path

    from vos.errors import UsageError
    from vos.video import open_source
    from vos.video.av_source import AvSource
    from vos.video.decord_source import admission

    if clip == "-" or clip.startswith("camera:"):
        raise UsageError(f"{clip}: a live source cannot be examined; give a file or a folder of images")
    with open_source(clip, **(source_options or {})) as source:
        if decode:
            for _ in source:
                pass
        if isinstance(source, AvSource):
            verdict = admission(Path(clip), source)
            reader = "PyAV, in order and at random: the only reader that is right for every clip"
            admitted: bool | None = verdict.admitted
            reason = verdict.reason
        else:
            reader = "Pillow, one image at a time"
            admitted, reason = None, "only for video files"
        return Diagnosis(clip, source.info, source.truncation, decode, reader, admitted, reason)


def _plain(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _print(diagnosis: Diagnosis) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(diagnosis):
        # Text: file names and messages may hold what rich would take for markup.
        table.add_row(name, Text(value))
    Console(file=sys.stdout, highlight=False).print(table)


def _rows(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    info = diagnosis.info
    rows = [
        ("clip", diagnosis.clip),
        ("format", f"{info.codec} in {info.container}, {info.pixel_format}"),
        ("size", _size(info)),
        ("frames", _frames(diagnosis)),
        ("rate", _rate(info)),
        ("start", f"{float(info.start_pts * info.time_base):.3f} s (pts {info.start_pts}, time base {info.time_base})"),
        ("duration", "unknown" if info.duration is None else f"{info.duration:.3f} s"),
        ("rotation", _rotation(info)),
        ("edit list", f"hides {info.hidden_frames} stored pictures" if info.hidden_frames else "hides nothing"),
        ("colour", _colour(info)),
        ("timecode", info.timecode or "none"),
        ("interlaced", "yes; fields are not separated" if info.is_interlaced else "no"),
        ("streams", f"{info.video_stream_count} video, audio: {'yes' if info.has_audio else 'no'}"),
        ("complete", _completeness(diagnosis)),
        ("reader", diagnosis.reader),
        ("decord", _decord(diagnosis)),
    ]
    return rows + [("note", note) for note in info.notes]


def _size(info: VideoInfo) -> str:
    aspect = info.sample_aspect_ratio
    stretched = "" if aspect == 1 else f", pixels {aspect} times as wide as high (not stretched)"
    return f"{info.width} x {info.height} as displayed{stretched}"


def _frames(diagnosis: Diagnosis) -> str:
    count = diagnosis.info.frame_count
    if count is None:
        return "unknown until decoded (use --decode)"
    return f"{count} ({'decoded' if diagnosis.fully_decoded else 'from its packets'})"


def _colour(info: VideoInfo) -> str:
    from vos.video.signal import HDR

    hdr = f" (HDR, {HDR[info.color_transfer]})" if info.color_transfer in HDR else ""
    return (
        f"matrix {info.color_matrix}, range {info.color_range}, primaries {info.color_primaries}, "
        f"transfer {info.color_transfer}{hdr}"
    )


def _rate(info: VideoInfo) -> str:
    if info.average_rate is None:
        return "unknown"
    kind = "variable, on average" if info.is_vfr else "constant,"
    return f"{kind} {float(info.average_rate):.3f} frames per second ({info.average_rate})"


def _rotation(info: VideoInfo) -> str:
    turned = f"{info.rotation} degrees clockwise" if info.rotation else "none"
    mirrored = ", then mirrored left to right" if info.is_mirrored else ""
    return f"{turned}{mirrored}{' (applied)' if info.rotation or info.is_mirrored else ''}"


def _completeness(diagnosis: Diagnosis) -> str:
    if diagnosis.truncation is not None:
        return f"NO: {diagnosis.truncation}"
    return "yes, every frame decoded" if diagnosis.fully_decoded else "yes, as far as its packets tell (see --decode)"


def _decord(diagnosis: Diagnosis) -> str:
    if diagnosis.decord_admitted is None:
        return f"not used: {diagnosis.decord_reason}"
    return f"{'admitted for random access' if diagnosis.decord_admitted else 'refused'}: {diagnosis.decord_reason}"
