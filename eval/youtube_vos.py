"""YouTube-VOS 2018 and 2019: J and F of seen and unseen categories, G their mean.

Published rules (youtube-vos.org, "Evaluation"): J and F are averaged over the objects of the seen and of the unseen
categories separately, and G is the mean of the four. Each object has its own list of frames in meta.json, the first
of which is the frame whose mask is given. The server's own code is not public, so whether it scores the given frame,
and how it counts frames without the object, is not known; here J and F are those of DAVIS, and the choice is an option.
"""

from __future__ import annotations

from eval.errors import DatasetError
from eval.folder_datasets import chosen, plan_of_ranges, read_meta, read_names, split_root
from eval.input_files import check_names, layout_of
from eval.plan import EvaluationPlan, PlanRequest

_NOTE = (
    "YouTube-VOS: the code of the scoring server is not public; G by the published definition with the J and F of "
    "DAVIS, the given frame of each object {given_frame}d"
)


def plan_youtube_vos(request: PlanRequest) -> EvaluationPlan:
    """Objects and frames from <root>/<split>/meta.json, masks from <root>/<split>/Annotations."""
    root = split_root(request)
    videos = read_meta(root / "meta.json")
    unseen = read_names(request.unseen, "the unseen categories") if request.unseen else None
    first = 1 if request.given_frame == "exclude" else 0
    sequences, notes = [], [_NOTE.format(given_frame=request.given_frame)]
    if unseen is None:
        notes.append("no list of unseen categories (--unseen): all objects are one group and G is not defined")
    for name in chosen(request, tuple(sorted(videos)), root):
        objects = []
        with layout_of(root / "meta.json"):
            for object_id, entry in videos[name]["objects"].items():
                stems = tuple(str(stem) for stem in entry["frames"])[first:]
                check_names(stems, root / "meta.json")
                if not stems:
                    notes.append(f"{name}: object {object_id} has no frame after the given one, so it adds no row")
                    continue
                objects.append((int(object_id), stems, _group(name, object_id, entry, unseen)))
            highest = max(map(int, videos[name]["objects"]), default=0)
        if objects:
            sequences.append(plan_of_ranges(request, root, name, objects, "labels", highest))
    return EvaluationPlan(tuple(sequences), tuple(notes))


def _group(video: str, object_id: str, entry: dict[str, object], unseen: frozenset[str] | None) -> str:
    if unseen is None:
        return "all"
    if "category" not in entry:
        raise DatasetError(
            f"meta.json: object {object_id} of {video} has no category, so seen and unseen cannot be told apart; "
            "leave --unseen out"
        )
    return "unseen" if entry["category"] in unseen else "seen"
