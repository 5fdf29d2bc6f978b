"""Overlaps of all true with all predicted masks of a frame, for scores in which ids need not agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.errors import DatasetError, MaskFileError, MissingPredictionsError
from eval.masks import VOID_LABEL
from eval.png import read_labels


@dataclass(frozen=True, slots=True, eq=False)
class FrameOverlaps:
    """The masks of one frame.

    Attributes:
        true_ids, predicted_ids: (N,) and (M,) int64, ascending: ids with a pixel in this frame.
        iou: (N, M) float64, intersection over union of each pair.
    """

    true_ids: np.ndarray
    predicted_ids: np.ndarray
    iou: np.ndarray


def overlaps_of(truth: np.ndarray, prediction: np.ndarray) -> FrameOverlaps:
    """Overlaps of two (H, W) index maps; 0 is background."""
    true_ids, true_index = np.unique(truth, return_inverse=True)
    predicted_ids, predicted_index = np.unique(prediction, return_inverse=True)
    shape = (len(true_ids), len(predicted_ids))
    shared = np.bincount(true_index.ravel() * shape[1] + predicted_index.ravel(), minlength=shape[0] * shape[1])
    shared = shared.reshape(shape)
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    rows, columns = true_ids != 0, predicted_ids != 0
    iou = (shared / union)[rows][:, columns]
    return FrameOverlaps(true_ids[rows].astype(np.int64), predicted_ids[columns].astype(np.int64), iou)


def read_sequences(
    truth: Path, predictions: Path, names: Sequence[str] = ()
) -> Iterator[tuple[str, list[FrameOverlaps]]]:
    """(name, overlaps of its frames) of the named sequences, or of all that the folder of the ground truth holds.

    Raises:
        DatasetError: There is no sequence. Others as `read_overlaps`.
    """
    names = names or tuple(sorted(path.name for path in truth.iterdir() if path.is_dir()))
    if not names:
        raise DatasetError(f"{truth}: no sequence (a folder of PNG masks) found; check --truth")
    for name in names:
        yield name, list(read_overlaps(truth / name, predictions / name))


def read_overlaps(truth: Path, predictions: Path) -> Iterator[FrameOverlaps]:
    """Overlaps of all frames of a sequence, one at a time.

    Void pixels (255 beside other ids in the ground truth) are taken out of both sides; masks of 0 and 255 are one
    object.

    Args:
        truth, predictions: Folders of <frame>.png index maps; every true frame needs a prediction.

    Raises:
        DatasetError: There is no true mask.
        MissingPredictionsError: A frame has no prediction.
        MaskFileError: A mask cannot be read, or has another size than the true one.
    """
    paths = sorted(truth.glob("*.png"))
    if not paths:
        raise DatasetError(f"{truth}: no mask (*.png) found")
    missing = tuple(predictions / path.name for path in paths if not (predictions / path.name).is_file())
    if missing:
        raise MissingPredictionsError(missing)
    for path in paths:
        true, predicted = read_labels(path), read_labels(predictions / path.name)
        if true.shape != predicted.shape:
            raise MaskFileError(
                f"{predictions / path.name}: {predicted.shape[1]}x{predicted.shape[0]} pixels, but the ground truth of "
                f"this frame has {true.shape[1]}x{true.shape[0]}"
            )
        void = true == VOID_LABEL
        if void.any() and (true[~void] != 0).any():
            true, predicted = np.where(void, 0, true), np.where(void, 0, predicted)
        yield overlaps_of(true, predicted)
