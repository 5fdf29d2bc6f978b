"""Frames from a folder of images, in natural order of their names, at a nominal constant rate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vos.errors import VideoError
from vos.video.pyav_compat import check_size
from vos.video.types import ClosesOnExit, Frame, Truncation, VideoInfo

# File name extension -> Pillow's format. Nothing else is tried: Pillow's other readers run programs or guess.
IMAGE_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}

# What DAVIS, the best known set of frame folders, plays at.
DEFAULT_RATE = Fraction(24)

_EXIF_ORIENTATION = 0x0112
_PILLOW_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


class ImageFolderSource(ClosesOnExit):
    """Images of one folder as a video: frame i is the i-th name in natural order (`2.png` before `10.png`).

    Names are read as text and numbers, so numbers of different width and numbers with gaps keep their order; pts
    counts files, not the numbers in their names, and `info.notes` says where numbers are missing. Hidden files and
    other kinds of file are passed over. Orientation tags are applied, alpha is dropped, 16-bit grey is scaled to 8.

    Args:
        folder: The folder; subfolders are not read.
        rate: Frames per second to assume; 24 if None.

    Attributes:
        paths: The files in frame order.

    Raises:
        VideoError: No images, two images of one name, one without a readable header, or sizes that differ.
    """

    def __init__(self, folder: str | Path, *, rate: Fraction | None = None) -> None:
        self._folder = Path(folder)
        self.paths = list_images(self._folder)
        width, height = _common_size(self.paths)
        rate = rate or DEFAULT_RATE
        self._info = VideoInfo(
            width=width,
            height=height,
            frame_count=len(self.paths),
            average_rate=rate,
            time_base=1 / rate,
            codec=IMAGE_FORMATS[self.paths[0].suffix.lower()].lower(),
            container="folder",
            duration=float(len(self.paths) / rate),
            notes=_explain_numbers(self.paths),
        )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def truncation(self) -> Truncation | None:
        """Always None: an image that cannot be read is an error, because later ones can."""
        return None

    def __iter__(self) -> Iterator[Frame]:
        return (self.read_at(index) for index in range(len(self.paths)))

    def read_at(self, index: int) -> Frame:
        if not 0 <= index < len(self.paths):
            raise VideoError(f"{self._folder}: no frame {index}; the folder has frames 0 to {len(self.paths) - 1}")
        path = self.paths[index]
        rgb = read_image(path)
        if rgb.shape[:2] != (self._info.height, self._info.width):
            raise VideoError(
                f"{path}: decodes to {rgb.shape[1]}x{rgb.shape[0]}, not to the {self._info.width}x{self._info.height} "
                f"that its header says; replace it"
            )
        return Frame(index, index, self._info.time_base, rgb)

    def close(self) -> None:
        """Nothing stays open between frames."""


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 of an image file, upright.

    Raises:
        VideoError: Not an image of the kind its extension says, damaged, or larger than a frame may be.
    """
    with _open_image(path) as image:
        try:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                grey = (np.asarray(upright, dtype=np.uint16) >> 8).astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            return np.array(upright.convert("RGB"))
        except _PILLOW_ERRORS as error:
            raise VideoError(f"{path}: the image is damaged ({error}); replace it or remove it") from error


def _open_image(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=[IMAGE_FORMATS[path.suffix.lower()]])
    except KeyError:
        raise VideoError(f"{path}: not an image; known are {', '.join(IMAGE_FORMATS)}") from None
    except _PILLOW_ERRORS as error:
        raise VideoError(f"{path}: not a readable {path.suffix[1:]} image; replace it or remove it") from error
    try:
        check_size(path, image.width, image.height)
    except VideoError:
        image.close()
        raise
    return image


def list_images(folder: Path) -> tuple[Path, ...]:
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise VideoError(f"{folder}: cannot list the folder ({error.strerror}); check the path and its mode") from error
    paths = [p for p in entries if p.suffix.lower() in IMAGE_FORMATS and not p.name.startswith(".") and p.is_file()]
    if not paths:
        raise VideoError(f"{folder}: no images in the folder; expected {', '.join(IMAGE_FORMATS)} files")
    paths.sort(key=lambda p: (natural_key(p.stem), p.name))
    for first, second in pairwise(paths):
        if first.stem == second.stem:
            raise VideoError(f"{folder}: {first.name} and {second.name} claim the same frame; keep one kind of image")
    return tuple(paths)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that compares runs of digits as numbers and the rest as text."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _common_size(paths: tuple[Path, ...]) -> tuple[int, int]:
    """(width, height) of all images, from their headers only."""
    expected = _displayed_size(paths[0])
    for path in paths[1:]:
        size = _displayed_size(path)
        if size != expected:
            raise VideoError(
                f"{path}: {size[0]}x{size[1]}, but {paths[0].name} is {expected[0]}x{expected[1]}; "
                f"all images of a folder must have one size"
            )
    return expected


def _displayed_size(path: Path) -> tuple[int, int]:
    with _open_image(path) as image:
        width, height = image.size
        # Asked for a PNG's tags, Pillow decodes the whole image to look behind it, unless it met some before.
        if image.format == "PNG" and "exif" not in image.info:
            return width, height
        try:
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        except _PILLOW_ERRORS as error:
            raise VideoError(f"{path}: the image is damaged ({error}); replace it or remove it") from error
        # Values 5 to 8 exchange rows and columns.
        return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _explain_numbers(paths: tuple[Path, ...]) -> tuple[str, ...]:
    """Notes on numbers in names that are missing or written with different widths."""
    digits = [found[-1] for path in paths if (found := re.findall(r"\d+", path.stem))]
    if len(digits) != len(paths):
        return ()
    notes = []
    numbers = [int(d) for d in digits]
    missing = sum(max(0, b - a - 1) for a, b in pairwise(numbers))
    if missing:
        a, b = next((a, b) for a, b in pairwise(numbers) if b > a + 1)
        notes.append(f"{missing} numbers are missing, first between {a} and {b}; frames are counted without gaps")
    if len({len(d) for d in digits}) > 1 and any(d.startswith("0") and len(d) > 1 for d in digits):
        notes.append("numbers are written with different widths; frames are in order of the numbers' values")
    return tuple(notes)
