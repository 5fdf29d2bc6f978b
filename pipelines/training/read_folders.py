"""Pictures beside label PNGs: `<source>/images/*` and `<source>/masks/*.png` of the same stem.

Masks are 8-bit single-channel PNG: 0 background, 1..254 instances, 255 ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.training.stills import Still, TrainingDataError, pictures_in


@dataclass(frozen=True, slots=True)
class LabelledStill(Still):
    """A picture whose instances are in a PNG file."""

    mask: Path

    def labels(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        labels = cv2.imread(str(self.mask), cv2.IMREAD_UNCHANGED)
        if labels is None or labels.dtype != np.uint8 or labels.shape != rgb.shape[:2]:
            raise TrainingDataError(f"{self.mask}: not an 8-bit single-channel mask of the size of {self.image}")
        return labels


def read_folders(source: Path, *, weight: float, parts: bool) -> list[Still]:
    """All pictures of one source folder.

    Raises:
        TrainingDataError: A picture has no mask, or there is no picture.
    """
    stills: list[Still] = []
    for image in pictures_in(source / "images"):
        mask = source / "masks" / f"{image.stem}.png"
        if not mask.is_file():
            raise TrainingDataError(f"{image}: no mask {mask}; every image needs one")
        stills.append(LabelledStill(image, weight, parts, mask))
    return stills
