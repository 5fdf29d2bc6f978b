"""The video with the objects as its alpha channel, for editors (ProRes 4444) and browsers (VP9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from vos.errors import OutputError
from vos.export.cutouts import rgba_of
from vos.export.video_file import VideoFileSink
from vos.results import FrameResult
from vos.video import Frame, pyav_compat

# FFmpeg's own VP9 decoder passes over the second stream that holds the alpha; libvpx's reads it.
_ALPHA_DECODERS = {"vp9": "libvpx-vp9"}


class AlphaVideoSink(VideoFileSink):
    """Writes the source's pictures with straight (unmultiplied) alpha: 255 on any object, 0 elsewhere.

    The codec is `prores4444`, for a .mov file, or `vp9_alpha`, for .webm.

    Args:
        path, codec, audio_from, overwrite: As `VideoFileSink`.
        soft: Whether borders are soft (`vos.export.matting`), with the object's own colours in them.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        codec: str = "prores4444",
        audio_from: Path | None = None,
        overwrite: bool = False,
        soft: bool = False,
    ) -> None:
        super().__init__(path, codec=codec, audio_from=audio_from, overwrite=overwrite)
        self.soft = soft

    def picture(self, frame: Frame, result: FrameResult) -> np.ndarray:
        return rgba_of(frame.rgb, result.labels, soft=self.soft)


def read_alpha_video(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """(time in seconds, (H, W, 4) uint8 RGBA) of every frame, in order.

    Raises:
        OutputError: The file cannot be read, or has no alpha.
    """
    with pyav_compat.open_container(path) as container:
        stream = container.streams.video[0]
        decoder = _decoder_of(stream)
        for packet in container.demux(stream):
            try:
                frames = decoder.decode(packet if packet.size else None)
            except pyav_compat.AV_ERRORS as error:
                raise OutputError(f"{path}: cannot be decoded ({pyav_compat.reason(error)})") from error
            for frame in frames:
                if not frame.format.name.startswith("yuva"):
                    raise OutputError(f"{path}: the video has no alpha")
                yield float(frame.pts * stream.time_base), frame.to_ndarray(format="rgba")


def _decoder_of(stream: Any) -> Any:
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    if name is None:
        return stream.codec_context
    decoder = av.CodecContext.create(name, "r")
    decoder.extradata = stream.codec_context.extradata
    return decoder
