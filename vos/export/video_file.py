"""A video made from the frames and masks of a run: what overlay and alpha video have in common."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np

from vos.export.sink import MaskSink
from vos.files.index_png import make_folder
from vos.results import FrameResult
from vos.video import Frame, VideoEncoder, VideoInfo
from vos.video.signal import signal_of


class VideoFileSink(MaskSink):
    """Writes one picture per frame, at the source's own times and with its audio; `picture` says which.

    Args:
        path: The file; its extension is the container.
        codec: A name of `vos.video.codecs.CODECS`.
        audio_from: A file whose audio is copied.
        overwrite: Whether an existing file may be replaced.
    """

    def __init__(
        self, path: str | Path, *, codec: str = "h264", audio_from: Path | None = None, overwrite: bool = False
    ) -> None:
        self.path = Path(path)
        self.codec = codec
        self.audio_from = audio_from
        self.overwrite = overwrite
        self._encoder: VideoEncoder | None = None

    @abstractmethod
    def picture(self, frame: Frame, result: FrameResult) -> np.ndarray:
        """(H, W, 3 or 4) uint8 for this frame."""

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
            codec=self.codec,
            audio_from=self.audio_from,
            overwrite=self.overwrite,
            signal=signal_of(info),
        )

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._encoder is None:
            raise RuntimeError("write before open")
        self._encoder.write(self.picture(frame, result), frame.pts)

    def close(self) -> None:
        if self._encoder is not None:
            self._encoder.close()

    def abort(self) -> None:
        if self._encoder is not None:
            self._encoder.abort()
