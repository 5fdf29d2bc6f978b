"""What a training picture is, whatever it was read from.

Readers, each a file of its own: `read_folders` (pictures beside label PNGs), `read_coco` (COCO instances),
`read_regions` (pictures without labels). `mix` puts sources together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vos.errors import VosError

IGNORED_ID = 255
"""Label of pixels of unknown content: never a target, and not used as background."""

MAX_INSTANCES = 254


class TrainingDataError(VosError):
    """Training data that cannot be used; the message names the folder or file."""


@dataclass(frozen=True, slots=True)
class Still(ABC):
    """One picture with instances.

    Attributes:
        image: The picture file.
        weight: How often this picture is drawn, relative to others.
        parts: The ids are parts of one thing: the union of all is the object more often than a part is.
    """

    image: Path
    weight: float
    parts: bool

    @abstractmethod
    def labels(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W) uint8 of the picture's size: 0 background, 1..254 instances, 255 ignored.

        Args:
            rgb: (H, W, 3) uint8, the whole picture.
            rng: Only for readers that invent instances; the others leave it untouched.
        """

    def load(self, longest_side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(h, w, 3) uint8 RGB and (h, w) uint8 labels, reduced so that the longer side is at most `longest_side`.

        Raises:
            TrainingDataError: The picture or its labels cannot be read, or their sizes differ.
        """
        bgr = cv2.imread(str(self.image), cv2.IMREAD_COLOR)
        if bgr is None:
            raise TrainingDataError(f"{self.image}: not a readable image")
        labels = self.labels(bgr[:, :, ::-1], rng)
        scale = longest_side / max(labels.shape)
        if scale < 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            labels = cv2.resize(labels, (bgr.shape[1], bgr.shape[0]), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(bgr[:, :, ::-1]), labels


def pictures_in(folder: Path) -> list[Path]:
    """The files of a folder, in a fixed order.

    Raises:
        TrainingDataError: There is no such folder, or it is empty.
    """
    if not folder.is_dir():
        raise TrainingDataError(f"{folder}: no such folder of pictures")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise TrainingDataError(f"{folder}: holds no pictures")
    return files
