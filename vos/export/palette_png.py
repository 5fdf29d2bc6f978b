"""One index PNG per frame, as in DAVIS: the pixel is the object id, the palette makes it visible."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from vos.errors import OutputError
from vos.palette import DAVIS_PALETTE
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

# Level 3 takes a third of the time of zlib's default and makes files half as large again.
_COMPRESSION = 3

MAX_PALETTE_ID = 255


def png_name(index: int) -> str:
    """File name of a frame: five digits, as in DAVIS; more when the index needs them."""
    return f"{index:05d}.png"


def write_palette_png(path: Path, labels: np.ndarray) -> None:
    """Writes (H, W) integer labels 0..255 under a temporary name and renames it. Same labels, same bytes.

    Raises:
        OutputError: An id does not fit, or the file cannot be written.
    """
    highest = int(labels.max(initial=0))
    if highest > MAX_PALETTE_ID:
        raise OutputError(
            f"{path}: object id {highest} does not fit a palette PNG, which ends at {MAX_PALETTE_ID}; "
            "use ids up to 255 or another format"
        )
    image = Image.fromarray(labels.astype(np.uint8)).convert("P")
    image.putpalette(DAVIS_PALETTE.tobytes())
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        image.save(temporary, format="PNG", compress_level=_COMPRESSION)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def read_palette_png(path: Path) -> np.ndarray:
    """(H, W) uint8 labels of a palette or grey PNG.

    Raises:
        OutputError: The file is missing or not such a PNG.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L"):
                raise OutputError(f"{path}: an index PNG has mode P or L, this one has mode {image.mode}")
            return np.array(image)
    except (OSError, SyntaxError) as error:
        raise OutputError(f"{path}: not a readable PNG ({error})") from error


class PalettePngSink:
    """`<folder>/00000.png`, `00001.png`, ... of the source's size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, info: VideoInfo) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot be created ({error.strerror})") from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        write_palette_png(self.folder / png_name(result.index), result.labels)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass
