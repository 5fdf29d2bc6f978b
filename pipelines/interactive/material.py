"""What the robot user works on: objects of held-out pictures, and sequences with an annotation for every frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from eval.errors import EvalUsageError
from pipelines.datasets.sequences import Sequence as DatasetSequence
from pipelines.datasets.sequences import list_sequences
from pipelines.interactive.clicks import TrueFrame
from pipelines.training.mix import hold_aside, list_stills
from pipelines.training.read_folders import read_folders
from pipelines.training.stills import IGNORED_ID, Still
from vos.video.images import ImageFolderSource

_Item = TypeVar("_Item")

DATASETS = ("davis16", "davis17")
# Objects of a few hundred pixels are a matter of the resolution, not of clicks.
_LEAST_SHARE = 0.005
# Of which no picture is longer: pictures keep their size.
_ANY_SIDE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class TrueObject:
    """An object of a picture.

    Attributes:
        name: The picture's file, and the id of the object in it.
        rgb: (H, W, 3) uint8.
        truth: (H, W) bool, not empty.
        void: (H, W) bool of pixels that count neither way; None where there are none.
    """

    name: str
    rgb: np.ndarray
    truth: np.ndarray
    void: np.ndarray | None


def held_out_stills(data: Path, share: float) -> list[Still]:
    """Pictures of a folder of sources or a TOML mix, as `vos train` reads them.

    Args:
        data: A folder of sources, one source (`images/*`, `masks/*.png`) or a TOML file.
        share: As `vos train --hold-aside`: only the pictures that training with this share leaves out; 1 for all.

    Raises:
        TrainingDataError: There are none.
    """
    if (data / "images").is_dir():
        stills = read_folders(data, weight=1.0, parts=False)
    else:
        stills = list_stills(data)
    return stills if share == 1 else hold_aside(stills, share)[1]


def object_of(still: Still, seed: int) -> TrueObject | None:
    """One object of a picture, drawn by the seed and the picture's name; None if all are too small.

    Raises:
        TrainingDataError: The picture or its mask cannot be read.
    """
    rng = np.random.default_rng([seed, *still.image.name.encode()])
    rgb, labels = still.load(_ANY_SIDE, rng)
    void = labels == IGNORED_ID
    if still.parts:
        labels = ((labels > 0) & ~void).astype(np.uint8)
    ids, areas = np.unique(labels[(labels > 0) & ~void], return_counts=True)
    large = ids[areas >= _LEAST_SHARE * labels.size]
    if not len(large):
        return None
    chosen = int(rng.choice(large))
    name = f"{still.image.parent.parent.name}/{still.image.name}/{chosen}"
    return TrueObject(name, rgb, labels == chosen, void if void.any() else None)


def true_sequences(dataset: str, root: Path, split: str, names: tuple[str, ...]) -> list[DatasetSequence]:
    """Sequences of DAVIS in which every frame is annotated.

    Raises:
        EvalUsageError: Another data set.
        DatasetError: It is not there, or not complete.
    """
    if dataset not in DATASETS:
        raise EvalUsageError(f"--dataset {dataset}: every frame must be annotated; choose {' or '.join(DATASETS)}")
    return list(list_sequences(dataset, root, split, names, root))


def frames_of(sequence: DatasetSequence) -> Iterator[TrueFrame]:
    """Its frames with their annotations, one by one. Raises MaskFileError or VideoError for one that is damaged."""
    ids = sequence.object_ids or ()
    with ImageFolderSource(sequence.pictures) as source:
        for stem, frame in zip(sequence.stems, source, strict=True):
            labels = sequence.truth.read(stem, ids, None).support()
            yield TrueFrame(frame.rgb, np.where(np.isin(labels, ids), labels, 0))


def first_objects(sequence: DatasetSequence) -> list[TrueObject]:
    """All objects of the first frame."""
    first = next(frames_of(sequence))
    return [
        TrueObject(f"{sequence.name}/{object_id}", first.rgb, first.labels == object_id, None)
        for object_id in sequence.object_ids or ()
        if (first.labels == object_id).any()
    ]


def draw(items: Sequence[_Item], limit: int | None, seed: int) -> list[_Item]:
    """At most `limit` of them in their order, chosen by the seed."""
    if limit is None or limit >= len(items):
        return list(items)
    chosen = np.random.default_rng(seed).choice(len(items), limit, replace=False)
    return [items[number] for number in sorted(chosen.tolist())]
