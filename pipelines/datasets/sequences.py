"""What there is to track in a data set: frames, and the masks that its protocol gives to the tracker.

The layouts are those of `eval` (its plans say where the truth of each sequence lies); here stands only what scoring
does not need to know: where the pictures are and which annotations the protocol hands out. Nothing else of the ground
truth is read, and what is handed out is copied into files of the run, so workers never see an annotation folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.datasets import find_dataset
from eval.errors import DatasetError, EvalUsageError
from eval.masks import VOID_LABEL, MaskFolder
from eval.plan import PlanRequest, SequencePlan
from vos.video.images import ImageFolderSource

# Part of the path of annotations -> part of the path of pictures.
_PICTURES = {
    "Annotations": "JPEGImages",
    "Annotations_6fps": "JPEGImages_24fps",
}


@dataclass(frozen=True, slots=True)
class GivenMask:
    """The annotation of some objects in the frame in which the protocol gives them to the tracker.

    Attributes:
        frame: Index of the frame in the pictures' folder.
        labels: (H, W) uint8; pixels of the objects given here, 0 elsewhere.
    """

    frame: int
    labels: np.ndarray


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence to track.

    Attributes:
        name: In the data set.
        pictures: Folder of its frames.
        stems: Names of the frames without extension, in order.
        predictions: Where the scorer looks for masks, and in which form.
        scored: Names of the frames with a score.
        truth: Where annotations are; read by `given_masks` alone.
        object_ids: Objects of the protocol.
    """

    name: str
    pictures: Path
    stems: tuple[str, ...]
    predictions: MaskFolder
    scored: tuple[str, ...]
    truth: MaskFolder
    object_ids: tuple[int, ...]


def list_sequences(
    dataset: str, root: Path, split: str | None, names: tuple[str, ...], predictions: Path
) -> tuple[Sequence, ...]:
    """The sequences of a split, or those of them that are asked for.

    Raises:
        EvalUsageError: Unknown data set, or one that gives the tracker nothing to track.
        DatasetError: Annotations or pictures are missing.
    """
    entry = find_dataset(dataset)
    if dataset not in GIVEN:
        raise EvalUsageError(f"{dataset}: gives the tracker no prompt; choose one of {', '.join(GIVEN)}")
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; check --root")
    request = PlanRequest(root, predictions, split or entry.default_split, sequences=names or None)
    plan = entry.planner(request)
    return tuple(_sequence(root, item) for item in plan.sequences if item.objects)


def _sequence(root: Path, plan: SequencePlan) -> Sequence:
    folder = plan.truth.folder
    pictures = root.joinpath(*(_PICTURES.get(part, part) for part in folder.relative_to(root).parts))
    if pictures == folder or not pictures.is_dir():
        raise DatasetError(f"{pictures}: no folder with the frames of {plan.name}; check --root")
    with ImageFolderSource(pictures) as source:
        stems = tuple(path.stem for path in source.paths)
    missing = sorted(set(plan.stems) - set(stems))
    if missing:
        raise DatasetError(f"{pictures}: no picture of the annotated frame {missing[0]}")
    return Sequence(
        name=plan.name,
        pictures=pictures,
        stems=stems,
        predictions=plan.predictions,
        scored=plan.stems,
        truth=plan.truth,
        object_ids=tuple(item.object_id for item in plan.objects),
    )


def given_masks(dataset: str, sequence: Sequence) -> tuple[GivenMask, ...]:
    """What the protocol of the data set gives to the tracker, ascending by frame.

    Raises:
        DatasetError: No object of the sequence has a pixel where it should be given.
    """
    given = GIVEN[dataset](sequence)
    if not given:
        raise DatasetError(f"{sequence.truth.folder}: the annotation that is given to the tracker shows no object")
    return given


def _in_first_frame(sequence: Sequence) -> tuple[GivenMask, ...]:
    """DAVIS, MOSE, VOST: all objects, in the first frame. Ids without a pixel there cannot be tracked."""
    labels = _labels(sequence, sequence.stems[0], sequence.object_ids)
    return (GivenMask(0, labels),) if labels.any() else ()


def _where_first_annotated(sequence: Sequence) -> tuple[GivenMask, ...]:
    """YouTube-VOS, LVOS, SA-V: each object in the first annotated frame that shows it."""
    waiting = set(sequence.object_ids)
    given = []
    for frame, stem in enumerate(sequence.stems):
        if not waiting:
            break
        labels = _labels(sequence, stem, tuple(sorted(waiting)))
        if labels.any():
            waiting -= set(np.unique(labels).tolist())
            given.append(GivenMask(frame, labels))
    return tuple(given)


def _labels(sequence: Sequence, stem: str, ids: tuple[int, ...]) -> np.ndarray:
    """(H, W) uint8 labels of the objects `ids` in one annotated frame; all zero (1, 1) without an annotation."""
    if not any(path.is_file() for path in sequence.truth.files(stem, ids)):
        return np.zeros((1, 1), np.uint8)
    masks = sequence.truth.read(stem, ids, None)
    window = (slice(None), slice(None))
    labels = np.zeros(masks.shape, np.uint8)
    for object_id in ids:
        if not 0 < object_id < VOID_LABEL:
            raise DatasetError(f"{sequence.truth.folder}: object id {object_id} is not in 1..{VOID_LABEL - 1}")
        labels[masks.planes((object_id,), window) != 0] = object_id
    return labels


# Data set -> which annotations its protocol gives to the tracker.
GIVEN: dict[str, Callable[[Sequence], tuple[GivenMask, ...]]] = {
    "davis16": _in_first_frame,
    "davis17": _in_first_frame,
    "youtube-vos": _where_first_annotated,
    "mose": _in_first_frame,
    "lvos": _where_first_annotated,
    "sav": _where_first_annotated,
    "vost": _in_first_frame,
}
