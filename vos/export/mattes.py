"""Soft mattes: one 16-bit grey picture per object and frame, `<folder>/<id>/00000.png` or `.tif`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from vos.errors import OutputError
from vos.export.matting import matte_of
from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder, png_name
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

_FULL = 65535


class MatteSink(MaskSink):
    """Writes alpha of every object, 0 to 65535, with the soft borders of `vos.export.matting`.

    An object has files from the frame on which it is first known; in a frame where it is absent the file is all 0.

    Args:
        folder: Where.
        suffix: `.png` or `.tif`.
    """

    def __init__(self, folder: str | Path, *, suffix: Literal[".png", ".tif"] = ".png") -> None:
        self.folder = Path(folder)
        self.suffix = suffix
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        name = png_name(result.index, self._names).removesuffix(".png") + self.suffix
        for object_id in result.object_ids:
            of_object = self.folder / f"{object_id:03d}"
            make_folder(of_object)
            alpha = matte_of(frame.rgb, result.mask_of(object_id)).alpha
            picture = Image.fromarray(np.round(alpha * _FULL).astype(np.uint16))
            with replacing(of_object / name) as temporary:
                if self.suffix == ".png":
                    picture.save(temporary, format="PNG", compress_level=3)
                else:
                    picture.save(temporary, format="TIFF", compression="tiff_adobe_deflate")

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def read_mattes(folder: Path) -> dict[int, dict[str, np.ndarray]]:
    """Object id -> name of the frame -> (H, W) float32 alpha in [0, 1].

    Raises:
        OutputError: There is no object in the folder, or a file cannot be read.
    """
    objects: dict[int, dict[str, np.ndarray]] = {}
    for of_object in sorted(p for p in folder.glob("*") if p.is_dir() and p.name.isdecimal()):
        files = sorted([*of_object.glob("*.png"), *of_object.glob("*.tif")])
        objects[int(of_object.name)] = {path.stem: _read(path) for path in files}
    if not objects:
        raise OutputError(f"{folder}: has no folder of an object's mattes")
    return objects


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path, formats=["PNG", "TIFF"]) as image:
            if not image.mode.startswith("I"):
                raise OutputError(f"{path}: a matte has 16 bits of grey, this picture has mode {image.mode}")
            return np.asarray(image).astype(np.float32) / _FULL
    except (OSError, SyntaxError, ValueError) as error:
        raise OutputError(f"{path}: not a readable picture ({error})") from error
