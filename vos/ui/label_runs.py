"""Label maps on their way to the browser: runs of equal labels, exact for any id, and small because masks are runs."""

from __future__ import annotations

import cv2
import numpy as np


def pack_labels(labels: np.ndarray, shown: tuple[int, int]) -> bytes:
    """Runs of a label map in row order, across row ends.

    Args:
        labels: (H, W) integer ids 0..65535.
        shown: (width, height) to give; other sizes are sampled without mixing ids.

    Returns:
        Little-endian uint32: width, height, then one number per run: the id in the upper 16 bits and the length in the
        lower 16. Runs longer than 65535 pixels are split.
    """
    if (labels.shape[1], labels.shape[0]) != shown:
        labels = cv2.resize(labels.astype(np.uint16), shown, interpolation=cv2.INTER_NEAREST_EXACT)
    flat = labels.ravel().astype(np.uint32)
    starts = np.flatnonzero(np.diff(flat)) + 1
    starts = np.union1d(np.concatenate([[0], starts]), np.arange(0, flat.size, 0xFFFF))
    lengths = np.diff(np.append(starts, flat.size))
    runs = (flat[starts] << np.uint32(16)) | lengths.astype(np.uint32)
    return np.concatenate([np.array(shown, np.uint32), runs]).astype("<u4").tobytes()
