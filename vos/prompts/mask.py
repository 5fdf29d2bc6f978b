"""A mask prompt: exactly these pixels are the object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import cv2
import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt, frozen_bool, set_field


@dataclass(frozen=True, slots=True, eq=False)
class Mask(VisualPrompt):
    """The whole object, pixel by pixel.

    Attributes:
        pixels: (H, W) bool. `size` is always (W, H) of this array.

    Examples:
        >>> pixels = np.zeros((432, 480), bool)
        >>> pixels[80:400, 120:360] = True
        >>> Mask(pixels).size
        (480, 432)
    """

    kind: ClassVar[str] = "mask"

    pixels: np.ndarray

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        pixels = frozen_bool(self.pixels, self.where)
        set_field(self, "pixels", pixels)
        set_field(self, "size", size_of_raster(pixels, self.size, self.where))
        if not pixels.any():
            raise PromptError(f"{self.where} is empty: no pixel is set")

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool; the size must be the mask's own."""
        Prompt.check(self, width, height)
        return self.pixels

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        return replace(self, pixels=resized_raster(self.pixels, width, height), size=None)


def size_of_raster(pixels: np.ndarray, size: tuple[int, int] | None, where: str) -> tuple[int, int]:
    """(W, H) of a raster; raises PromptError when the prompt claims another size."""
    own = (pixels.shape[1], pixels.shape[0])
    if size is not None and size != own:
        raise PromptError(f"{where} has {own[0]}x{own[1]} pixels but says that its size is {size[0]}x{size[1]}")
    return own


def resized_raster(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Nearest-neighbour resize of an (H, W) bool raster: no pixel is mixed from two."""
    resized = cv2.resize(pixels.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(bool)
