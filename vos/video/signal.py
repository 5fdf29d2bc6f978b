"""What a video says of its pixels beside their values: shape, colour space and timecode, from source to output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vos.video.types import VideoInfo

UNSPECIFIED = "unspecified"

# Code points of ITU-T H.273, under FFmpeg's names.
PRIMARIES = {
    1: "bt709", 2: UNSPECIFIED, 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS = {
    1: "bt709", 2: UNSPECIFIED, 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
    10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
    16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
# Transfer functions of high dynamic range -> what people call them.
HDR = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
_BT709 = 1
# A timecode counts frames: the rate must be one that it is defined for.
_TIMECODE_RATES = frozenset(
    {Fraction(n) for n in (24, 25, 30, 48, 50, 60)} | {Fraction(n * 1000, 1001) for n in (24, 30, 48, 60)}
)


@dataclass(frozen=True, slots=True)
class VideoSignal:
    """What goes into a video that is written, beside its pictures.

    Attributes:
        sample_aspect_ratio: Width of a pixel over its height, as displayed.
        primaries, transfer: Code points of H.273. RGB values of a source keep their meaning under these.
        timecode: Of the first frame (`01:00:00:00`), or None.
    """

    sample_aspect_ratio: Fraction = Fraction(1)
    primaries: int = _BT709
    transfer: int = _BT709
    timecode: str | None = None


def signal_of(info: VideoInfo) -> VideoSignal:
    """The signal of a source, for what is written from its frames. What the source leaves open is BT.709."""
    aspect = info.sample_aspect_ratio
    counts_frames = not info.is_vfr and info.average_rate in _TIMECODE_RATES
    return VideoSignal(
        # A quarter turn exchanges width and height of the pixels, too.
        sample_aspect_ratio=1 / aspect if info.rotation in (90, 270) and aspect else aspect,
        primaries=_code(PRIMARIES, info.color_primaries),
        transfer=_code(TRANSFERS, info.color_transfer),
        timecode=info.timecode if counts_frames else None,
    )


def notes_on_signal(info: VideoInfo) -> tuple[str, ...]:
    """What a user should know of the colours of a source."""
    if info.color_transfer not in HDR:
        return ()
    return (
        f"high dynamic range ({HDR[info.color_transfer]}, {info.color_primaries}): frames are read without tone "
        "mapping; videos made of them keep these tags",
    )


def timecode_of(container: Any) -> str | None:
    """The start timecode of an open container, wherever it is kept."""
    for holder in (*container.streams, container):
        found = holder.metadata.get("timecode")
        if found:
            return str(found)
    return None


def _code(names: dict[int, str], name: str) -> int:
    return next((code for code, known in names.items() if known == name and name != UNSPECIFIED), _BT709)
