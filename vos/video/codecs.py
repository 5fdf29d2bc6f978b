"""Which codecs videos can be written with. A further one is a further row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import av

from vos.errors import OutputError, UsageError


@dataclass(frozen=True, slots=True)
class Codec:
    """How one codec is used.

    Attributes:
        encoders: FFmpeg encoders that can do it, best first.
        containers: Extensions of files it can go into.
        input_format: Layout of the arrays that `VideoEncoder.write` takes: `rgb24` (H, W, 3) or `rgba` (H, W, 4).
        pixel_format: What is stored.
        multiple: Width and height are padded to multiples of this.
        options: Encoder options by encoder name.
    """

    encoders: tuple[str, ...]
    containers: tuple[str, ...]
    pixel_format: str
    input_format: str = "rgb24"
    multiple: int = 1
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


CODECS: dict[str, Codec] = {
    "h264": Codec(
        encoders=("libx264", "libopenh264", "h264_videotoolbox"),
        containers=(".mp4", ".mov", ".mkv"),
        pixel_format="yuv420p",
        multiple=2,
        options={"libx264": {"preset": "veryfast"}},
    ),
    # Without loss: the arrays come back equal.
    "ffv1": Codec(encoders=("ffv1",), containers=(".mkv",), pixel_format="bgr0"),
    # Alpha is stored without loss, colours with 10 bits and little loss: what editors exchange.
    "prores4444": Codec(
        encoders=("prores_ks",),
        containers=(".mov",),
        pixel_format="yuva444p10le",
        input_format="rgba",
        options={"prores_ks": {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}},
    ),
    # Alpha is a second VP9 picture, so it comes back within a few levels: threshold it at the middle.
    "vp9_alpha": Codec(
        encoders=("libvpx-vp9",),
        containers=(".webm",),
        pixel_format="yuva420p",
        input_format="rgba",
        options={"libvpx-vp9": {"b": "0", "deadline": "good", "cpu-used": "4"}},
    ),
}

# Extension -> FFmpeg's name of the container format.
CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

# Container format -> audio codecs that can be copied into it; None for any. FFmpeg lets others into mp4 and mov too and
# fails, or makes files that players refuse, when it is too late.
_ISO_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
AUDIO_COPIES: dict[str, frozenset[str] | None] = {
    "mp4": _ISO_AUDIO,
    "mov": _ISO_AUDIO | {"pcm_s16le", "pcm_s16be", "pcm_s24le"} - {"flac", "opus"},
    "matroska": None,
    "webm": frozenset({"opus", "vorbis"}),
}

# Encoders that take a constant quality, and the name of that option.
QUALITY_OPTIONS = {"libx264": "crf", "libvpx-vp9": "crf"}


def find_encoder(codec: str, extension: str) -> tuple[Codec, str]:
    """The codec's row and the best of its encoders in this build of FFmpeg.

    Raises:
        UsageError: No such codec, or it cannot go into that kind of file.
        OutputError: This build of PyAV has none of the encoders.
    """
    row = CODECS.get(codec)
    if row is None:
        raise UsageError(f"video codec {codec!r} is not one of {', '.join(CODECS)}")
    if extension.lower() not in row.containers:
        known = ", ".join(row.containers)
        raise UsageError(f"{codec} video cannot be written to a file named *{extension}; use {known}")
    for encoder in row.encoders:
        if encoder in av.codecs_available:
            return row, encoder
    raise OutputError(f"this build of PyAV cannot write {codec} (needs one of {', '.join(row.encoders)}); reinstall av")
