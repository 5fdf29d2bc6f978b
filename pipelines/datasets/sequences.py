"""The sequences of a data set to track: their frames, and where masks have to be written.

The layouts are those of `eval` (its plans say where the ground truth of each sequence is); this module adds what
scoring does not need: where the pictures are, and how splits without public ground truth are listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from eval.datasets import find_dataset
from eval.davis import RESOLUTION, sequence_names
from eval.errors import DatasetError, EvalUsageError
from eval.folder_datasets import chosen, split_root
from eval.masks import VOID_LABEL, MaskKind, SequenceMasks
from eval.plan import PlanRequest
from vos.video.images import ImageFolderSource

# Part of the path of annotations -> part of the path of pictures.
_PICTURES = {
    "Annotations": "JPEGImages",
    "Annotations_6fps": "JPEGImages_24fps",
}
# YouTube-VOS: suffix of the folder of a split that has all frames instead of every fifth.
_ALL_FRAMES = "_all_frames"


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence to track.

    Attributes:
        name: In the data set.
        pictures: Folder of its frames.
        stems: Names of the frames without extension, in order.
        predictions: Where the scorer looks for masks, and in which form.
        laid_out: Names of the frames that need a prediction.
        truth: Where annotations are; read by `pipelines.datasets.first_frame_masks` alone.
        object_ids: Objects of the protocol; None for those that the given annotations show, where there is no plan.
    """

    name: str
    pictures: Path
    stems: tuple[str, ...]
    predictions: SequenceMasks
    laid_out: frozenset[str]
    truth: SequenceMasks
    object_ids: tuple[int, ...] | None


def tracked_ids(sequence: Sequence) -> tuple[int, ...]:
    """Ids of a sequence's objects in label maps: their own, or 1, 2, ... where objects have folders (SA-V has a 0)."""
    ids = sequence.object_ids or ()
    if sequence.truth.kind != "per-object":
        return ids
    if len(ids) >= VOID_LABEL:
        raise DatasetError(f"{sequence.truth.folder}: {len(ids)} objects; label maps hold at most {VOID_LABEL - 1}")
    return tuple(range(1, len(ids) + 1))


def list_sequences(
    dataset: str,
    root: Path,
    split: str | None,
    names: tuple[str, ...],
    predictions: Path,
    *,
    all_frames: bool = False,
    every: int = 1,
    scored: bool = True,
    images: str | None = None,
) -> tuple[Sequence, ...]:
    """The sequences of a split, or some of them.

    Args:
        dataset, split: As for `eval.evaluate`.
        root: Folder of the data set.
        names: Sequences wanted; none means all.
        predictions: Where masks are to be written.
        all_frames: YouTube-VOS: track every frame (`<split>_all_frames`) instead of every fifth.
        every: Track and score only every so many-th frame, from the first on.
        scored: Whether there is ground truth to score against. Without, only what the protocol provides has to exist.
        images: A glob of the files that are frames; None for the one sequence of names in each folder.

    Raises:
        EvalUsageError: Unknown data set, or one that does not support the request.
        DatasetError: Annotations or pictures are missing.
    """
    entry = find_dataset(dataset)
    if every > 1 and all_frames:
        raise EvalUsageError("--every and --all-frames exclude each other: both choose the frames; leave one out")
    if all_frames and dataset != "youtube-vos":
        raise EvalUsageError(f"--all-frames: only youtube-vos exists at two frame rates, not {dataset}")
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; check --root")
    request = PlanRequest(root, predictions, split or entry.default_split, sequences=names or None)
    if scored or dataset not in _LISTS:
        plan = entry.planner(request)
        found = [
            _Found(item.name, item.truth, item.predictions, item.stems, tuple(o.object_id for o in item.objects))
            for item in plan.sequences
            if item.objects
        ]
    else:
        found = _list_unscored(dataset, request)
    sequences = tuple(_sequence(request, item, all_frames, images) for item in found)
    return sequences if every == 1 else tuple(_every(sequence, every) for sequence in sequences)


