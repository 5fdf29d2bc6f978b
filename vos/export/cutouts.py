"""The objects without their background: one RGBA PNG per frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vos.errors import OutputError
from vos.export.matting import matte_of
from vos.export.sink import MaskSink
from vos.files.atomic import replacing
from vos.files.index_png import make_folder, png_name
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class CutoutSink(MaskSink):
    """`<folder>/00000.png` ...: the source's colours and alpha 255 where an object is; 0 in all channels elsewhere.

    Args:
        folder: Where.
        soft: Whether borders are soft (`vos.export.matting`), with the object's own colours in them.
    """

    def __init__(self, folder: str | Path, *, soft: bool = False) -> None:
        self.folder = Path(folder)
        self.soft = soft
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        make_folder(self.folder)

    def write(self, frame: Frame, result: FrameResult) -> None:
        rgba = rgba_of(frame.rgb, result.labels, soft=self.soft)
        rgba[rgba[:, :, 3] == 0] = 0
        with replacing(self.folder / png_name(result.index, self._names)) as temporary:
            Image.fromarray(rgba).save(temporary, format="PNG", compress_level=3)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def rgba_of(rgb: np.ndarray, labels: np.ndarray, *, soft: bool = False) -> np.ndarray:
    """(H, W, 4) uint8: the picture with alpha 255 where any object is and 0 elsewhere; between them at soft ones."""
    if soft:
        matte = matte_of(rgb, labels > 0)
        return np.dstack([matte.colours, np.round(matte.alpha * 255).astype(np.uint8)])
    alpha = (labels > 0).astype(np.uint8) * 255
    return np.dstack([rgb, alpha])


def read_cutout(path: Path) -> np.ndarray:
    """(H, W, 4) uint8. Raises OutputError when the file is missing or no RGBA PNG."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode != "RGBA":
                raise OutputError(f"{path}: a cut-out has mode RGBA, this one has mode {image.mode}")
            return np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise OutputError(f"{path}: not a readable PNG ({error})") from error
