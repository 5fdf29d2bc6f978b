"""Small masks and data sets on disk for the tests of the scorer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

PALETTE = np.random.default_rng(5).integers(0, 256, 768, dtype=np.uint8).tobytes()


def save_labels(path: Path, labels: np.ndarray) -> None:
    """Writes a palette PNG and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette(PALETTE)
    image.save(path)


def save_sequence(folder: Path, volume: np.ndarray, stems: list[str] | None = None) -> None:
    """Writes (T, H, W) labels as <folder>/00000.png, ... or under the given stems."""
    for index, labels in enumerate(volume):
        save_labels(folder / f"{stems[index] if stems else f'{index:05d}'}.png", labels)


def moving_boxes(frames: int, objects: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(T, H, W) uint8: boxes 1..objects side by side, all of which drift to the right."""
    volume = np.zeros((frames, height, width), np.uint8)
    step = width // (objects + 1)
    for t in range(frames):
        for k in range(objects):
            volume[t, 8 + k : 30 + k, 4 + k * step + t : k * step + t + step] = k + 1
    return volume


def save_davis17(root: Path, sequences: dict[str, np.ndarray], split: str = "val", kind: str = "Annotations") -> None:
    """Writes a data set in DAVIS-2017 layout."""
    for name, volume in sequences.items():
        save_sequence(root / kind / "480p" / name, volume)
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{split}.txt").write_text("\n".join(sequences) + "\n", encoding="utf-8")


def save_images(folder: Path, frames: int, height: int = 48, width: int = 64) -> None:
    """Writes plain grey JPEGs 00000.jpg, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(frames):
        Image.new("RGB", (width, height), (90, 90, 90)).save(folder / f"{index:05d}.jpg")
