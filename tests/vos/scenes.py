"""Synthetic scenes with exact masks: textured shapes that move over a textured ground."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from vos.video import VideoEncoder


@dataclass(frozen=True)
class Scene:
    """frames: T arrays (H, W, 3) uint8. masks: object id -> T arrays (H, W) bool."""

    frames: list[np.ndarray]
    masks: dict[int, list[np.ndarray]]


def _texture(rng: np.random.Generator, height: int, width: int, tint: tuple[int, int, int]) -> np.ndarray:
    coarse = rng.normal(size=(height // 12 + 2, width // 12 + 2, 3)).astype(np.float32) * 22
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + np.array(tint), 0, 255).astype(np.uint8)


@cache
def moving_shapes(
    count: int = 12, objects: int = 1, height: int = 120, width: int = 160, gone: tuple[int, int] | None = None
) -> Scene:
    """Discs of different colours that drift; the first one is out of view in frames gone[0]..gone[1]-1."""
    rng = np.random.default_rng(5)
    ground = _texture(rng, height + 40, width + 40, (70, 110, 60))
    tints = [(200, 60, 50), (60, 80, 210), (220, 200, 60)]
    skins = [_texture(rng, height, width, tint) for tint in tints[:objects]]
    frames: list[np.ndarray] = []
    masks: dict[int, list[np.ndarray]] = {i + 1: [] for i in range(objects)}
    rows, columns = np.mgrid[0:height, 0:width]
    for t in range(count):
        frame = ground[10 + t % 3 : 10 + t % 3 + height, 5 + t // 2 : 5 + t // 2 + width].copy()
        for number in range(objects):
            center_x = width * (0.25 + 0.25 * number) + 2.2 * t
            center_y = height * (0.35 + 0.15 * number) + 1.1 * t * (-1) ** number
            radius = height * 0.16
            mask = (rows - center_y) ** 2 + (columns - center_x) ** 2 <= radius**2
            if number == 0 and gone is not None and gone[0] <= t < gone[1]:
                mask = np.zeros_like(mask)
            for earlier in range(number):
                masks[earlier + 1][t] &= ~mask
            frame[mask] = skins[number][mask]
            masks[number + 1].append(mask)
        frames.append(np.ascontiguousarray(frame))
    return Scene(frames, masks)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union; 1 when both are empty."""
    union = np.logical_or(a, b).sum()
    return float(np.logical_and(a, b).sum() / union) if union else 1.0


def write_at_a_variable_rate(scene: Scene, path: Path) -> Path:
    """The scene as a video whose frames are 33 to 47 ms apart."""
    height, width = scene.frames[0].shape[:2]
    with VideoEncoder(path, width=width, height=height, time_base=Fraction(1, 1000), crf=10) as encoder:
        for index, frame in enumerate(scene.frames):
            encoder.write(frame, index * 40 + (index % 3) * 7)
    return path
