"""Masks of one frame as stored on disk, and the bit planes that the scorer takes from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np

from eval.errors import MaskFileError
from eval.png import read_labels

VOID_LABEL = 255

MaskKind = Literal["labels", "binary", "per-object"]
"""labels: one PNG a frame, the pixel value is the object id. binary: one PNG a frame, 0 and one other value.
per-object: one binary PNG per object and frame, in a folder per object, so that objects may overlap."""

Window = tuple[slice, slice]


class FrameMasks(Protocol):
    """All masks of one frame, from one side (ground truth or prediction)."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""

    @property
    def max_id(self) -> int:
        """The highest object id that has a pixel; 0 if none has."""

    def support(self) -> np.ndarray:
        """(H, W) array that is non-zero wherever some mask is."""

    def mask(self, object_id: int) -> np.ndarray:
        """(H, W) uint8: 1 where the object is, 0 elsewhere."""

    def planes(self, ids: tuple[int, ...], window: Window) -> np.ndarray:
        """(h, w) uint8 inside `window`: bit k is the mask of ids[k]; at most eight ids."""

    def without(self, void: np.ndarray) -> FrameMasks:
        """The same masks with the pixels of `void`, (H, W) bool, taken out."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """Masks given by one index map: (H, W) uint8 or uint16, 0 is background."""

    labels: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def max_id(self) -> int:
        return int(self.labels.max())

    def support(self) -> np.ndarray:
        return self.labels

    def mask(self, object_id: int) -> np.ndarray:
        result: np.ndarray = (self.labels == object_id).view(np.uint8)
        return result

    def planes(self, ids: tuple[int, ...], window: Window) -> np.ndarray:
        labels = self.labels[window]
        planes = np.zeros(labels.shape, np.uint8)
        for bit, object_id in enumerate(ids):
            planes |= (labels == object_id).view(np.uint8) * np.uint8(1 << bit)
        return planes

    def without(self, void: np.ndarray) -> LabelMap:
        return LabelMap(np.where(void, np.uint8(0), self.labels))


@dataclass(frozen=True, slots=True, eq=False)
class MaskStack:
    """Masks given one by one, which may overlap: (H, W) uint8 arrays of 0 and 1 by object id."""

    shape: tuple[int, int]
    masks: dict[int, np.ndarray]

    @property
    def max_id(self) -> int:
        return max((object_id for object_id, mask in self.masks.items() if mask.any()), default=0)

    def support(self) -> np.ndarray:
        support = np.zeros(self.shape, np.uint8)
        for mask in self.masks.values():
            support |= mask
        return support

    def mask(self, object_id: int) -> np.ndarray:
        return self.masks[object_id] if object_id in self.masks else np.zeros(self.shape, np.uint8)

    def planes(self, ids: tuple[int, ...], window: Window) -> np.ndarray:
        planes: np.ndarray = np.zeros(self.shape, np.uint8)[window]
        for bit, object_id in enumerate(ids):
            planes |= self.mask(object_id)[window] * np.uint8(1 << bit)
        return planes

    def without(self, void: np.ndarray) -> MaskStack:
        return MaskStack(
            self.shape, {object_id: np.where(void, np.uint8(0), mask) for object_id, mask in self.masks.items()}
        )


def window_of(support: np.ndarray) -> Window | None:
    """The part of the frame that counting has to look at; None if there is nothing.

    The bounding box of all masks, one pixel wider: boundary pixels are at most one pixel above or left of a mask, and a
    pixel of background to its right and below distinguishes a mask that ends from one that touches the frame's edge.
    """
    if support.dtype != np.uint8:
        support = (support != 0).view(np.uint8)
    x, y, width, height = cv2.boundingRect(support)
    if width == 0:
        return None
    return slice(max(y - 1, 0), y + height + 1), slice(max(x - 1, 0), x + width + 1)


def _file_names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_file()]


@dataclass(frozen=True, slots=True)
class SequenceMasks:
    """The masks of one sequence on disk.

    Attributes:
        folder: For per-object masks the parent of the object folders, otherwise the folder of the PNGs.
        kind: How masks are stored.
        object_folder: Format of an object folder's name from its id (per-object masks only).
        truth: Ground truth; any non-zero value of a binary mask counts, and an object without a file is absent.
    """

    folder: Path
    kind: MaskKind
    object_folder: str = "{:03d}"
    truth: bool = False

    def names(self, stem: str, ids: tuple[int, ...]) -> tuple[str, ...]:
        """The files that hold the masks of the objects `ids` in frame `stem`, relative to `folder`."""
        if self.kind == "per-object":
            return tuple(f"{self.object_folder.format(object_id)}/{stem}.png" for object_id in ids)
        return (f"{stem}.png",)

    def files(self, stem: str, ids: tuple[int, ...]) -> tuple[Path, ...]:
        """The files that hold the masks of the objects `ids` in frame `stem`."""
        return tuple(self.folder / name for name in self.names(stem, ids))

    def existing(self) -> frozenset[str]:
        """Names of the files there are, relative to `folder`, in the form of `names`."""
        if self.kind != "per-object":
            return frozenset(_file_names(self.folder))
        folders = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        return frozenset(f"{name}/{file}" for name in folders for file in _file_names(self.folder / name))

    def read(self, stem: str, ids: tuple[int, ...], shape: tuple[int, int] | None) -> FrameMasks:
        """Reads the masks of frame `stem`.

        Args:
            stem: File name without ".png".
            ids: Objects wanted; only per-object folders need it.
            shape: Size that the masks must have, and the size of an empty result where a file is absent.
                None takes the size of the file and makes an absent file an error.

        Raises:
            FileNotFoundError: `shape` is None and a file is absent.
            MaskFileError: A file is unreadable, of another size, or not binary where it must be.
        """
        if self.kind != "per-object":
            path = self.files(stem, ids)[0]
            if shape is not None and not path.exists():
                return LabelMap(np.zeros(shape, np.uint8))
            return LabelMap(self._read_one(path, shape))
        masks: dict[int, np.ndarray] = {}
        for object_id, path in zip(ids, self.files(stem, ids), strict=True):
            if path.exists():
                labels = self._read_one(path, shape)
                shape = (labels.shape[0], labels.shape[1])
                masks[object_id] = labels
        if shape is None:
            raise FileNotFoundError(f"{self.folder}: no object has a mask for frame {stem}")
        return MaskStack(shape, masks)

    def _read_one(self, path: Path, shape: tuple[int, int] | None) -> np.ndarray:
        labels = read_labels(path)
        if shape is not None and labels.shape != shape:
            raise MaskFileError(
                f"{path}: {labels.shape[1]}x{labels.shape[0]} pixels, but the ground truth of this frame has "
                f"{shape[1]}x{shape[0]}; write predictions at the size of the annotation"
            )
        if self.kind == "labels":
            return labels
        # Ground truth counts wherever it is not 0; a prediction must be unambiguous.
        return (labels != 0).view(np.uint8) if self.truth else _binary(path, labels)


def _binary(path: Path, labels: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of 0 and 1 from a mask of 0 and either 1 or 255; anything else is refused."""
    highest = int(labels.max())
    mask: np.ndarray = (labels == max(highest, 1)).view(np.uint8)
    if highest in (0, 1, VOID_LABEL) and cv2.countNonZero(mask) == cv2.countNonZero(labels):
        return mask
    values = [int(value) for value in np.unique(labels)]
    shown = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
    raise MaskFileError(
        f"{path}: holds the values {shown}; a single-object mask may hold 0 and either 1 or 255. "
        "Threshold soft masks and merge objects before scoring"
    )
