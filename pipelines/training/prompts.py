"""Samples what a user might draw: points, a stroke, a box or a polygon for an object."""

from __future__ import annotations

import cv2
import numpy as np

from seem_model.video_model import PromptKind

DRAWN_KINDS = (PromptKind.POINTS, PromptKind.STROKE, PromptKind.BOX, PromptKind.POLYGON)
_KIND_PROBABILITIES = (0.25, 0.4, 0.2, 0.15)


def draw_prompt(
    mask: np.ndarray, rng: np.random.Generator, kind: PromptKind | None = None
) -> tuple[np.ndarray, np.ndarray, PromptKind]:
    """A random prompt for a (S, S) bool mask -> positive and negative maps (S, S) float32 in [0, 1], and its kind.

    `kind` is drawn too unless it is given: points, stroke, box or polygon.
    """
    if kind is None:
        kind = DRAWN_KINDS[int(rng.choice(len(DRAWN_KINDS), p=_KIND_PROBABILITIES))]
    positive = np.zeros(mask.shape, np.float32)
    negative = np.zeros(mask.shape, np.float32)
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return positive, negative, kind
    if kind is PromptKind.POINTS:
        _dots(positive, _inner_points(mask, int(rng.integers(1, 4)), rng))
        if rng.random() < 0.4:
            _dots(negative, _outer_points(mask, int(rng.integers(1, 3)), rng))
    elif kind is PromptKind.STROKE:
        positive = _stroke(mask, rng)
        if rng.random() < 0.15:
            _dots(negative, _outer_points(mask, 2, rng))
    elif kind is PromptKind.BOX:
        jitter = rng.normal(size=4) * 0.02 * max(np.ptp(rows), np.ptp(columns))
        top, bottom = int(rows.min() + jitter[0]), int(rows.max() + jitter[1]) + 1
        left, right = int(columns.min() + jitter[2]), int(columns.max() + jitter[3]) + 1
        positive[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)] = 1
    elif kind is PromptKind.POLYGON:
        positive = _polygon(mask, rng)
    else:
        raise ValueError(f"a {kind.name.lower()} is not sampled")
    return positive, negative, kind


def point_radius(height: int, width: int) -> int:
    """Radius in pixels of the disc that stands for a point: about 1 % of the shorter side, at least 2."""
    return max(2, round(0.012 * min(height, width)))


def _dots(canvas: np.ndarray, points: np.ndarray) -> None:
    radius = point_radius(*canvas.shape)
    for x, y in points:
        cv2.circle(canvas, (int(x), int(y)), radius, 1.0, -1)


def _inner_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 2) xy inside the mask, more likely away from its edge."""
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(mask)
    weight = depth[rows, columns] ** float(rng.uniform(0.5, 3))
    chosen = rng.choice(len(rows), count, p=weight / weight.sum())
    return np.stack([columns[chosen], rows[chosen]], 1)


def _outer_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    rows, columns = np.nonzero(~mask)
    if len(rows) == 0:
        return np.zeros((0, 2), int)
    chosen = rng.choice(len(rows), count)
    return np.stack([columns[chosen], rows[chosen]], 1)


def _stroke(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A hand-drawn line inside the mask: a smooth path through a few inner points, sometimes a little outside."""
    points = _inner_points(mask, int(rng.integers(2, 6)), rng).astype(np.float32)
    # Visit the points along the longest direction of the object: people draw strokes, not scribbled stars.
    axis = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][0]
    points = points[np.argsort(points @ axis)]
    steps = np.linspace(0, len(points) - 1, 24)
    path = np.stack([np.interp(steps, np.arange(len(points)), points[:, i]) for i in range(2)], 1)
    path = path + cv2.GaussianBlur(rng.normal(size=(24, 2)).astype(np.float32), (1, 7), 0) * 1.5
    canvas = np.zeros(mask.shape, np.float32)
    width = int(rng.integers(2, max(3, mask.shape[0] // 28)))
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1.0, width)
    if rng.random() < 0.85:
        inside: np.ndarray = canvas * mask
        if inside.sum() >= 6:
            return inside
    return canvas


def _polygon(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A coarse outline of the mask's largest part."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    tolerance = float(rng.uniform(0.005, 0.04)) * cv2.arcLength(contour, True)
    corners = cv2.approxPolyDP(contour, tolerance, True).astype(np.float32)
    corners = corners + rng.normal(size=corners.shape) * 0.008 * mask.shape[0]
    canvas = np.zeros(mask.shape, np.float32)
    if len(corners) >= 3:
        cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1.0)
    return canvas if canvas.any() else mask.astype(np.float32)