def _every(sequence: Sequence, every: int) -> Sequence:
    """The sequence as a tracker meets it that gets every `every`-th frame."""
    annotated = {Path(name).stem for name in sequence.truth.existing()}
    if annotated != set(sequence.stems):
        raise EvalUsageError(
            f"--every {every}: {sequence.name} has {len(annotated)} annotations for {len(sequence.stems)} pictures; "
            "frames can be left out only where all are annotated"
        )
    stems = sequence.stems[::every]
    return replace(sequence, stems=stems, laid_out=sequence.laid_out & frozenset(stems))


@dataclass(frozen=True, slots=True)
class _Found:
    """A sequence before its pictures are read; `annotated` are the frames that must have a picture."""

    name: str
    truth: SequenceMasks
    predictions: SequenceMasks
    annotated: tuple[str, ...] = ()
    object_ids: tuple[int, ...] | None = None


def _list_unscored(dataset: str, request: PlanRequest) -> list[_Found]:
    """Sequences by the data set's list, or by the folders of their annotations."""
    list_file, kind = _LISTS[dataset]
    if list_file is None:
        folder = split_root(request) / "Annotations"
        there = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
        if not there:
            raise DatasetError(f"{folder}: no folder with the annotation of a sequence; check --root and --split")
        names = chosen(request, there, folder)
    else:
        names = sequence_names(request, request.root / list_file.format(split=request.split))
        folder = request.root / "Annotations"
        folder = folder / RESOLUTION if dataset.startswith("davis") else folder
    return [
        _Found(name, SequenceMasks(folder / name, kind, truth=True), SequenceMasks(request.predictions / name, kind))
        for name in names
    ]


def _sequence(request: PlanRequest, found: _Found, all_frames: bool, images: str | None) -> Sequence:
    folder = found.truth.folder
    pictures = _pictures(request.root, folder, found.name)
    laid_out = _stems(pictures, images)
    if all_frames:
        split = split_root(request)
        if split == request.root:
            raise DatasetError(f"{request.root / request.split}: no such folder; check --root and --split")
        pictures = request.root / f"{request.split}{_ALL_FRAMES}" / pictures.relative_to(split)
        if not pictures.is_dir():
            raise DatasetError(
                f"{pictures}: no such folder; --all-frames needs {request.split}{_ALL_FRAMES} beside {request.split}"
            )
    stems = _stems(pictures, images) if all_frames else laid_out
    missing = sorted({*found.annotated, *laid_out} - set(stems))
    if missing:
        raise DatasetError(f"{pictures}: no picture of the annotated frame {missing[0]}")
    # Where every object has a folder of its own only the scored frames are wanted; elsewhere all of them.
    wanted = found.annotated if found.predictions.kind == "per-object" else laid_out
    return Sequence(
        name=found.name,
        pictures=pictures,
        stems=stems,
        predictions=found.predictions,
        laid_out=frozenset(wanted),
        truth=found.truth,
        object_ids=found.object_ids,
    )


def _pictures(root: Path, annotations: Path, name: str) -> Path:
    pictures = root.joinpath(*(_PICTURES.get(part, part) for part in annotations.relative_to(root).parts))
    if pictures == annotations or not pictures.is_dir():
        raise DatasetError(f"{pictures}: no folder with the frames of {name}; check --root")
    return pictures


def _stems(pictures: Path, images: str | None) -> tuple[str, ...]:
    with ImageFolderSource(pictures, images=images) as source:
        return tuple(path.stem for path in source.paths)


# Data set -> its list of sequences below the root (None: one folder each in Annotations), and the form of predictions.
_LISTS: dict[str, tuple[str | None, MaskKind]] = {
    "davis16": ("ImageSets/2016/{split}.txt", "binary"),
    "davis17": ("ImageSets/2017/{split}.txt", "labels"),
    "vost": ("ImageSets/{split}.txt", "labels"),
    "youtube-vos": (None, "labels"),
    "mose": (None, "labels"),
    "mosev2": (None, "labels"),
    "lvos-v1": (None, "labels"),
    "lvos-v2": (None, "labels"),
}
