"""Sticks, ropes, chains and wheels for objects that were cut out of still pictures."""

from __future__ import annotations

import cv2
import numpy as np


def add_thin_parts(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gives a cut-out object one to three thin parts: sticks, ropes, chains, wheels.

    Annotated objects in video hold sticks and ropes and ride on wheels; outlines in still-image data fill or omit
    them, so that a model trained on those alone learns to drop whatever is thin.

    Args:
        image: (h, w, 3) uint8.
        mask: (h, w) int32 0/1.
        rng: Decides everything.

    Returns:
        Image and mask, with a margin around them for parts that stick out.
    """
    margin = max(4, round(0.45 * max(mask.shape)))
    image = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
    mask = np.pad(mask.astype(np.uint8), margin)
    rows, columns = np.nonzero(mask)
    extent = float(np.sqrt(np.ptp(rows) * np.ptp(columns) + 1.0))
    for _ in range(int(rng.integers(1, 4))):
        part = np.zeros(mask.shape, np.uint8)
        start = int(rng.integers(len(rows)))
        anchor = np.array([columns[start], rows[start]], float)
        thickness = max(1, round(extent * rng.uniform(0.012, 0.045)))
        if rng.random() < 0.35:
            _draw_wheel(part, anchor, extent * rng.uniform(0.12, 0.3), thickness, rng)
        else:
            _draw_rope(part, anchor, extent * rng.uniform(0.4, 1.1), thickness, rng)
        colour = rng.uniform(0, 255, 3) if rng.random() < 0.5 else np.full(3, rng.choice([15.0, 60.0, 200.0, 245.0]))
        shade = (
            colour
            + cv2.resize(rng.normal(size=(4, 4)), mask.shape[::-1], interpolation=cv2.INTER_CUBIC)[..., None] * 25
        )
        image = np.where(part[..., None] > 0, np.clip(shade, 0, 255), image).astype(np.uint8)
        mask |= part
    return image, mask.astype(np.int32)


def _draw_rope(part: np.ndarray, anchor: np.ndarray, length: float, thickness: int, rng: np.random.Generator) -> None:
    """A straight or slightly curved line through `anchor`; sometimes interrupted, as chains are."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    at = np.linspace(-rng.uniform(0, 0.4), 1, 17)
    sag = rng.normal() * 0.12 if rng.random() < 0.5 else 0.0
    points = anchor + (at[:, None] * along + (sag * at * (1 - at))[:, None] * across) * length
    points = np.round(points).astype(np.int32)
    if rng.random() < 0.2:
        for first, last in zip(points[::2], points[1::2], strict=False):
            cv2.line(part, first.tolist(), last.tolist(), 1, thickness)
    else:
        cv2.polylines(part, [points], False, 1, thickness)


def _draw_wheel(part: np.ndarray, anchor: np.ndarray, radius: float, thickness: int, rng: np.random.Generator) -> None:
    """A ring around a point near `anchor`, seen at an angle, with or without spokes."""
    center = anchor + rng.normal(size=2) * radius * 0.5
    axes = np.array([radius, radius * rng.uniform(0.5, 1)])
    angle = rng.uniform(0, 180)
    at = (round(center[0]), round(center[1]))
    cv2.ellipse(part, at, (max(2, round(axes[0])), max(2, round(axes[1]))), angle, 0, 360, 1, thickness)
    for turn in np.linspace(0, np.pi, int(rng.integers(3, 7)), endpoint=False) if rng.random() < 0.5 else ():
        tilt = np.deg2rad(angle)
        spoke = np.array([np.cos(turn) * axes[0], np.sin(turn) * axes[1]])
        spoke = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) @ spoke
        ends = np.round([center - spoke, center + spoke]).astype(int).tolist()
        cv2.line(part, ends[0], ends[1], 1, max(1, thickness // 2))
