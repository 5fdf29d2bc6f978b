"""Objects that other pictures show, found by any engine of the compact model: a picture is read as a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from seem_model.compact.config import STRIDE
from seem_model.errors import ModelInputError
from seem_model.video_model import PromptKind, PromptMaps, ReferencePicture, VideoModel


def masks_of_descriptions(
    model: VideoModel, features: Any, grid: tuple[int, int], descriptions: Sequence[str | ReferencePicture]
) -> np.ndarray:
    """Masks (N, h, w) of the described objects in a view whose stride-16 grid is `grid`.

    Raises:
        ModelInputError: An object is described in words, or its picture marks nothing.
    """
    return np.concatenate([_look_up(model, features, grid, description) for description in descriptions])


def _look_up(
    model: VideoModel, features: Any, grid: tuple[int, int], description: str | ReferencePicture
) -> np.ndarray:
    if isinstance(description, str):
        raise ModelInputError(
            f"the compact model does not support text ({description!r}); a text prompt needs a SEEM checkpoint: "
            "--model seem-focalt-v1"
        )
    if not description.mask.any():
        raise ModelInputError("the referring image marks no pixel; draw its stroke or mask on the object")
    rows, columns = grid
    picture, mask = _fit(description, (rows * STRIDE, columns * STRIDE))
    seen = model.encode_images([picture])[0]
    cover = cv2.resize(mask.astype(np.float32), seen.mask_size[::-1], interpolation=cv2.INTER_AREA)[None]
    if description.kind is not PromptKind.MASK:
        cover = model.masks_from_prompts(seen, [PromptMaps(cover[0], np.zeros_like(cover[0]), description.kind)])
    memory = model.encode_memory(seen, cover, pinned=True)
    reference = model.encode_reference(seen, cover)
    logits = model.decode(features, [memory], reference, np.zeros_like(cover), shifts=None).mask_logits
    answer: np.ndarray = 1 / (1 + np.exp(-logits))
    return answer


def _fit(shown: ReferencePicture, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 and its mask (H, W) bool, scaled to fit into `size`, in its middle, on grey.

    The read-out of memory compares grids of one size, and an object must keep its shape to be found.
    """
    height, width = shown.mask.shape
    scale = min(size[0] / height, size[1] / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    inside = slice(top, top + rows), slice(left, left + columns)
    picture = np.full((*size, 3), 128, np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture[inside] = cv2.resize(shown.rgb, (columns, rows), interpolation=interpolation)
    mask = np.zeros(size, bool)
    mask[inside] = cv2.resize(shown.mask.astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST_EXACT) > 0
    return picture, mask
