"""Data sets with annotations in <root>/Annotations/<sequence>: VOST, MOSE, LVOS, SA-V, and a user's own folders.

Sources: VOST, TRI-ML/VOST `evaluation/`; LVOS, LingyiHongfd/lvos-evaluation; SA-V, facebookresearch/sam2
`sav_dataset/`. The scoring server of MOSE (version 1) has no public code; the rules of DAVIS-2017 are assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from eval.davis import frame_stems, inner_stems, plan_from_first_frames, sequence_names
from eval.errors import DatasetError
from eval.input_files import check_names, layout_of, read_json_file, read_lines
from eval.masks import VOID_LABEL, MaskKind, SequenceMasks
from eval.plan import EvaluationPlan, ObjectPlan, PlanRequest, SequencePlan
from eval.png import read_labels

LVOS_STRIDE = 5
_LVOS_VIDEOS = {(1, "valid"): 50, (2, "valid"): 140}


def plan_vost(request: PlanRequest) -> EvaluationPlan:
    """VOST: frames and objects as in DAVIS-2017; predicted ids above the objects' are ignored."""
    names = sequence_names(request, request.root / "ImageSets" / f"{request.split}.txt")
    return plan_from_first_frames(request, _folders(request.root, names), refuse_extra_ids=False)


def plan_mose(request: PlanRequest) -> EvaluationPlan:
    """MOSE, version 1: frames and objects as in DAVIS-2017, sequences from the folders."""
    root = split_root(request)
    plan = plan_from_first_frames(request, _folders(root, subfolders(request, root / "Annotations")))
    note = "MOSE: the code of the scoring server is not public; scored by the rules of DAVIS-2017"
    return EvaluationPlan(plan.sequences, (note, *plan.notes))


def plan_lvos_v1(request: PlanRequest) -> EvaluationPlan:
    """LVOS v1 (Hong et al., ICCV 2023), semi-supervised."""
    return _plan_lvos(request, version=1)


def plan_lvos_v2(request: PlanRequest) -> EvaluationPlan:
    """LVOS v2 (Hong et al., 2024), semi-supervised."""
    return _plan_lvos(request, version=2)


def _plan_lvos(request: PlanRequest, version: int) -> EvaluationPlan:
    """Both versions have the same layout and rules; what tells them apart is how many videos there are.

    Each object is scored in every fifth frame of its own range, except the first and the last of them. Seen and
    unseen are properties of videos, listed in a file `unseen_videos.txt` that comes with the official code.
    """
    root = split_root(request)
    meta = root / f"{request.split}_meta.json"
    videos = read_meta(meta)
    unseen_file = request.unseen or root / "unseen_videos.txt"
    unseen = read_names(unseen_file, "the unseen videos (unseen_videos.txt of the official LVOS code)")
    sequences = []
    for name in chosen(request, tuple(sorted(videos)), root):
        objects: list[tuple[int, tuple[str, ...]]] = []
        with layout_of(meta):
            for object_id, entry in videos[name]["objects"].items():
                objects.append((int(object_id), _lvos_stems(f"{name}, object {object_id}", entry["frame_range"])))
            highest = max(object_id for object_id, _ in objects)
        group = "unseen" if name in unseen else "seen"
        grouped = [(object_id, stems, group) for object_id, stems in objects]
        sequences.append(plan_of_ranges(request, root, name, grouped, "labels", highest))
    expected = _LVOS_VIDEOS.get((version, request.split))
    notes: tuple[str, ...] = ()
    if expected is not None and len(videos) != expected:
        notes = (f"LVOS v{version} {request.split} has {expected} videos, this folder {len(videos)}: another version?",)
    return EvaluationPlan(tuple(sequences), notes)


_MAX_FRAMES = 1_000_000


def _lvos_stems(what: str, frame_range: dict[str, Any]) -> tuple[str, ...]:
    start, end, total = (int(frame_range[key]) for key in ("start", "end", "frame_nums"))
    frames = range(start, end, LVOS_STRIDE)
    # The official code fills total - 2 scores; with fewer frames than that the rest would count as 0.
    if not 3 <= total <= _MAX_FRAMES or len(frames) < total - 1:
        raise DatasetError(
            f"{what}: frame_range {start}..{end} does not hold frame_nums = {total} frames at a step of {LVOS_STRIDE}, "
            "or leaves none to score; check the meta file"
        )
    return tuple(f"{frame:08d}" for frame in frames[1 : total - 1])


def plan_sav(request: PlanRequest) -> EvaluationPlan:
    """SA-V val and test: one binary PNG per object and annotated frame; objects may overlap.

    The first and the last annotated frame of each object are not scored, and its average begins with the frame in
    which ground truth or prediction first shows it.
    """
    return _plan_object_folders(request, request.root / "Annotations_6fps")


def plan_secvos(request: PlanRequest) -> EvaluationPlan:
    """SeCVOS (Zhang et al., "SeC", 2025): layout and rules of SA-V, with all frames annotated, in `Annotations`."""
    return _plan_object_folders(request, request.root / "Annotations")


