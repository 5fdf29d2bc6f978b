"""Videos with index maps of some of their frames, laid out from the JSON files of BURST, OVIS and YouTube-VIS.

Layout: <root>/<split>/Annotations/<video>/<frame>.png (or without <split>), as `vos benchmark unpack` writes it. An
object is given in the first annotated frame that shows it, and scored in all annotated frames after that one; where it
is absent an empty mask counts 1. BURST itself ranks by HOTA: `vos eval tracks`.
"""

from __future__ import annotations

import numpy as np

from eval.davis import frame_stems
from eval.folder_datasets import split_root, subfolders
from eval.masks import VOID_LABEL, SequenceMasks
from eval.plan import EvaluationPlan, ObjectPlan, PlanRequest, SequencePlan
from eval.png import read_labels


def plan_annotated(request: PlanRequest) -> EvaluationPlan:
    """Every object of every video, in the annotated frames after the one in which it is given."""
    annotations = split_root(request) / "Annotations"
    sequences, notes = [], []
    for name in subfolders(request, annotations):
        stems = frame_stems(annotations / name)
        first: dict[int, int] = {}
        for position, stem in enumerate(stems):
            for key in np.unique(read_labels(annotations / name / f"{stem}.png")).tolist():
                first.setdefault(key, position)
        objects = []
        for key in sorted(set(first) - {0, VOID_LABEL}):
            if first[key] + 1 < len(stems):
                objects.append(ObjectPlan(f"{name}_{key}", key, tuple(range(first[key] + 1, len(stems)))))
            else:
                notes.append(f"{name}: object {key} appears in the last annotated frame, so it adds no row")
        sequences.append(
            SequencePlan(
                name=name,
                stems=stems,
                truth=SequenceMasks(annotations / name, "labels", truth=True),
                predictions=SequenceMasks(request.predictions / name, "labels"),
                objects=tuple(objects),
            )
        )
    return EvaluationPlan(tuple(sequences), tuple(notes))
