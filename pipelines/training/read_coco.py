"""COCO instance annotations: one JSON with polygons or run lengths, and a folder of pictures.

Format: https://cocodataset.org/#format-data. Crowd regions (`iscrowd`) become the ignored label. Where instances
overlap, the smaller one lies on top: in COCO that is nearly always the one in front.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from pipelines.training.stills import IGNORED_ID, MAX_INSTANCES, Still, TrainingDataError
from vos.files.rle import decode_counts, mask_of_runs

# Polygons are filled at this multiple of the picture's size: OpenCV fills every pixel that a border touches.
_FINE = 4
# Fractional bits of the corners' coordinates there.
_SHIFT = 4


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask as COCO run lengths: a list, or the compressed string."""

    counts: tuple[int, ...] | str
    height: int
    width: int

    def paint(self, shape: tuple[int, int]) -> np.ndarray:
        """(H, W) bool. Raises ValueError if the runs are damaged or of another size."""
        if (self.height, self.width) != shape:
            raise ValueError(f"run lengths of {self.width}x{self.height} on a picture of {shape[1]}x{shape[0]}")
        if isinstance(self.counts, str):
            return decode_counts(self.counts, self.width, self.height)
        return mask_of_runs(self.counts, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask as the union of polygons, each (N, 2) float32 xy; pixel i spans i..i+1, as in COCO."""

    polygons: tuple[np.ndarray, ...]

    def paint(self, shape: tuple[int, int]) -> np.ndarray:
        """(H, W) bool."""
        mask = np.zeros(shape, bool)
        for polygon in self.polygons:
            left, top = np.clip(np.floor(polygon.min(0)).astype(int), 0, (shape[1], shape[0]))
            right, bottom = np.clip(np.ceil(polygon.max(0)).astype(int), 0, (shape[1], shape[0]))
            if left >= right or top >= bottom:
                continue
            fine = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.uint8)
            # OpenCV has pixel i's centre at i, COCO at i + 0.5.
            corners = np.round(((polygon - (left, top)) * _FINE - 0.5) * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(fine, [corners], 255, shift=_SHIFT)
            cover = cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
            mask[top:bottom, left:right] |= cover > 127
        return mask


@dataclass(frozen=True, slots=True)
class CocoStill(Still):
    """A picture whose instances come from a COCO file."""

    instances: tuple[RunLengths | Outline, ...]
    crowds: tuple[RunLengths | Outline, ...]

    def labels(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        shape = (rgb.shape[0], rgb.shape[1])
        labels = np.zeros(shape, np.uint8)
        try:
            for crowd in self.crowds:
                labels[crowd.paint(shape)] = IGNORED_ID
            masks = sorted((instance.paint(shape) for instance in self.instances), key=lambda mask: -int(mask.sum()))
        except ValueError as error:
            raise TrainingDataError(f"{self.image}: its COCO annotation is damaged: {error}") from error
        for number, mask in enumerate(masks[:MAX_INSTANCES], 1):
            labels[mask] = number
        return labels


def read_coco_stills(annotations: Path, images: Path, *, weight: float, parts: bool) -> list[Still]:
    """All pictures of a COCO file that have at least one instance which is not a crowd.

    Raises:
        TrainingDataError: The file is not COCO instances, or a picture is missing.
    """
    try:
        content = json.loads(annotations.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{annotations}: not a readable JSON file: {error}") from error
    try:
        names = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
        instances: dict[int, list[RunLengths | Outline]] = defaultdict(list)
        crowds: dict[int, list[RunLengths | Outline]] = defaultdict(list)
        for annotation in content["annotations"]:
            shape = _parse(annotation["segmentation"])
            if shape is not None:
                target = crowds if annotation.get("iscrowd") else instances
                target[int(annotation["image_id"])].append(shape)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrainingDataError(f"{annotations}: not COCO instance annotations ({error!r})") from error
    stills: list[Still] = []
    for image_id in sorted(instances):
        if image_id not in names:
            raise TrainingDataError(f"{annotations}: annotates image {image_id}, which it does not list")
        name = PurePosixPath(names[image_id])
        if name.is_absolute() or ".." in name.parts:
            raise TrainingDataError(f"{annotations}: {name} points out of the folder of pictures")
        path = images / name
        if not path.is_file():
            raise TrainingDataError(f"{path}: missing, but annotated in {annotations}")
        stills.append(CocoStill(path, weight, parts, tuple(instances[image_id]), tuple(crowds[image_id])))
    if not stills:
        raise TrainingDataError(f"{annotations}: no instance with a mask")
    return stills


def _parse(segmentation: Any) -> RunLengths | Outline | None:
    """None for an annotation without a usable area. Raises for what is not a segmentation."""
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        height, width = (int(side) for side in segmentation["size"])
        return RunLengths(counts if isinstance(counts, str) else tuple(map(int, counts)), height, width)
    flat = [np.asarray(polygon, np.float32) for polygon in segmentation]
    polygons = tuple(corners.reshape(-1, 2) for corners in flat if len(corners) >= 6)
    return Outline(polygons) if polygons else None
