"""What is to be scored, before masks are compared: sequences, objects, and the frames in which each object counts.

A data set's module turns its folders into these descriptions; the scorer needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from eval.masks import SequenceMasks


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """One object of a sequence.

    Attributes:
        name: Name of its row in reports.
        object_id: Its id in the ground truth, from 1.
        frames: Positions in `SequencePlan.stems` at which it is scored, ascending, not empty.
        group: The average that the object counts in ("seen", "unseen", or "all").
    """

    name: str
    object_id: int
    frames: tuple[int, ...]
    group: str = "all"


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """One sequence.

    Attributes:
        name: Name in the data set.
        stems: File names without extension of the frames at which some object is scored, in order.
        truth, predictions: Where the masks are.
        objects: Objects to score. May be empty: the sequence then adds no row.
        matching: "id": prediction k is compared with object k. "hungarian": predictions are proposals, assigned to
            objects so that the sum of J&F is greatest.
        max_id: Highest id that a prediction may hold; None if higher ids are ignored.
        void: Pixels labelled 255 in the ground truth are taken out of both sides before anything is counted.
        rules: "davis": J and F of DAVIS. "mosev2": smoothed J and adaptive F (`eval.adaptive`), and the frames without
            the object by themselves (`eval.visibility`).
        from_first_seen: The average of an object begins with the first of its frames in which either side shows it;
            an object that is never shown adds no row.
    """

    name: str
    stems: tuple[str, ...]
    truth: SequenceMasks
    predictions: SequenceMasks
    objects: tuple[ObjectPlan, ...]
    matching: Literal["id", "hungarian"] = "id"
    max_id: int | None = None
    void: bool = False
    from_first_seen: bool = False
    rules: Literal["davis", "mosev2"] = "davis"

    def ids_by_frame(self) -> list[tuple[int, ...]]:
        """Ids of the objects scored at each position of `stems`."""
        ids: list[list[int]] = [[] for _ in self.stems]
        for plan in self.objects:
            for position in plan.frames:
                ids[position].append(plan.object_id)
        return [tuple(frame_ids) for frame_ids in ids]

    def missing_predictions(self) -> list[Path]:
        """Predicted files that the protocol needs and that do not exist, in frame order."""
        # Listing a folder is many times faster than asking for each of its files.
        existing = self.predictions.existing()
        return [
            self.predictions.folder / name
            for stem, ids in zip(self.stems, self.ids_by_frame(), strict=True)
            if ids
            for name in self.predictions.names(stem, ids)
            if name not in existing
        ]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the user asked for, as the modules of the data sets need it.

    Attributes:
        root: Folder of the data set, or of the user's own ground truth.
        predictions: Folder with a folder per sequence.
        split: Part of the data set.
        sequences: Only these sequences, in this order; None for all of the split.
        given_frame: YouTube-VOS: whether the frame in which an object's mask is given is scored.
        unseen: YouTube-VOS and LVOS: file that names the unseen categories or videos, one a line.
        every: Only every so many-th annotated frame of a sequence, from the first on, exists for the protocol.
    """

    root: Path
    predictions: Path
    split: str
    sequences: tuple[str, ...] | None = None
    given_frame: Literal["exclude", "include"] = "exclude"
    unseen: Path | None = None
    every: int = 1


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """All sequences, and remarks that belong in the report (for example sequences without objects)."""

    sequences: tuple[SequencePlan, ...]
    notes: tuple[str, ...] = ()


Planner = Callable[[PlanRequest], EvaluationPlan]


def thin_out(plan: EvaluationPlan, every: int) -> EvaluationPlan:
    """The plan without the frames that a tracker with every `every`-th annotated frame does not see.

    Frames are counted from the first annotated one of a sequence, whether it is scored or not.
    """
    if every == 1:
        return plan
    sequences, notes = [], list(plan.notes)
    for sequence in plan.sequences:
        annotated = sorted({Path(name).stem for name in sequence.truth.existing()})
        kept = [place for place, stem in enumerate(sequence.stems) if annotated.index(stem) % every == 0]
        moved = {place: number for number, place in enumerate(kept)}
        objects = []
        for item in sequence.objects:
            frames = tuple(moved[place] for place in item.frames if place in moved)
            if frames:
                objects.append(replace(item, frames=frames))
            else:
                notes.append(f"{item.name}: none of its scored frames is left, so it adds no row")
        stems = tuple(sequence.stems[place] for place in kept)
        sequences.append(replace(sequence, stems=stems, objects=tuple(objects)))
    return EvaluationPlan(tuple(sequences), (f"only every frame whose number is a multiple of {every}", *notes))
