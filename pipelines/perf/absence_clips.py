"""Clips in which an object leaves the view and comes back, with exact masks of every frame.

An object cut out of a picture slides out at one side of a moving ground, stays away, and slides in at the other side.
Look-alikes (the same cutout, mirrored, smaller and darker) can stay in view all the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.training.mix import list_stills
from pipelines.training.stills import IGNORED_ID

TARGET = 1
# Frames that the object takes to slide out of the picture, or in.
_CROSSING = 6
_LONGEST_SIDE = 480


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object: (h, w, 3) uint8 RGB, and (h, w) bool where it is. The mask touches all four borders."""

    rgb: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class AbsenceClip:
    """A clip and its ground truth.

    Attributes:
        frames: T arrays (H, W, 3) uint8 RGB.
        labels: T arrays (H, W) uint8: `TARGET`, 2, 3 ... for the look-alikes, 0 for the ground.
        gone: First frame without a pixel of the target.
        back: First frame with at least half of the target in view again.
    """

    frames: list[np.ndarray]
    labels: list[np.ndarray]
    gone: int
    back: int


def make_clip(
    ground: np.ndarray,
    cutout: Cutout,
    *,
    look_alikes: int = 0,
    size: tuple[int, int] = (320, 240),
    before: int = 20,
    away: int = 20,
    after: int = 20,
) -> AbsenceClip:
    """Composes a clip; the same arguments give the same clip.

    Args:
        ground: (h, w, 3) uint8 RGB picture that the view pans over.
        cutout: The object.
        look_alikes: How many objects like it stay in view.
        size: (width, height) of the clip.
        before, away, after: Frames with the target in view, without a pixel of it, and with it again.
    """
    width, height = size
    wide = cv2.resize(ground, (width + 32, height + 16), interpolation=cv2.INTER_AREA)
    main = _scaled(cutout, 0.42 * height)
    other = _scaled(_alike(cutout), 0.36 * height)
    leave, enter = before - _CROSSING, before + away - 1
    count = before + away + after
    frames: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for t in range(count):
        x, y = 16 + round(15 * np.sin(t / 9)), 8 + round(7 * np.cos(t / 7))
        frame = np.ascontiguousarray(wide[y : y + height, x : x + width])
        label = np.zeros((height, width), np.uint8)
        for number in range(look_alikes):
            place = (number + 1) / (look_alikes + 1)
            _paint(frame, label, other, TARGET + 1 + number, width * place + 5 * np.sin(t / 6 + number), height * 0.75)
        half = main.mask.shape[1] / 2
        home_x, home_y = width * 0.5 + 0.1 * width * np.sin(t / 8), height * (0.35 + 0.06 * np.cos(t / 5))
        if t < before:
            share = max(0.0, (t - leave + 1) / (_CROSSING + 1))
            _paint(frame, label, main, TARGET, home_x + share * (width + half + 2 - home_x), home_y)
        elif t >= before + away:
            share = max(0.0, 1 - (t - enter) / (_CROSSING + 1))
            _paint(frame, label, main, TARGET, home_x - share * (half + 2 + home_x), home_y)
        frames.append(frame)
        labels.append(label)
    areas = [int((label == TARGET).sum()) for label in labels]
    back = next(t for t in range(before + away, count) if areas[t] >= areas[0] / 2)
    return AbsenceClip(frames, labels, areas.index(0), back)


def drawn_material(seed: int) -> tuple[np.ndarray, Cutout]:
    """A ground and an object of random texture and shape, for use without pictures."""
    rng = np.random.default_rng(seed)
    ground = _texture(rng, 300, 400, rng.uniform(60, 130, 3))
    side = 128
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = side * (0.36 + 0.1 * np.sin(2 * angles + rng.uniform(0, 6)) + 0.04 * np.sin(5 * angles))
    outline = np.stack([side / 2 + radii * np.cos(angles), side / 2 + radii * np.sin(angles)], 1)
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
    return ground, _cropped(_texture(rng, side, side, rng.uniform(120, 220, 3)), mask > 0)


def material_from_stills(root: Path, count: int, seed: int) -> Iterator[tuple[np.ndarray, Cutout]]:
    """Grounds and whole objects from pictures with instance masks (`<root>/<source>/images` and `masks`).

    Raises:
        TrainingDataError: The folder holds no such pictures.
    """
    stills = [still for still in list_stills(root) if not still.parts]
    rng = np.random.default_rng(seed)
    given = 0
    for number in rng.permutation(len(stills)):
        rgb, labels = stills[number].load(_LONGEST_SIDE, rng)
        ids, areas = np.unique(labels[(labels > 0) & (labels != IGNORED_ID)], return_counts=True)
        share = areas / labels.size
        usable = [i for i, part in zip(ids, share, strict=True) if 0.04 < part < 0.4 and _is_inside(labels == i)]
        if not usable:
            continue
        ground, _ = stills[int(rng.integers(len(stills)))].load(_LONGEST_SIDE, rng)
        yield ground, _cropped(rgb, labels == usable[0])
        given += 1
        if given == count:
            return


def _is_inside(mask: np.ndarray) -> bool:
    """Whether an object does not touch the border of its picture, where it would be cut off."""
    return not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _cropped(rgb: np.ndarray, mask: np.ndarray) -> Cutout:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cutout(np.ascontiguousarray(rgb[box]), np.ascontiguousarray(mask[box]))


def _scaled(cutout: Cutout, longest: float) -> Cutout:
    scale = longest / max(cutout.mask.shape)
    size = (max(8, round(cutout.mask.shape[1] * scale)), max(8, round(cutout.mask.shape[0] * scale)))
    mask = cv2.resize(cutout.mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
    return Cutout(cv2.resize(cutout.rgb, size, interpolation=cv2.INTER_AREA), mask > 0)


def _alike(cutout: Cutout) -> Cutout:
    darker = (cutout.rgb[:, ::-1].astype(np.float32) * 0.85).astype(np.uint8)
    return Cutout(np.ascontiguousarray(darker), np.ascontiguousarray(cutout.mask[:, ::-1]))


def _paint(frame: np.ndarray, label: np.ndarray, cutout: Cutout, number: int, x: float, y: float) -> None:
    """Puts a cutout with its centre at (x, y), in place; what lies outside of the frame is cut off."""
    height, width = cutout.mask.shape
    left, top = round(x - width / 2), round(y - height / 2)
    x0, x1 = max(0, left), min(frame.shape[1], left + width)
    y0, y1 = max(0, top), min(frame.shape[0], top + height)
    if x0 >= x1 or y0 >= y1:
        return
    inside = cutout.mask[y0 - top : y1 - top, x0 - left : x1 - left]
    frame[y0:y1, x0:x1][inside] = cutout.rgb[y0 - top : y1 - top, x0 - left : x1 - left][inside]
    label[y0:y1, x0:x1][inside] = number


def _texture(rng: np.random.Generator, height: int, width: int, tint: np.ndarray) -> np.ndarray:
    layers = np.zeros((height, width, 3), np.float32)
    for cell, strength in ((40, 24.0), (10, 16.0), (3, 6.0)):
        noise = rng.normal(size=(height // cell + 2, width // cell + 2, 3)).astype(np.float32) * strength
        layers += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    result: np.ndarray = np.clip(layers + tint, 0, 255).astype(np.uint8)
    return result
