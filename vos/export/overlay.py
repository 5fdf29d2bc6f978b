"""The video with the objects painted over it, at the source's own times and with its audio."""

from __future__ import annotations

from pathlib import Path

from vos.export.palette_png import make_folder
from vos.palette import paint_overlay
from vos.results import FrameResult
from vos.video import Frame, VideoEncoder, VideoInfo


class OverlaySink:
    """Writes an overlay video.

    Args:
        path: The file; mp4, mov or mkv.
        audio_from: A file whose audio is copied.
        overwrite: Whether an existing file may be replaced.
    """

    def __init__(self, path: Path, *, audio_from: Path | None = None, overwrite: bool = False) -> None:
        self.path = path
        self.audio_from = audio_from
        self.overwrite = overwrite
        self._encoder: VideoEncoder | None = None

    @property
    def notes(self) -> list[str]:
        """What was done differently from what was asked."""
        return [] if self._encoder is None else self._encoder.notes

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        self._encoder = VideoEncoder(
            self.path,
            width=info.width,
            height=info.height,
            time_base=info.time_base,
            average_rate=info.average_rate,
            audio_from=self.audio_from,
            overwrite=self.overwrite,
        )

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._encoder is None:
            raise RuntimeError("write before open")
        self._encoder.write(paint_overlay(frame.rgb, result.labels), frame.pts)

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()

    def abort(self) -> None:
        if self._encoder is not None:
            self._encoder.abort()
