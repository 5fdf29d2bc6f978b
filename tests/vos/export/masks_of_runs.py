"""What a reader of any format should find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Masks = dict[int, dict[int, np.ndarray]]


def masks_of(maps: Sequence[np.ndarray]) -> Masks:
    """Object id -> frame -> (H, W) bool, where the object has pixels."""
    masks: Masks = {}
    for index, labels in enumerate(maps):
        for object_id in np.unique(labels[labels > 0]):
            masks.setdefault(int(object_id), {})[index] = labels == object_id
    return masks


def assert_same_masks(found: Masks, expected: Masks) -> None:
    assert {i: sorted(frames) for i, frames in found.items()} == {i: sorted(frames) for i, frames in expected.items()}
    for object_id, frames in expected.items():
        for index, mask in frames.items():
            assert np.array_equal(found[object_id][index], mask), (object_id, index)
