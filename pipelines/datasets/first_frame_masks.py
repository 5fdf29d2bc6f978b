"""The annotations that the protocol of a data set provides to the tracker. No other ground truth is read.

They are copied into files of the run, so workers never see an annotation folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eval.errors import DatasetError, EvalUsageError
from eval.masks import VOID_LABEL
from pipelines.datasets.sequences import Sequence, tracked_ids


@dataclass(frozen=True, slots=True)
class GivenMask:
    """The annotation of some objects in the frame in which the protocol gives them to the tracker.

    Attributes:
        frame: Index of the frame in the pictures' folder.
        labels: (H, W) uint8; pixels of the objects given here, 0 elsewhere.
    """

    frame: int
    labels: np.ndarray


def check_gives_masks(dataset: str) -> None:
    """Raises EvalUsageError for a data set that provides nothing to track."""
    if dataset not in GIVEN:
        raise EvalUsageError(f"{dataset}: provides no prompt; choose one of {', '.join(GIVEN)}")


def given_masks(dataset: str, sequence: Sequence) -> tuple[GivenMask, ...]:
    """The masks that the protocol of the data set provides, ascending by frame.

    Raises:
        DatasetError: No object of the sequence has a pixel in the frame that should show it.
    """
    given = GIVEN[dataset](sequence)
    if not given:
        raise DatasetError(f"{sequence.truth.folder}: the annotation that the protocol provides shows no object")
    return given


def _in_first_frame(sequence: Sequence) -> tuple[GivenMask, ...]:
    """DAVIS, MOSE, VOST: all objects, in the first frame. Ids without a pixel there cannot be tracked."""
    labels = _labels(sequence, sequence.stems[0], known=frozenset())
    return (GivenMask(0, labels),) if labels.any() else ()


def _where_first_annotated(sequence: Sequence) -> tuple[GivenMask, ...]:
    """YouTube-VOS, LVOS, SA-V: each object in the first annotated frame that shows it."""
    wanted = None if sequence.object_ids is None else set(tracked_ids(sequence))
    known: set[int] = set()
    given = []
    for frame, stem in enumerate(sequence.stems):
        if wanted is not None and wanted <= known:
            break
        labels = _labels(sequence, stem, known=frozenset(known))
        if labels.any():
            known |= set(np.unique(labels).tolist()) - {0}
            given.append(GivenMask(frame, labels))
    return tuple(given)


def _labels(sequence: Sequence, stem: str, known: frozenset[int]) -> np.ndarray:
    """(H, W) uint8 tracked ids of one annotated frame without objects already `known`; (1, 1) without annotation."""
    ids = sequence.object_ids or ()
    if not any(path.is_file() for path in sequence.truth.files(stem, ids)):
        return np.zeros((1, 1), np.uint8)
    masks = sequence.truth.read(stem, ids, None)
    if sequence.truth.kind == "per-object":
        labels = np.zeros(masks.shape, np.uint8)
        for tracked, object_id in zip(tracked_ids(sequence), ids, strict=True):
            if tracked not in known:
                labels[masks.mask(object_id) != 0] = tracked
        return labels
    labels = masks.support().astype(np.uint8)
    wanted = set(ids or range(1, VOID_LABEL)) - known
    labels[~np.isin(labels, sorted(wanted))] = 0
    return labels


# Data set -> which annotations its protocol gives to the tracker.
GIVEN: dict[str, Callable[[Sequence], tuple[GivenMask, ...]]] = {
    "davis16": _in_first_frame,
    "davis17": _in_first_frame,
    "youtube-vos": _where_first_annotated,
    "mose": _in_first_frame,
    "mosev2": _in_first_frame,
    "lvos-v1": _where_first_annotated,
    "lvos-v2": _where_first_annotated,
    "sav": _where_first_annotated,
    "secvos": _where_first_annotated,
    "burst": _where_first_annotated,
    "ovis": _where_first_annotated,
    "vost": _in_first_frame,
}
