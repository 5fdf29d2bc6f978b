"""J and F by the published definition, with the data flow of davis2017-evaluation: the yardstick for speed.

All masks of a sequence are read into float64 volumes, split into one boolean volume per object, and compared frame by
frame over the whole image, with an explicit volume of void pixels (of which this task has none). Own code, checked
equal to the reference numbers. Nothing else in the package uses it; `vos perf eval` times it and tests compare with it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from eval.measures import BOUNDARY_TOLERANCE


def score_sequence(truth: list[Path], predictions: list[Path], objects: int) -> tuple[np.ndarray, np.ndarray]:
    """J and F of the objects 1..`objects` in the frames given by two lists of label PNGs of the same length.

    Returns:
        j, f: (objects, T) float64.
    """
    true_masks, predicted_masks = _object_volumes(truth, objects), _object_volumes(predictions, objects)
    void = np.zeros(true_masks.shape[1:], bool)
    pairs = list(zip(predicted_masks, true_masks, strict=True))
    j = np.array([region_similarity(predicted, true, void) for predicted, true in pairs])
    f = np.array([[boundary_measure(*frame) for frame in zip(*pair, void, strict=True)] for pair in pairs])
    return j, f


def _object_volumes(paths: list[Path], objects: int) -> np.ndarray:
    """(objects, T, H, W) bool: where each id stands in the label maps."""
    first = np.array(Image.open(paths[0]))
    labels = np.zeros((len(paths), *first.shape))
    for index, path in enumerate(paths):
        labels[index] = np.array(Image.open(path))
    ids = np.ones((objects, *labels.shape)) * np.arange(1, objects + 1)[:, None, None, None]
    masks: np.ndarray = ids == labels[None]
    return masks


def region_similarity(predicted: np.ndarray, true: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Intersection over union of (T, H, W) bool volumes outside void, frame by frame; 1 where both are empty."""
    intersection = np.sum((predicted & true) & np.logical_not(void), axis=(-2, -1))
    union = np.sum((predicted | true) & np.logical_not(void), axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        j: np.ndarray = intersection / union
    j[union == 0] = 1
    return j


def boundary_measure(predicted: np.ndarray, true: np.ndarray, void: np.ndarray) -> float:
    """F of two (H, W) bool masks outside void."""
    radius = int(np.ceil(BOUNDARY_TOLERANCE * np.linalg.norm(predicted.shape)))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x * x + y * y <= radius * radius).astype(np.uint8)
    predicted_edge = boundary(predicted * np.logical_not(void))
    true_edge = boundary(true * np.logical_not(void))
    predicted_near = cv2.dilate(predicted_edge.astype(np.uint8), disc)
    true_near = cv2.dilate(true_edge.astype(np.uint8), disc)
    n_predicted, n_true = np.sum(predicted_edge), np.sum(true_edge)
    if n_predicted == 0 and n_true == 0:
        return 1.0
    if n_predicted == 0 or n_true == 0:
        return 0.0
    precision = np.sum(predicted_edge * true_near) / n_predicted
    recall = np.sum(true_edge * predicted_near) / n_true
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


def boundary(mask: np.ndarray) -> np.ndarray:
    """Pixels that differ from their right, lower or lower-right neighbour; (H, W) bool."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, lower, lower_right = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    edge: np.ndarray = (mask ^ right) | (mask ^ lower) | (mask ^ lower_right)
    return edge
