"""Still images with instance masks: `<root>/<source>/images/*` beside `<root>/<source>/masks/*.png`.

Masks are 8-bit PNG: 0 background, 1..254 instances, 255 ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

# How often a source is drawn relative to its size: narrow domains with many near-identical pictures count less.
SOURCE_WEIGHTS = {
    "coco_extra": 3.0,
    "coco128_seg": 3.0,
    "tiny_coco100": 3.0,
    "endangered_animals": 1.0,
    "ccp_clothing_parts": 0.6,
    "indonesian_food": 0.6,
    "building_facade": 0.3,
    "mushrooms": 0.6,
}

# Sources whose ids are parts of one thing: the union of all parts is the object more often than a part is.
PART_SOURCES = frozenset({"ccp_clothing_parts"})

IGNORED_ID = 255


class TrainingDataError(Exception):
    """Training data that cannot be used; the message names the folder or file."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Still:
    """Paths of one image and its instance mask; `parts` says that the ids are parts of one object."""

    image: Path
    mask: Path
    weight: float
    parts: bool


def list_stills(root: Path) -> list[Still]:
    """All image and mask pairs under `root`, in a fixed order.

    Raises:
        TrainingDataError: `root` holds no pair, or an image has no mask.
    """
    stills: list[Still] = []
    for folder in sorted(p for p in root.glob("*") if (p / "images").is_dir()):
        weight = SOURCE_WEIGHTS.get(folder.name, 1.0)
        for image in sorted((folder / "images").iterdir()):
            mask = folder / "masks" / f"{image.stem}.png"
            if not mask.is_file():
                raise TrainingDataError(f"{image}: no mask {mask}; every image needs one")
            stills.append(Still(image, mask, weight, folder.name in PART_SOURCES))
    if not stills:
        raise TrainingDataError(f"{root}: no <source>/images/* with <source>/masks/*.png below this folder")
    return stills


def load_still(still: Still, longest_side: int) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 RGB and (H, W) uint8 labels, reduced so that the longer side is at most `longest_side`."""
    image = cv2.imread(str(still.image), cv2.IMREAD_COLOR)
    labels = cv2.imread(str(still.mask), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise TrainingDataError(f"{still.image}: not a readable image")
    if labels is None or labels.ndim != 2 or labels.shape != image.shape[:2]:
        raise TrainingDataError(f"{still.mask}: not a single-channel mask of the size of {still.image}")
    scale = longest_side / max(labels.shape)
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(image[:, :, ::-1]), labels
