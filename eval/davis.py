"""DAVIS 2016 and 2017: which frames and objects are scored.

Layout: <root>/Annotations/480p/<sequence>/<frame>.png (unsupervised: Annotations_unsupervised), with the lists of
sequences in <root>/ImageSets/<year>/<split>.txt. Rules as in davis2017-evaluation (Pont-Tuset et al., "The 2017 DAVIS
Challenge on Video Object Segmentation"; Caelles et al., "The 2019 DAVIS Challenge on VOS"):

* semi-supervised: the first and the last frame are not scored; objects are the ids 1..max of the first frame, also
  those without a pixel there; void (255) is background;
* unsupervised: all frames are scored, void is excluded, at most 20 proposals are matched to the objects;
* DAVIS-2016: one object, masks 0/255, otherwise as semi-supervised.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval.errors import DatasetError
from eval.input_files import check_names, read_lines
from eval.masks import VOID_LABEL, SequenceMasks
from eval.plan import EvaluationPlan, ObjectPlan, PlanRequest, SequencePlan
from eval.png import read_labels

RESOLUTION = "480p"
MAX_PROPOSALS = 20
_YEARS = {("unsupervised", "test-dev"): "2019", ("unsupervised", "test-challenge"): "2019"}


def plan_davis16(request: PlanRequest) -> EvaluationPlan:
    """DAVIS-2016: one object a sequence."""
    sequences = []
    for name in sequence_names(request, request.root / "ImageSets" / "2016" / f"{request.split}.txt"):
        folder = _annotations(request.root, "Annotations", name)
        stems = inner_stems(name, frame_stems(folder, images=_images(request.root, name)))
        sequences.append(
            SequencePlan(
                name=name,
                stems=stems,
                truth=SequenceMasks(folder, "binary", truth=True),
                predictions=SequenceMasks(request.predictions / name, "binary"),
                objects=(ObjectPlan(f"{name}_1", 1, tuple(range(len(stems)))),),
            )
        )
    return EvaluationPlan(tuple(sequences))


def plan_davis17(request: PlanRequest) -> EvaluationPlan:
    """DAVIS-2017, semi-supervised."""
    names = sequence_names(request, _list_file(request, "semi-supervised"))
    folders = ((name, _annotations(request.root, "Annotations", name), _images(request.root, name)) for name in names)
    return plan_from_first_frames(request, folders)


def plan_davis17_unsupervised(request: PlanRequest) -> EvaluationPlan:
    """DAVIS-2017, unsupervised: proposals are assigned to objects."""
    sequences, notes = [], []
    for name in sequence_names(request, _list_file(request, "unsupervised")):
        folder = _annotations(request.root, "Annotations_unsupervised", name)
        stems = frame_stems(folder, images=_images(request.root, name))
        first = first_frame(folder, stems[0])
        notes += first.notes(name)
        sequences.append(
            SequencePlan(
                name=name,
                stems=stems,
                truth=SequenceMasks(folder, "labels", truth=True),
                predictions=SequenceMasks(request.predictions / name, "labels"),
                objects=numbered_objects(name, first.objects, len(stems)),
                matching="hungarian",
                max_id=MAX_PROPOSALS,
                void=True,
            )
        )
    return EvaluationPlan(tuple(sequences), tuple(notes))


def plan_from_first_frames(
    request: PlanRequest, folders: Iterable[tuple[str, Path, int]], *, refuse_extra_ids: bool = True
) -> EvaluationPlan:
    """Sequences of index maps, by the rules of DAVIS-2017: the objects are those of the first frame, and neither the
    first frame nor the last is scored.

    Args:
        request: Where predictions are.
        folders: Name, folder of annotations, and number of pictures (0 where not known) of each sequence.
        refuse_extra_ids: Whether a prediction with an id above the objects' is an error; otherwise it is ignored.
    """
    sequences, notes = [], []
    for name, folder, images in folders:
        stems = frame_stems(folder, images=images)
        first = first_frame(folder, stems[0])
        notes += first.notes(name)
        inner = inner_stems(name, stems)
        sequences.append(
            SequencePlan(
                name=name,
                stems=inner,
                truth=SequenceMasks(folder, "labels", truth=True),
                predictions=SequenceMasks(request.predictions / name, "labels"),
                objects=numbered_objects(name, first.objects, len(inner)),
                max_id=first.objects if refuse_extra_ids else None,
            )
        )
    return EvaluationPlan(tuple(sequences), tuple(notes))


def sequence_names(request: PlanRequest, list_file: Path) -> tuple[str, ...]:
    """The names in a list file, or those of them that the request asks for.

    Raises:
        DatasetError: There is no such list, it is empty, or it does not hold a name asked for.
    """
    if not list_file.is_file():
        raise DatasetError(
            f"{list_file}: no such list of sequences; check --root (the folder that holds Annotations and ImageSets) "
            "and --split"
        )
    names = tuple(dict.fromkeys(read_lines(list_file)))
    check_names(names, list_file)
    if not names:
        raise DatasetError(f"{list_file}: names no sequence")
    if request.sequences is None:
        return names
    unknown = [name for name in request.sequences if name not in names]
    if unknown:
        raise DatasetError(f"{list_file}: has no sequence {', '.join(unknown)}; check --sequence and --split")
    return request.sequences


def frame_stems(folder: Path, images: int = 0) -> tuple[str, ...]:
    """Stems of the annotation PNGs of one sequence, sorted.

    Args:
        folder: Annotation folder of the sequence.
        images: Frames that the sequence has, if known; fewer annotations than that are an error.

    Raises:
        DatasetError: There is no annotation, or fewer than images.
    """
    names = os.listdir(folder) if folder.is_dir() else []
    stems = tuple(sorted(name.removesuffix(".png") for name in names if name.endswith(".png")))
    if not stems:
        raise DatasetError(f"{folder}: no annotation (*.png) found; check --root and the list of sequences")
    if len(stems) < images:
        raise DatasetError(
            f"{folder}: {len(stems)} annotation(s) for {images} frames. The ground truth of test splits is not "
            "public: make a submission with `vos eval pack`"
        )
    return stems


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """Contents of the first annotation: the number of objects, and whether there is only void."""

    objects: int
    only_void: bool

    def notes(self, sequence: str) -> list[str]:
        """Remarks for the report on a sequence without objects."""
        if self.objects:
            return []
        if self.only_void:
            return [
                f"{sequence}: the first annotation holds only 0 and 255, which this protocol reads as background and "
                "void, so the sequence has no object; score DAVIS-2016 masks with --dataset davis16"
            ]
        return [f"{sequence}: no object in the first annotation, so the sequence adds no row"]


def first_frame(folder: Path, stem: str) -> FirstFrame:
    """Reads the first annotation: objects are the ids 1..max, gaps included, 255 taken out."""
    labels = read_labels(folder / f"{stem}.png")
    highest = int(labels.max())
    if highest != VOID_LABEL:
        return FirstFrame(highest, only_void=False)
    objects = int(labels.max(where=labels != VOID_LABEL, initial=0))
    return FirstFrame(objects, only_void=objects == 0)


def numbered_objects(sequence: str, count: int, frames: int) -> tuple[ObjectPlan, ...]:
    """Objects 1..count, each scored in all of the sequence's `frames`."""
    return tuple(ObjectPlan(f"{sequence}_{k}", k, tuple(range(frames))) for k in range(1, count + 1))


def inner_stems(sequence: str, stems: tuple[str, ...]) -> tuple[str, ...]:
    """All frames but the first and the last.

    Raises:
        DatasetError: Nothing is left.
    """
    if len(stems) < 3:
        raise DatasetError(
            f"{sequence}: {len(stems)} annotated frame(s); the first and the last are not scored, so nothing is left. "
            "Remove the sequence from the list"
        )
    return stems[1:-1]


def _list_file(request: PlanRequest, task: str) -> Path:
    year = _YEARS.get((task, request.split), "2017")
    return request.root / "ImageSets" / year / f"{request.split}.txt"


def _annotations(root: Path, kind: str, sequence: str) -> Path:
    return root / kind / RESOLUTION / sequence


def _images(root: Path, sequence: str) -> int:
    return len(list((root / "JPEGImages" / RESOLUTION / sequence).glob("*.jpg")))
