"""The frames themselves, for formats that refer to them by file name."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder, png_name
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class FramePngSink(MaskSink):
    """`<folder>/00000.png` ...: every frame in RGB, under the `file_name` that COCO gives it for a video."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        with replacing(self.folder / png_name(result.index, self._names)) as temporary:
            Image.fromarray(frame.rgb).save(temporary, format="PNG", compress_level=3)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass
