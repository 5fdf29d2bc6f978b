"""A view: the part of a frame that the network looks at, and how points and maps travel between the two.

A view is a rectangle of whole source pixels, seen at the size of the network's input. Both grids share their corners:
source pixel i covers [i, i + 1), so the centre of input pixel u lies at x + (u + 0.5) * width / columns. With whole
pixels at its borders a crop needs no resampling of its own, and `cv2.resize`, which maps centres like this, is exact.
Mask grids are coarser (the compact model: a quarter of the input), with the same corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the source and the size at which the network sees it.

    Attributes:
        x, y, width, height: The rectangle, in source pixels.
        columns, rows: Size of the network's input.
    """

    x: int
    y: int
    width: int
    height: int
    columns: int
    rows: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the rectangle, to index an (H, W, ...) array of the source with."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def magnification(self) -> float:
        """Input pixels per source pixel, along the side that is magnified less."""
        return min(self.columns / self.width, self.rows / self.height)

    def from_middle(self, x: float, y: float) -> tuple[float, float]:
        """Input pixels (x, y) from the middle of the view to a point of the source."""
        return (
            (x - self.x - self.width / 2) * self.columns / self.width,
            (y - self.y - self.height / 2) * self.rows / self.height,
        )

    def crop(self, rgb: np.ndarray) -> np.ndarray:
        """(rows, columns, 3) uint8: what the network sees of a (H, W, 3) frame."""
        inside = rgb[self.box]
        if (self.height, self.width) == (self.rows, self.columns):
            return np.ascontiguousarray(inside)
        return resize_area(inside, (self.rows, self.columns))

    def crop_map(self, source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Share of each cell of a grid over this view that a map of the source covers.

        Args:
            source: (H, W), bool or float in [0, 1].
            size: Height and width of the grid.

        Returns:
            `size` float32 in [0, 1].
        """
        return resize_area(np.ascontiguousarray(source[self.box], np.float32), size)

    def enlarge(self, grid: np.ndarray, interpolation: int = cv2.INTER_CUBIC) -> np.ndarray:
        """(height, width) float32: a map on a grid over this view, at the size of the source's pixels."""
        return cv2.resize(grid, (self.width, self.height), interpolation=interpolation)

    def overlaps(self, other: View) -> bool:
        """Whether the rectangles have a pixel in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def transfer(self, maps: np.ndarray, target: View, size: tuple[int, int], outside: float = 0.0) -> np.ndarray:
        """Maps on a grid over this view, on a grid over another view of the same frame.

        Args:
            maps: (N, h, w) float32.
            target: The other view.
            size: Height and width of its grid.
            outside: Value where this view does not reach.

        Returns:
            (N, *size) float32; `maps` themselves if nothing changes.
        """
        count, height, width = maps.shape
        if self == target and (height, width) == size:
            return maps
        if count == 0:
            return np.zeros((0, *size), np.float32)
        # Cell centre c of the target lies at source x, and there at cell (x - self.x) * w / self.width - 0.5.
        scale_x = target.width / size[1] * width / self.width
        scale_y = target.height / size[0] * height / self.height
        start_x = (target.x - self.x) * width / self.width
        start_y = (target.y - self.y) * height / self.height
        matrix = np.array(
            [[scale_x, 0, start_x + 0.5 * scale_x - 0.5], [0, scale_y, start_y + 0.5 * scale_y - 0.5]], np.float64
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = [
            cv2.warpAffine(
                np.ascontiguousarray(one, np.float32),
                matrix,
                size[::-1],
                flags=flags,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=outside,
            )
            for one in maps
        ]
        return np.stack(moved)


def whole_frame(height: int, width: int, input_size: tuple[int, int]) -> View:
    """All of a frame of this size, seen at `input_size` (rows, columns)."""
    return View(0, 0, width, height, columns=input_size[1], rows=input_size[0])


def resize_area(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes to (height, width): averages along a side that shrinks, interpolates along one that grows."""
    height, width = size
    smaller = (min(width, image.shape[1]), min(height, image.shape[0]))
    if smaller != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image
