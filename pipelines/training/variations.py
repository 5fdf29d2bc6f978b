"""Optional ingredients of a synthetic clip: thin-plate bending, occluders, a zooming camera.

They use a random stream of their own, so that clips without them are the same with and without this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

# Control points per side of a thin plate, and the side of the grid on which its displacement is evaluated.
_CONTROL = 3
_GRID = 16


@dataclass(frozen=True, slots=True)
class Variations:
    """How likely each ingredient is, per clip; 0 leaves it out.

    Attributes:
        thin_plate: Every object bends as a thin plate: limbs and cloth rather than ripples.
        occluders: Something unlabelled passes in front, or thin stalks stand there.
        zoom: The camera zooms in or out of the whole scene.
        thin_parts: A pasted object (each by itself) gets sticks, ropes or wheels, which belong to it.
        windows: The clip is seen through a window that follows an object.
    """

    thin_plate: float = 0.0
    occluders: float = 0.0
    zoom: float = 0.0
    thin_parts: float = 0.0
    windows: float = 0.0

    def __post_init__(self) -> None:
        for name in ("thin_plate", "occluders", "zoom", "thin_parts", "windows"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, not {getattr(self, name)}")


@dataclass(slots=True)
class ThinPlate:
    """A bending that grows and swings from frame to frame.

    Attributes:
        rng: Where its changes come from.
        shifts: (9, 2) how far each control point is displaced, in shares of the layer's longer side.
        drift: (9, 2) what is added to it per frame.
    """

    rng: np.random.Generator
    shifts: np.ndarray = field(init=False)
    drift: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.shifts = np.zeros((_CONTROL * _CONTROL, 2))
        self.drift = self.rng.normal(size=self.shifts.shape) * self.rng.uniform(0.01, 0.035)

    def advance(self) -> None:
        self.drift = self.drift * 0.8 + self.rng.normal(size=self.drift.shape) * 0.006
        self.shifts = np.clip(self.shifts + self.drift, -0.15, 0.15)

    def bend(self, map_x: np.ndarray, map_y: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Displaces sampling positions (S, S) in a layer of `shape`; the bending belongs to the layer, not the view."""
        height, width = shape[:2]
        grid = (_plate_basis() @ self.shifts * max(height, width)).reshape(_GRID, _GRID, 2).astype(np.float32)
        at_x = (map_x * ((_GRID - 1) / max(width - 1, 1))).astype(np.float32)
        at_y = (map_y * ((_GRID - 1) / max(height - 1, 1))).astype(np.float32)
        offset = cv2.remap(grid, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return map_x + offset[..., 0], map_y + offset[..., 1]


@lru_cache(maxsize=1)
def _plate_basis() -> np.ndarray:
    """(grid^2, control^2): displacement of every grid point per unit displacement of every control point.

    Thin-plate spline (Bookstein, PAMI 1989): the kernel r^2 log r plus an affine part, interpolating the control
    points.
    """
    control = _square(_CONTROL)
    count = len(control)
    affine = np.column_stack([np.ones(count), control])
    system = np.block([[_kernel(control, control), affine], [affine.T, np.zeros((3, 3))]])
    coefficients = np.linalg.solve(system, np.concatenate([np.eye(count), np.zeros((3, count))]))
    grid = _square(_GRID)
    return np.column_stack([_kernel(grid, control), np.ones(len(grid)), grid]) @ coefficients


def _square(side: int) -> np.ndarray:
    """(side^2, 2) points of a regular grid over the unit square, row by row."""
    axis = np.linspace(0, 1, side)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return np.column_stack([x.ravel(), y.ravel()])


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = ((a[:, None] - b[None]) ** 2).sum(2)
    result: np.ndarray = 0.5 * square * np.log(np.maximum(square, 1e-12))
    return result


def occluder_mask(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side) int32 0/1: a bar, a few bars, or a blob."""
    mask = np.zeros((side, side), np.uint8)
    kind = int(rng.integers(3))
    if kind == 0:
        half = max(1, int(side * rng.uniform(0.06, 0.16)))
        mask[:, side // 2 - half : side // 2 + half] = 1
    elif kind == 1:
        for center in (np.arange(3) + rng.uniform(0.3, 0.7)) * side / 3:
            half = max(1, int(side * rng.uniform(0.02, 0.05)))
            mask[:, max(0, int(center) - half) : int(center) + half] = 1
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 12))))
        radii = rng.uniform(0.25, 0.5, len(angles)) * side
        corners = side / 2 + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    return mask.astype(np.int32)


def stalks_mask(rng: np.random.Generator, side: int) -> np.ndarray:
    """(side, side) int32 0/1: thin curved stalks, as of high grass, that leave most of what is behind visible."""
    mask = np.zeros((side, side), np.uint8)
    lean = rng.normal() * 0.2
    for _ in range(int(rng.integers(6, 30))):
        foot = rng.uniform(0, side)
        height = side * rng.uniform(0.3, 1.0)
        at = np.linspace(0, 1, 9)
        x = foot + (lean + rng.normal() * 0.1) * height * at**2
        points = np.column_stack([x, side - height * at])
        cv2.polylines(mask, [np.round(points).astype(np.int32)], False, 1, int(rng.integers(1, 4)))
    return mask.astype(np.int32)


def passing_path(rng: np.random.Generator, size: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Start (2,) just outside the view and velocity (2,) per frame, so that the path crosses the view in the clip."""
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(angle), np.sin(angle)])
    aim = rng.uniform(0.3, 0.7, 2) * size
    start = aim - direction * size * 0.95
    # The layer slows down on its way: a little more speed than the distance asks for.
    velocity = direction * size * rng.uniform(1.0, 1.8) / max(frames - 1, 1)
    return start, velocity


def zoom_frames(
    frames: list[np.ndarray], labels: list[np.ndarray], rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Crops of the whole scene that shrink or grow over the clip, back at the size of the scene.

    Args:
        frames: (S, S, 3) float32 each.
        labels: (S, S) int32 each.
        rng: Decides amount, centre and direction.
    """
    size = frames[0].shape[0]
    amount, center = rng.uniform(1.2, 1.9), rng.uniform(0.35, 0.65, 2) * size
    steps = np.linspace(0, 1, len(frames))
    if rng.random() < 0.5:
        steps = steps[::-1]
    zoomed: list[np.ndarray] = []
    zoomed_labels: list[np.ndarray] = []
    for frame, frame_labels, step in zip(frames, labels, steps, strict=True):
        scale = amount**step
        matrix = np.column_stack([np.eye(2) * scale, center - scale * center])
        zoomed.append(cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR))
        # OpenCV warps no int32; ids stay below 2^24 and are exact in float32.
        warped = cv2.warpAffine(frame_labels.astype(np.float32), matrix, (size, size), flags=cv2.INTER_NEAREST)
        zoomed_labels.append(warped.astype(np.int32))
    return zoomed, zoomed_labels
