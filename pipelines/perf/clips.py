"""Clips for measuring: textured discs that circle over a textured ground, with the masks of their first frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from vos.prompts import Mask
from vos.video import VideoEncoder

_TINTS = ((210, 70, 60), (70, 90, 215), (220, 200, 70), (190, 90, 200), (80, 200, 210))


def draw_frames(width: int, height: int, count: int, objects: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields (H, W, 3) uint8 frames with their (H, W) uint8 labels 1..objects, one at a time."""
    rng = np.random.default_rng(7)
    ground = _texture(rng, height + 64, width + 64, (80, 110, 80))
    skins = [_texture(rng, height, width, _TINTS[number % len(_TINTS)]) for number in range(objects)]
    radius = int(0.13 * height)
    for t in range(count):
        drift = int(16 + 15 * np.sin(t / 40))
        frame = np.ascontiguousarray(ground[drift : drift + height, 32 : 32 + width])
        labels = np.zeros((height, width), np.uint8)
        for number in range(objects):
            phase = t / 30 + 2 * np.pi * number / objects
            x = int(width * (0.5 + 0.32 * np.cos(phase)))
            y = int(height * (0.5 + 0.28 * np.sin(phase)))
            disc = np.zeros((height, width), np.uint8)
            cv2.circle(disc, (x, y), radius, 1, -1)
            cv2.copyTo(skins[number], disc, frame)
            labels[disc > 0] = number + 1
        yield frame, labels


def write_clip(path: Path, width: int, height: int, count: int, objects: int) -> list[Mask]:
    """Writes the clip at 25 frames per second and returns the mask prompts of its first frame."""
    prompts: list[Mask] = []
    time_base = Fraction(1, 12800)
    with VideoEncoder(path, width=width, height=height, time_base=time_base, average_rate=Fraction(25)) as encoder:
        for index, (frame, labels) in enumerate(draw_frames(width, height, count, objects)):
            if index == 0:
                prompts = [Mask(labels == number + 1, object_id=number + 1) for number in range(objects)]
            encoder.write(frame, index * 512)
    return prompts


def _texture(rng: np.random.Generator, height: int, width: int, tint: tuple[int, int, int]) -> np.ndarray:
    layers = np.zeros((height, width, 3), np.float32)
    for cell, strength in ((48, 18.0), (12, 10.0), (3, 5.0)):
        noise = rng.normal(size=(height // cell + 2, width // cell + 2, 3)).astype(np.float32) * strength
        layers += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(layers + np.array(tint, np.float32), 0, 255).astype(np.uint8)
