"""Pseudo-objects of pictures without labels: neighbouring image regions, joined at random.

Regions come from a watershed on the picture with seeds on a jittered grid, so that their borders follow edges. A
pseudo-object grows from a random region to the neighbours that look most like it. Every draw of a picture invents
other objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.training.stills import Still, TrainingDataError, pictures_in

# Working size: regions need no finer borders than the clips that are made of them.
_LONGEST_SIDE = 384
_SEEDS_ACROSS = (5, 12)
_OBJECTS = (1, 4)
_REGIONS_PER_OBJECT = (1, 7)


@dataclass(frozen=True, slots=True)
class RegionStill(Still):
    """A picture whose instances are invented anew at every draw."""

    def labels(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        scale = min(1.0, _LONGEST_SIDE / max(rgb.shape[:2]))
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        small = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
        labels = join_regions(small, regions_of(small, rng), rng)
        return cv2.resize(labels, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_NEAREST)


def read_regions(folder: Path, *, weight: float, parts: bool) -> list[Still]:
    """All pictures of a folder, or of its `images` folder; `parts` has no meaning for invented objects.

    Raises:
        TrainingDataError: There is no picture, or `parts` is set.
    """
    if parts:
        raise TrainingDataError(f"{folder}: regions are not parts of one object; leave `parts` out")
    images = folder / "images"
    return [RegionStill(image, weight, False) for image in pictures_in(images if images.is_dir() else folder)]


def regions_of(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) int32 region numbers from 1, without gaps."""
    height, width = rgb.shape[:2]
    cell = max(4.0, max(height, width) / int(rng.integers(*_SEEDS_ACROSS, endpoint=True)))
    markers = np.zeros((height, width), np.int32)
    seeds = 0
    for top in np.arange(0.0, height, cell):
        for left in np.arange(0.0, width, cell):
            y, x = int(top + rng.random() * cell), int(left + rng.random() * cell)
            if y < height and x < width:
                seeds += 1
                cv2.circle(markers, (x, y), 2, seeds, -1)
    if not seeds:
        return np.ones((height, width), np.int32)
    regions: np.ndarray = cv2.watershed(cv2.bilateralFilter(rgb, 5, 30, 5), markers)
    # The watershed marks the lines between regions, and the frame of the picture, with -1: give them to a neighbour.
    lines = regions < 1
    grown = cv2.dilate(np.where(lines, 0, regions).astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    filled: np.ndarray = np.where(lines, grown, regions)
    filled[filled < 1] = 1
    return filled


def join_regions(rgb: np.ndarray, regions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) uint8 labels of a few disjoint pseudo-objects, each a connected group of similar regions."""
    count = int(regions.max()) + 1
    area = np.bincount(regions.ravel(), minlength=count)
    lab = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    sums = [np.bincount(regions.ravel(), lab[:, channel], count) for channel in range(3)]
    colour = np.stack(sums, 1) / np.maximum(area, 1)[:, None]
    touching = _touching(regions, count)
    label_of_region = np.zeros(count, np.uint8)
    for label in range(1, int(rng.integers(*_OBJECTS, endpoint=True)) + 1):
        free = np.flatnonzero((label_of_region == 0) & (area > 0))
        if len(free) == 0:
            break
        group = [int(rng.choice(free))]
        for _ in range(int(rng.integers(*_REGIONS_PER_OBJECT, endpoint=True)) - 1):
            neighbours = np.flatnonzero(touching[group].any(0) & (label_of_region == 0) & (area > 0))
            neighbours = np.setdiff1d(neighbours, group)
            if len(neighbours) == 0:
                break
            distance = np.linalg.norm(colour[neighbours] - colour[group].mean(0), axis=1)
            group.append(int(neighbours[np.argmin(distance)]))
        label_of_region[group] = label
    labels: np.ndarray = label_of_region[regions]
    return labels


def _touching(regions: np.ndarray, count: int) -> np.ndarray:
    """(count, count) bool: which regions share a border."""
    touching = np.zeros((count, count), bool)
    for one, other in ((regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])):
        touching[one.ravel(), other.ravel()] = True
        touching[other.ravel(), one.ravel()] = True
    np.fill_diagonal(touching, False)
    return touching
