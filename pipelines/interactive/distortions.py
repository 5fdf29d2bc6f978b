"""The first mask as painting, matting and resizing tools would have written it.

Each distortion keeps the object and spoils how it is written down: a reader that takes every grey value for an object
finds rings, or dozens of objects, in them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def _white(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * 255


def _enlarged(mask: np.ndarray, factor: int) -> np.ndarray:
    """Reduced without smoothing, and enlarged again with it: (H, W) uint8."""
    height, width = mask.shape
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(_white(mask), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _antialiased(mask: np.ndarray) -> np.ndarray:
    """Coverage of each pixel by a smooth outline, from sixteen samples: (H, W) uint8."""
    height, width = mask.shape
    fine = cv2.resize(_white(mask), (4 * width, 4 * height), interpolation=cv2.INTER_CUBIC)
    smooth = _white(cv2.GaussianBlur(fine, (0, 0), 3) > 127)
    return cv2.resize(smooth, (width, height), interpolation=cv2.INTER_AREA)


def _trimap(mask: np.ndarray) -> np.ndarray:
    """Grey three pixels to each side of the border: (H, W) uint8."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    sure, possible = cv2.erode(_white(mask), disc), cv2.dilate(_white(mask), disc)
    return np.where(sure > 0, 255, np.where(possible > 0, 128, 0)).astype(np.uint8)


def _matte(mask: np.ndarray) -> np.ndarray:
    """(H, W) uint16."""
    coverage = cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 1.5)
    return np.round(coverage * 65535).astype(np.uint16)


def _red_layer(mask: np.ndarray) -> np.ndarray:
    """A soft brush on a transparent layer: (H, W, 4) uint8."""
    alpha = cv2.GaussianBlur(_white(mask), (0, 0), 1)
    red = np.array([230, 30, 40], np.uint8)
    return np.dstack([np.broadcast_to(red, (*mask.shape, 3)), alpha])


Write = Callable[[np.ndarray], np.ndarray]

DISTORTIONS: dict[str, tuple[Write, str]] = {
    "enlarged twice": (lambda mask: _enlarged(mask, 2), "png"),
    "enlarged four times": (lambda mask: _enlarged(mask, 4), "png"),
    "blurred": (lambda mask: cv2.GaussianBlur(_white(mask), (0, 0), 2), "png"),
    "anti-aliased": (_antialiased, "png"),
    "trimap": (_trimap, "png"),
    "16-bit matte": (_matte, "png"),
    "red layer": (_red_layer, "png"),
    "JPEG": (_white, "jpg"),
}
"""Name -> what it makes of an (H, W) bool mask, and the kind of file that it is saved in."""


def write_distorted(name: str, mask: np.ndarray, folder: Path) -> Path:
    """Writes a mask distorted.

    Args:
        name: A key of `DISTORTIONS`.
        mask: (H, W) bool.
        folder: Where to.

    Returns:
        The file.
    """
    write, kind = DISTORTIONS[name]
    path = folder / f"{name.replace(' ', '_')}.{kind}"
    Image.fromarray(np.ascontiguousarray(write(mask))).save(path)
    return path
