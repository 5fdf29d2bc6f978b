"""Opening picture files that come from outside: checked size, one-line errors that name the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vos.errors import PromptError
from vos.files.regular_file import check_regular_file

# 8K UHD twice over. A PNG of a few kilobytes can claim gigapixels; nothing is decoded before this check.
MAX_PIXELS = 64 * 1024 * 1024


@contextmanager
def opened_image(path: Path, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """The image with its pixels loaded, upright by its orientation tag. `formats`: PIL names of the formats to accept.

    Raises:
        PromptError: the file is missing, of another format, too large, truncated or damaged, or holds several pictures.
    """
    check_regular_file(path, PromptError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
    except OSError as error:  # includes PIL.UnidentifiedImageError
        reason = error.strerror or "not an image that can be read"
        raise PromptError(f"{path}: {reason}") from None
    except (Image.DecompressionBombError, ValueError, SyntaxError):
        raise PromptError(f"{path}: not an image that can be read, or far too large") from None
    with image:
        # A JPEG with further pictures behind the first, as phones write it, is a JPEG to everybody.
        if image.format not in formats and not (image.format == "MPO" and "JPEG" in formats):
            raise PromptError(f"{path}: a {image.format} image; expected {' or '.join(formats)}")
        if image.width * image.height > MAX_PIXELS:
            raise PromptError(f"{path}: {image.width}x{image.height} is more than {MAX_PIXELS} pixels")
        if image.format == "TIFF":
            # Pillow maps uncompressed files by their name, and with an orientation tag in the wrong shape (13.0).
            image.filename = ""
        try:
            _check_single(path, image)
            image.load()
            # In place, as a copy would not know its format.
            ImageOps.exif_transpose(image, in_place=True)
        except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
            raise PromptError(f"{path}: damaged or truncated image ({error})") from None
        yield image


def _check_single(path: Path, image: Image.Image) -> None:
    """Raises PromptError for a stack or an animation, of which only the first picture would be seen."""
    count, size = getattr(image, "n_frames", 1), image.size
    if count > 1 and image.format == "TIFF":
        # Further pages of another size are previews.
        image.seek(1)
        count = count if image.size == size else 1
        image.seek(0)
    if count > 1 and image.format != "MPO":
        raise PromptError(f"{path}: holds {count} pictures; save the one that is meant as a file of its own")


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a PNG, JPEG, WebP or BMP file."""
    with opened_image(path, ("PNG", "JPEG", "WEBP", "BMP")) as image:
        return np.array(image.convert("RGB"))
