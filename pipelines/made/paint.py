"""Figures onto pixels: coverage and colours, with borders as soft as a pixel's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from pipelines.made.draws import cosine, sine
from pipelines.made.figures import Anatomy, Limb, Part, Plate
from pipelines.made.textures import SKIN_SIDE


@dataclass(frozen=True, slots=True)
class Pose:
    """Where and how a figure is drawn.

    Attributes:
        x, y: Its middle in pixels.
        size: Pixels to its unit of length.
        mirrored: Whether it looks to the left.
        phase: Of its movement, in turns.
    """

    x: float
    y: float
    size: float
    mirrored: bool
    phase: float


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """What a figure covers, from (top, left) on.

    Attributes:
        top, left: Of the part of the frame.
        alpha: (h, w) float32 in [0, 1].
        rgb: (h, w, 3) float32 in [0, 255], times alpha.
    """

    top: int
    left: int
    alpha: np.ndarray
    rgb: np.ndarray

    @property
    def box(self) -> tuple[slice, slice]:
        """Its place in the frame."""
        height, width = self.alpha.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


class Sprite(Protocol):
    """Anything that can be drawn."""

    def paint(self, pose: Pose, height: int, width: int) -> Painted | None:
        """Draws it for a frame of this size; None if it is outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A drawn creature or thing.

    Attributes:
        anatomy: Its parts.
        skin: (128, 128, 3) uint8 RGB.
        thin: Factor on the thickness of its thin parts.
    """

    anatomy: Anatomy
    skin: np.ndarray
    thin: float = 1.0

    def paint(self, pose: Pose, height: int, width: int) -> Painted | None:
        parts = [_Placed.of(part, pose) for part in self.anatomy(pose.phase, self.thin)]
        boxes = [box for part in parts if (box := part.box(height, width)) is not None]
        if not boxes:
            return None
        top, left = min(box[0] for box in boxes), min(box[1] for box in boxes)
        bottom, right = max(box[2] for box in boxes), max(box[3] for box in boxes)
        alpha = np.zeros((bottom - top, right - left), np.float32)
        rgb = np.zeros((*alpha.shape, 3), np.float32)
        for part in parts:
            box = part.box(height, width)
            if box is None:
                continue
            inside = slice(box[0] - top, box[2] - top), slice(box[1] - left, box[3] - left)
            cover, colours = part.paint(box, self.skin)
            keep = np.float32(1) - cover
            alpha[inside] = alpha[inside] * keep + cover
            rgb[inside] = rgb[inside] * keep[..., None] + colours * cover[..., None]
        return Painted(top, left, alpha, rgb)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A part in pixels: its axis from (x0, y0) to (x1, y1) with radii, or its centre with half sides and direction."""

    part: Part
    size: float
    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def of(cls, part: Part, pose: Pose) -> _Placed:
        mirror = -1.0 if pose.mirrored else 1.0
        start, end = (part.start, part.end) if isinstance(part, Limb) else (part.centre, part.centre)
        (x0, y0), (x1, y1) = ((pose.x + mirror * pose.size * x, pose.y + pose.size * y) for x, y in (start, end))
        if isinstance(part, Plate):
            # For a plate the second point holds the direction of its long side.
            x1, y1 = mirror * cosine(part.turn), sine(part.turn)
        return cls(part, pose.size, x0, y0, x1, y1)

    def box(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        """top, left, bottom, right of the pixels that it may touch; None outside of the frame."""
        if isinstance(self.part, Limb):
            radius = self.size * max(self.part.start_radius, self.part.end_radius) + 1
            xs, ys = (self.x0, self.x1), (self.y0, self.y1)
        else:
            radius = self.size * (self.part.half_width + self.part.half_height) + 1
            xs, ys = (self.x0, self.x0), (self.y0, self.y0)
        top, bottom = max(0, int(np.floor(min(ys) - radius))), min(height, int(np.ceil(max(ys) + radius)))
        left, right = max(0, int(np.floor(min(xs) - radius))), min(width, int(np.ceil(max(xs) + radius)))
        return (top, left, bottom, right) if top < bottom and left < right else None

    def paint(self, box: tuple[int, int, int, int], skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(h, w) coverage and (h, w, 3) colours of the pixels of `box`."""
        y = (np.arange(box[0], box[2], dtype=np.float32) + np.float32(0.5))[:, None]
        x = (np.arange(box[1], box[3], dtype=np.float32) + np.float32(0.5))[None, :]
        place = self._of_limb if isinstance(self.part, Limb) else self._of_plate
        distance, along, across, light = place(x, y)
        cover = np.clip(np.float32(0.5) - distance, 0, 1)
        texels = np.float32(SKIN_SIDE / self.size)
        u = np.floor(along * texels).astype(np.int64) + self.part.patch
        v = np.floor(across * texels).astype(np.int64) + self.part.patch * 5
        colours = skin[v % SKIN_SIDE, u % SKIN_SIDE].astype(np.float32)
        shade = np.float32(self.part.tone) * (np.float32(1) - np.float32(0.25) * np.clip(light, -1, 1))
        return cover, colours * shade[..., None]

    def _of_limb(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Distance to the outline, place along and across the axis, and how far below the axis (1 at the border)."""
        assert isinstance(self.part, Limb)
        dx, dy = np.float32(self.x1 - self.x0), np.float32(self.y1 - self.y0)
        px, py = x - np.float32(self.x0), y - np.float32(self.y0)
        length = np.float32(np.sqrt(dx * dx + dy * dy))
        if length < 1e-3:
            share = np.zeros(np.broadcast_shapes(px.shape, py.shape), np.float32)
            along, across = np.broadcast_to(px, share.shape), np.broadcast_to(py, share.shape)
        else:
            ux, uy = dx / length, dy / length
            along, across = px * ux + py * uy, py * ux - px * uy
            share = np.clip(along / length, 0, 1)
        from_axis_x, from_axis_y = px - share * dx, py - share * dy
        first, last = np.float32(self.size * self.part.start_radius), np.float32(self.size * self.part.end_radius)
        radius = first + (last - first) * share
        distance = np.sqrt(from_axis_x * from_axis_x + from_axis_y * from_axis_y) - radius
        return distance, along, across, from_axis_y / radius

    def _of_plate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        assert isinstance(self.part, Plate)
        ux, uy = np.float32(self.x1), np.float32(self.y1)
        px, py = x - np.float32(self.x0), y - np.float32(self.y0)
        along, across = px * ux + py * uy, py * ux - px * uy
        corner = np.float32(self.size * self.part.corner)
        half = np.float32(self.size * self.part.half_width), np.float32(self.size * self.part.half_height)
        beyond = [np.abs(value) - side + corner for value, side in zip((along, across), half, strict=True)]
        outside = [np.maximum(value, 0) for value in beyond]
        distance = np.sqrt(outside[0] * outside[0] + outside[1] * outside[1])
        distance = distance + np.minimum(np.maximum(beyond[0], beyond[1]), 0) - corner
        return distance, along, across, across / half[1]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An object cut out of a picture: (h, w, 3) uint8 RGB and (h, w) bool. Its longer side is one unit."""

    rgb: np.ndarray
    mask: np.ndarray

    def paint(self, pose: Pose, height: int, width: int) -> Painted | None:
        scale = pose.size / max(self.mask.shape)
        own_height, own_width = self.mask.shape
        top, bottom = pose.y - own_height * scale / 2, pose.y + own_height * scale / 2
        left, right = pose.x - own_width * scale / 2, pose.x + own_width * scale / 2
        y0, y1 = max(0, int(np.floor(top))), min(height, int(np.ceil(bottom)))
        x0, x1 = max(0, int(np.floor(left))), min(width, int(np.ceil(right)))
        if y0 >= y1 or x0 >= x1:
            return None
        mirror = -1.0 if pose.mirrored else 1.0
        middle = own_width / 2 - 0.5
        # From pixels of the frame to pixels of the cut-out.
        matrix = np.array(
            [
                [mirror / scale, 0, middle + mirror * (x0 + 0.5 - pose.x) / scale],
                [0, 1 / scale, own_height / 2 - 0.5 + (y0 + 0.5 - pose.y) / scale],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        own_alpha = self.mask.astype(np.float32)
        source = np.dstack([self.rgb.astype(np.float32) * own_alpha[..., None], own_alpha])
        source = _halved(source, 1 / scale)
        shrunk = self.mask.shape[0] / source.shape[0]
        matrix[:, :] /= shrunk
        matrix[:, 2] += 0.5 / shrunk - 0.5
        warped = cv2.warpAffine(source, matrix, (x1 - x0, y1 - y0), flags=flags)
        return Painted(y0, x0, np.clip(warped[..., 3], 0, 1), warped[..., :3])


def _halved(picture: np.ndarray, reduction: float) -> np.ndarray:
    """Averages 2x2 pixels until a reduction by less than two is left."""
    while reduction >= 2 and min(picture.shape[:2]) >= 4:
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        if (height, width) != picture.shape[:2]:
            picture = cv2.copyMakeBorder(picture, 0, picture.shape[0] % 2, 0, picture.shape[1] % 2, cv2.BORDER_CONSTANT)
        picture = (picture[::2, ::2] + picture[1::2, ::2] + picture[::2, 1::2] + picture[1::2, 1::2]) / 4
        reduction /= 2
    return picture
