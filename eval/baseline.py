"""J and F by the published definition, with the data flow of davis2017-evaluation: the reference for speed.

All masks of a sequence are read into float64 volumes, split into one boolean volume per object, and compared frame by
frame over the whole image; void pixels (255) are taken out of the ground truth into a volume of their own, which the
semi-supervised task then leaves empty. Own code, checked equal to the reference numbers. Nothing else in the package
uses it; `vos perf eval` times it and tests compare with it.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from eval.masks import VOID_LABEL
from eval.measures import BOUNDARY_TOLERANCE


def score_sequence(truth: list[Path], predictions: list[Path], objects: int) -> tuple[np.ndarray, np.ndarray]:
    """J and F of the objects 1..`objects` in the frames given by two lists of label PNGs of the same length.

    Returns:
        j, f: (objects, T) float64.
    """
    true_labels = _read_volume(truth)
    void = np.zeros_like(true_labels)
    for index, labels in enumerate(true_labels):
        void[index] = labels == VOID_LABEL
        labels[labels == VOID_LABEL] = 0
    true_masks = _object_volumes(true_labels, objects)
    predicted_masks = _object_volumes(_read_volume(predictions), objects)
    not_scored = np.zeros(true_labels.shape, bool)
    pairs = list(zip(predicted_masks, true_masks, strict=True))
    j = np.array([region_similarity(predicted, true, not_scored) for predicted, true in pairs])
    f = np.array([[boundary_measure(*frame) for frame in zip(*pair, not_scored, strict=True)] for pair in pairs])
    return j, f


def _read_volume(paths: list[Path]) -> np.ndarray:
    """(T, H, W) float64 label maps."""
    volume = np.zeros((len(paths), *np.array(Image.open(paths[0])).shape))
    for index, path in enumerate(paths):
        volume[index] = np.array(Image.open(path))
    return volume


def _object_volumes(labels: np.ndarray, objects: int) -> np.ndarray:
    """(objects, T, H, W) bool: where each id stands in the label maps."""
    ids = np.ones((objects, *labels.shape)) * np.arange(1, objects + 1)[:, None, None, None]
    masks: np.ndarray = (ids == labels[None]) > 0
    return masks


def region_similarity(predicted: np.ndarray, true: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Intersection over union of (T, H, W) bool volumes outside void, frame by frame; 1 where both are empty."""
    predicted, true, void = predicted.astype(bool), true.astype(bool), void.astype(bool)
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
    right, lower, lower_right = np.zeros_like(mask), np.zeros_like(mask), np.zeros_like(mask)
    right[:, :-1] = mask[:, 1:]
    lower[:-1] = mask[1:]
    lower_right[:-1, :-1] = mask[1:, 1:]
    edge: np.ndarray = (mask ^ right) | (mask ^ lower) | (mask ^ lower_right)
    edge[-1] = mask[-1] ^ right[-1]
    edge[:, -1] = mask[:, -1] ^ lower[:, -1]
    edge[-1, -1] = False
    return edge
