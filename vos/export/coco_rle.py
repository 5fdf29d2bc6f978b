"""One mask as the COCO family writes it: run lengths, area and box."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vos.files.rle import decode_counts, encode_counts


def segment_of(mask: np.ndarray) -> dict[str, Any] | None:
    """RLE, area in pixels and box [x, y, width, height] of an (H, W) bool mask; None when it is empty."""
    area = int(np.count_nonzero(mask))
    if area == 0:
        return None
    rle = {"size": list(mask.shape), "counts": encode_counts(mask)}
    return {"segmentation": rle, "area": area, "bbox": list(cv2.boundingRect(mask.view(np.uint8)))}


def mask_of_segment(rle: dict[str, Any]) -> np.ndarray:
    """(H, W) bool from `{"size": [H, W], "counts": text}`. Raises ValueError, KeyError or TypeError otherwise."""
    height, width = rle["size"]
    return decode_counts(rle["counts"], width, height)
