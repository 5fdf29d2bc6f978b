"""Pictures of more than 8 bits to 8 bits, by one rule for all frames of a sequence.

Grey and colours of 16 bits keep their upper 8 bits. What has no range of its own (whole numbers of 32 bits, real
numbers) is taken for the smallest usual range that holds the first frame: 0..1 for real numbers, then 0..255, then
0..65535. A frame outside the range is an error, never clipped, and so is a range of which the frames use almost
nothing, as it would make all of them black. A range that the user gives is applied to all, and clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.PpmImagePlugin import PpmImageFile

from vos.errors import UsageError, VideoError

# Frames that use fewer of the 256 levels than this, from darkest to brightest, are worth a note.
_FEW_LEVELS = 32
# No object can be seen in frames with this many levels made of many more.
_NO_LEVELS = 4
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class Levels:
    """The range of grey values that becomes 0..255.

    Attributes:
        low, high: Values that become 0 and 255.
        clips: Whether values beyond are clipped (the user gave the range) or refused.
    """

    low: float
    high: float
    clips: bool = False

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"


def parse_range(text: str) -> Levels:
    """`LOW,HIGH` of grey values. Raises UsageError."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise UsageError(f"--range {text}: expected LOW,HIGH such as 0,4095, the grey values of black and white")
    return Levels(low, high, clips=True)


def is_deep(image: Image.Image) -> bool:
    """Whether a picture just opened has more than 8 bits, grey or colour, that Pillow does not scale."""
    return image.mode.startswith("I") or image.mode == "F" or _is_deep_colour(image)


def _is_deep_colour(image: Image.Image) -> bool:
    tiles = getattr(image, "tile", ())
    return image.mode in ("RGB", "RGBA") and any(";16" in str(tile[3]) for tile in tiles)


def deep_values(image: Image.Image, path: Path) -> tuple[np.ndarray, Levels | None]:
    """Values of a deep picture, (H, W) or (H, W, 3) and upright, and the range that its format gives them.

    Args:
        image: Just opened, its pixels not loaded: what loads them forgets the header of a PGM.
        path: Its file.

    Returns:
        The values in the numbers that the file holds, and None for 32 bits and real numbers without a range.

    Raises:
        VideoError: Deep colours that cannot be read.
    """
    if _is_deep_colour(image):
        return _deep_colours(image, path), Levels(0, 65535)
    tiles = image.tile if isinstance(image, PpmImageFile) else []
    arguments = tiles[0][3] if tiles else None
    maximum = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else 65535
    values = np.asarray(ImageOps.exif_transpose(image))
    if image.format == "PPM" and image.mode == "I":
        # Pillow has stretched these to 16 bits.
        return np.round(values.astype(np.float64) * (maximum / 65535)).astype(np.int32), Levels(0, maximum)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return values, Levels(0, 65535)
    return values, None


def _deep_colours(image: Image.Image, path: Path) -> np.ndarray:
    """(H, W, 3) uint16. Pillow only gives the upper halves of 16 bits; OpenCV fails at orientation tags."""
    has_tags = image.format != "PNG" or "exif" in image.info
    if has_tags and image.getexif().get(_EXIF_ORIENTATION, 1) != 1:
        raise VideoError(f"{path}: colours of 16 bits with an orientation tag are not read; save the picture upright")
    try:
        bgr = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        bgr = None
    if bgr is None or bgr.dtype != np.uint16 or bgr.ndim != 3:
        raise VideoError(f"{path}: its colours of 16 bits cannot be read; save it with 8 bits, or as PNG")
    return np.ascontiguousarray(bgr[:, :, 2::-1])


def usual_range(values: np.ndarray, where: str) -> Levels:
    """The range for a file that declares none, from its values. Raises VideoError where none fits."""
    if not np.isfinite(values).all():
        raise VideoError(f"{where}: has values that are no numbers (NaN or infinity); give --range LOW,HIGH to go on")
    lowest, highest = float(values.min()), float(values.max())
    whole = values.dtype.kind != "f"
    for limit in (255, 65535) if whole else (1, 255, 65535):
        if lowest >= 0 and highest <= limit:
            return Levels(0, limit)
    raise VideoError(f"{where}: grey values {lowest:g} to {highest:g} have no usual range; give --range LOW,HIGH")


def to_8_bits(values: np.ndarray, levels: Levels, where: str) -> np.ndarray:
    """uint8 of the same shape. Raises VideoError for values outside a range that was not given by the user."""
    if levels.clips:
        known = np.nan_to_num(values.astype(np.float64), nan=levels.low, posinf=levels.high, neginf=levels.low)
    else:
        if not np.isfinite(values).all() or values.min() < levels.low or values.max() > levels.high:
            raise VideoError(
                f"{where}: values {values.min():g} to {values.max():g}, but the frames before lie in {levels}; "
                "give --range LOW,HIGH for all of them"
            )
        if levels.high == 65535 and values.dtype.kind != "f":
            return (values.astype(np.int64) >> 8).astype(np.uint8)
        known = values.astype(np.float64)
    scaled = (known - levels.low) * (255 / (levels.high - levels.low))
    return np.round(scaled.clip(0, 255)).astype(np.uint8)


def notes_on_levels(values: np.ndarray, levels: Levels, where: str) -> tuple[str, ...]:
    """What to tell about the range: which it is, and whether little of it is used.

    Args:
        values: Of a few frames together, any shape, within the range unless it clips.
        levels: The range.
        where: The folder, for messages.

    Raises:
        VideoError: So little is used of a range that the user has not given that nothing could be seen.
    """
    grey = to_8_bits(values, levels, where)
    used, low, high = len(np.unique(grey)), float(np.nanmin(values)), float(np.nanmax(values))
    note = f"values {levels} are scaled to 8 bits"
    if int(grey.max()) - int(grey.min()) < _FEW_LEVELS and low < high and len(np.unique(values)) > used:
        if used <= _NO_LEVELS and not levels.clips:
            raise VideoError(
                f"{where}: values {low:g} to {high:g} would become only {used} of 256 levels, scaled from {levels}; "
                f"give the values of black and white, such as --range {low:g},{high:g} (or --range "
                f"{levels.low:g},{levels.high:g} if the frames are that dark)"
            )
        note += f"; the frames use only {used} of the 256 levels, --range {low:g},{high:g} would spread them"
    return (note,)