def _plan_object_folders(request: PlanRequest, root: Path) -> EvaluationPlan:
    sequences = []
    for name in subfolders(request, root):
        folders = sorted(path for path in (root / name).iterdir() if path.is_dir())
        if not folders:
            raise DatasetError(f"{root / name}: no object folder (000, 001, ...)")
        objects = []
        for folder in folders:
            if not folder.name.isdigit():
                raise DatasetError(f"{folder}: object folders are numbers (000, 001, ...)")
            objects.append((int(folder.name), inner_stems(f"{name}/{folder.name}", frame_stems(folder)), "all"))
        width = len(folders[0].name)
        sequences.append(
            plan_of_ranges(request, root.parent, name, objects, "per-object", truth_folder=root / name, digits=width)
        )
    return EvaluationPlan(tuple(sequences))


def plan_folder(request: PlanRequest) -> EvaluationPlan:
    """Any ground truth of the form <root>/<sequence>/<frame>.png, or one sequence as <root>/<frame>.png.

    All frames are scored, for every id that some frame of the sequence has. Masks of 0 and 255 are taken as one
    object; otherwise 255 is void and excluded.
    """
    single = next(iter(sorted(request.root.glob("*.png"))), None) is not None
    names = ("",) if single else subfolders(request, request.root)
    sequences, notes = [], []
    for name in names:
        folder = request.root / name
        stems = frame_stems(folder)
        ids = sorted(set().union(*(np.unique(read_labels(folder / f"{stem}.png")).tolist() for stem in stems)) - {0})
        kind: MaskKind = "binary" if ids == [VOID_LABEL] else "labels"
        objects = [1] if kind == "binary" else [object_id for object_id in ids if object_id != VOID_LABEL]
        title = name or request.root.name
        if not objects:
            notes.append(f"{title}: no object in any frame, so the sequence adds no row")
        sequences.append(
            SequencePlan(
                name=title,
                stems=stems,
                truth=SequenceMasks(folder, kind, truth=True),
                predictions=SequenceMasks(request.predictions / name, kind),
                objects=tuple(ObjectPlan(f"{title}_{key}", key, tuple(range(len(stems)))) for key in objects),
                max_id=max(objects) if objects and kind == "labels" else None,
                void=kind == "labels" and VOID_LABEL in ids,
            )
        )
    return EvaluationPlan(tuple(sequences), tuple(notes))


def plan_of_ranges(
    request: PlanRequest,
    root: Path,
    name: str,
    objects: list[tuple[int, tuple[str, ...], str]],
    kind: MaskKind,
    max_id: int | None = None,
    truth_folder: Path | None = None,
    digits: int = 3,
) -> SequencePlan:
    """A sequence whose objects are scored in frames of their own: (id, stems, group) of each object."""
    stems = tuple(sorted({stem for _, object_stems, _ in objects for stem in object_stems}))
    position = {stem: index for index, stem in enumerate(stems)}
    object_folder = f"{{:0{digits}d}}"
    return SequencePlan(
        name=name,
        stems=stems,
        truth=SequenceMasks(truth_folder or root / "Annotations" / name, kind, object_folder, truth=True),
        predictions=SequenceMasks(request.predictions / name, kind, object_folder),
        objects=tuple(
            ObjectPlan(f"{name}_{object_id}", object_id, tuple(position[stem] for stem in object_stems), group)
            for object_id, object_stems, group in objects
        ),
        max_id=max_id,
        from_first_seen=kind == "per-object",
    )


def split_root(request: PlanRequest) -> Path:
    """<root>/<split> where there is such a folder, otherwise <root> itself."""
    folder = request.root / request.split
    return folder if folder.is_dir() else request.root


def read_meta(path: Path) -> dict[str, Any]:
    """The entry "videos" of a meta file, by name of the video."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such meta file; check --root and --split")
    try:
        videos = read_json_file(path)["videos"]
    except (KeyError, TypeError) as error:
        raise DatasetError(f'{path}: not a meta file with an entry "videos" ({error})') from error
    if not isinstance(videos, dict) or not videos:
        raise DatasetError(f'{path}: its entry "videos" names no video')
    check_names(videos, path)
    return videos


def read_names(path: Path, what: str) -> frozenset[str]:
    """Names in a text file, one a line."""
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; --unseen must name {what}")
    return frozenset(read_lines(path))


def chosen(request: PlanRequest, names: tuple[str, ...], where: Path) -> tuple[str, ...]:
    """All names, or those that the request asks for."""
    if request.sequences is None:
        return names
    unknown = [name for name in request.sequences if name not in names]
    if unknown:
        raise DatasetError(f"{where}: has no sequence {', '.join(unknown)}; check --sequence and --split")
    return request.sequences


def _folders(root: Path, names: tuple[str, ...]) -> list[tuple[str, Path, int]]:
    return [(name, root / "Annotations" / name, 0) for name in names]


def subfolders(request: PlanRequest, folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()
    if not names:
        raise DatasetError(f"{folder}: no sequence (a folder of PNG masks) found; check --root and --split")
    return chosen(request, names, folder)
