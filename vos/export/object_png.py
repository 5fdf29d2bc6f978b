"""One binary PNG per object and frame, as SA-V has them: `<folder>/<object id, three digits>/00000.png`, 0 or 255.

An object has files from the frame on which it is first known; in a frame where it is absent the file is all 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vos.errors import OutputError
from vos.export.sink import MaskSink
from vos.files.index_png import frame_pngs, make_folder, png_name, read_palette_png, save_png
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class ObjectPngSink(MaskSink):
    """Writes one folder of binary masks per object."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        for object_id in result.object_ids:
            of_object = self.folder / f"{object_id:03d}"
            make_folder(of_object)
            mask = result.mask_of(object_id).astype(np.uint8) * 255
            save_png(of_object / png_name(result.index, self._names), Image.fromarray(mask))

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def read_object_pngs(folder: Path, names: Sequence[str] = ()) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool.

    Args:
        folder: What the sink wrote.
        names: `VideoInfo.frame_names` of an image folder.

    Raises:
        OutputError: There is no object in the folder, or a file cannot be read.
    """
    objects: dict[int, dict[int, np.ndarray]] = {}
    for of_object in sorted(p for p in folder.glob("*") if p.is_dir() and p.name.isdecimal()):
        files = frame_pngs(of_object, names)
        objects[int(of_object.name)] = {index: read_palette_png(p) > 0 for index, p in files.items()}
    if not objects:
        raise OutputError(f"{folder}: has no folder of an object's masks")
    return objects
