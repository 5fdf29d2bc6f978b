"""Pictures of more than 8 bits to 8 bits, by one rule for all frames of a sequence.

Grey of 16 bits keeps its upper 8 bits. What has no range of its own (whole numbers of 32 bits, real numbers) is taken
for the smallest usual range that holds the first frame: 0..1 for real numbers, then 0..255, then 0..65535. A frame
outside the range is an error, never clipped; a range that the user gives is applied to all, and clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps
from PIL.PpmImagePlugin import PpmImageFile

from vos.errors import UsageError, VideoError

# A first frame that uses fewer of the 256 levels than this, from darkest to brightest, is worth a note.
_FEW_LEVELS = 32


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
    """Whether a picture is grey of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def deep_values(image: Image.Image) -> tuple[np.ndarray, Levels | None]:
    """Grey values of a deep picture, (H, W) and upright, and the range that its format gives them.

    Args:
        image: Just opened, its pixels not loaded: what loads them forgets the header of a PGM.

    Returns:
        The values in the numbers that the file holds, and None for 32 bits and real numbers without a range.
    """
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
    """(H, W) uint8. Raises VideoError for values outside a range that was not given by the user."""
    if levels.clips:
        known = np.nan_to_num(values.astype(np.float64), nan=levels.low, posinf=levels.high, neginf=levels.low)
    else:
        if not np.isfinite(values).all() or values.min() < levels.low or values.max() > levels.high:
            raise VideoError(
                f"{where}: grey values {values.min():g} to {values.max():g}, but the frames before lie in {levels}; "
                "give --range LOW,HIGH for all of them"
            )
        if levels.high == 65535 and values.dtype.kind != "f":
            return (values.astype(np.int64) >> 8).astype(np.uint8)
        known = values.astype(np.float64)
    scaled = (known - levels.low) * (255 / (levels.high - levels.low))
    return np.round(scaled.clip(0, 255)).astype(np.uint8)


def notes_on_levels(values: np.ndarray, levels: Levels, where: str) -> tuple[str, ...]:
    """What to tell about the range: which it is, and whether the first frame uses little of it."""
    grey = to_8_bits(values, levels, where)
    used, low, high = len(np.unique(grey)), float(np.nanmin(values)), float(np.nanmax(values))
    note = f"grey values {levels} are scaled to 8 bits"
    if int(grey.max()) - int(grey.min()) < _FEW_LEVELS and low < high and len(np.unique(values)) > used:
        note += f"; the first frame uses only {used} of the 256 levels, --range {low:g},{high:g} would spread them"
    return (note,)
