"""One index PNG per frame, as in DAVIS."""

from __future__ import annotations

from pathlib import Path

from vos.export.sink import MaskSink
from vos.files.index_png import MAX_PALETTE_ID, make_folder, png_name, write_palette_png
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class PalettePngSink(MaskSink):
    """`<folder>/00000.png`, `00001.png`, ... of the source's size; named like the frames of an image folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._wide = False
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        self._wide = self._wide or any(object_id > MAX_PALETTE_ID for object_id in result.object_ids)
        write_palette_png(self.folder / png_name(result.index, self._names), result.labels, wide=self._wide)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass
