"""MOSEv2: which frames and objects are scored. The measures are those of its own scorer (`eval.adaptive`).

Layout: <root>/<split>/Annotations/<video>/<frame>.png (or without <split>), and a meta file that lists the objects of
each video, also those that appear later: <root>/<split>/meta.json, <root>/meta_<split>.json or <root>/meta.json.
Without a meta file the objects are all ids that some annotation has. The ground truth of valid and test is not public.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eval.davis import frame_stems, inner_stems
from eval.errors import DatasetError
from eval.folder_datasets import read_meta, split_root, subfolders
from eval.masks import VOID_LABEL, SequenceMasks
from eval.plan import EvaluationPlan, ObjectPlan, PlanRequest, SequencePlan
from eval.png import read_labels


def plan_mosev2(request: PlanRequest) -> EvaluationPlan:
    """All frames of a video but the first and the last, for every object of the video."""
    root = split_root(request)
    annotations = root / "Annotations"
    meta = next((path for path in meta_files(request) if path.is_file()), None)
    videos = None if meta is None else read_meta(meta)
    sequences, notes = [], []
    for name in subfolders(request, annotations):
        stems = frame_stems(annotations / name)
        inner = inner_stems(name, stems)
        if videos is not None and meta is not None:
            ids = _listed_ids(videos, name, meta)
        else:
            ids = _ids_of(annotations / name, stems)
        if not ids:
            notes.append(f"{name}: no object, so the sequence adds no row")
        sequences.append(
            SequencePlan(
                name=name,
                stems=inner,
                truth=SequenceMasks(annotations / name, "labels", truth=True),
                predictions=SequenceMasks(request.predictions / name, "labels"),
                objects=tuple(ObjectPlan(f"{name}_{key}", key, tuple(range(len(inner)))) for key in ids),
                rules="mosev2",
            )
        )
    if meta is None:
        notes.append("MOSEv2: no meta.json; the objects are all ids in the annotations")
    return EvaluationPlan(tuple(sequences), tuple(notes))


def meta_files(request: PlanRequest) -> tuple[Path, ...]:
    """Where the meta file of a split may be."""
    root = split_root(request)
    return root / "meta.json", request.root / f"meta_{request.split}.json", request.root / "meta.json"


def _listed_ids(videos: dict[str, Any], name: str, meta: Path) -> list[int]:
    try:
        return sorted(int(key) for key in videos[name]["objects"])
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f'{meta}: the video {name} has no list "objects" of ids ({error!r})') from error


def _ids_of(folder: Path, stems: tuple[str, ...]) -> list[int]:
    found: set[int] = set()
    for stem in stems:
        found |= set(np.unique(read_labels(folder / f"{stem}.png")).tolist())
    return sorted(found - {0, VOID_LABEL})
