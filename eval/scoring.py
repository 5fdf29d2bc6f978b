"""Streams the frames of a sequence and turns their counts into J and F per object and frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from eval.adaptive import ADAPTIVE_COUNTS, adaptive_counts, classic_counts, count_adaptive, smoothed_similarity
from eval.counting import COUNTS, count_all_pairs, count_by_id
from eval.dice import dice
from eval.errors import MaskFileError
from eval.masks import VOID_LABEL, FrameMasks, LabelMap
from eval.measures import MaskCounts, boundary_measure, region_similarity
from eval.plan import SequencePlan

_UNION = [field.name for field in fields(MaskCounts)].index("union")


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSeries:
    """J and F of one object over its scored frames.

    Attributes:
        name, object_id, group: As in `ObjectPlan`; the row's name follows the protocol's order of rows.
        proposal: Id of the prediction it was compared with.
        stems: Names of the scored frames.
        j, f: (T,) float64 in [0, 1].
        dice: (T,) float64 in [0, 1].
        area: (T,) int64, pixels of the true mask.
        classic_f: (T,) float64, F of DAVIS where `f` is that of MOSEv2; None elsewhere.
    """

    name: str
    object_id: int
    group: str
    proposal: int
    stems: tuple[str, ...]
    j: np.ndarray
    f: np.ndarray
    dice: np.ndarray
    area: np.ndarray
    classic_f: np.ndarray | None = None


def count_frames(plan: SequencePlan, positions: range) -> list[np.ndarray]:
    """Counts the frames of a sequence at `positions`; holds one frame in memory at a time.

    Returns:
        One int64 array a frame: (7, N) for N objects compared by id (zeros for an object not scored in that frame), or
        (7, P + 1, N) for P proposals, whose last row stands for a proposal without a pixel.
    """
    ids_by_frame = plan.ids_by_frame()
    rows, count_ids = (ADAPTIVE_COUNTS, count_adaptive) if plan.rules == "mosev2" else (COUNTS, count_by_id)
    column = {item.object_id: index for index, item in enumerate(plan.objects)}
    results = []
    for position in positions:
        ids, stem = ids_by_frame[position], plan.stems[position]
        if not ids:
            if not plan.objects:
                _refuse_high_ids(plan, stem)
            results.append(np.zeros((rows, len(plan.objects)), np.int64))
            continue
        truth = plan.truth.read(stem, ids, None)
        prediction = plan.predictions.read(stem, ids, truth.shape)
        # Proposals are counted before void is taken out: one that is entirely in void is still a proposal.
        highest = prediction.max_id
        if plan.void:
            prediction, truth = _without_void(prediction, truth)
        if plan.max_id is not None and highest > plan.max_id:
            raise _too_high(plan, stem, highest, plan.max_id)
        if plan.matching == "hungarian":
            results.append(count_all_pairs(prediction, truth, highest + 1, len(plan.objects)))
        else:
            counts = np.zeros((rows, len(plan.objects)), np.int64)
            counts[:, [column[object_id] for object_id in ids]] = count_ids(prediction, truth, ids)
            results.append(counts)
    return results


def _without_void(prediction: FrameMasks, truth: FrameMasks) -> tuple[FrameMasks, FrameMasks]:
    if not isinstance(truth, LabelMap):
        return prediction, truth
    void = truth.labels == VOID_LABEL
    return (prediction.without(void), truth.without(void)) if void.any() else (prediction, truth)


def _refuse_high_ids(plan: SequencePlan, stem: str) -> None:
    """Parity: a sequence without objects adds no row, but its predictions must hold no id that is too high."""
    if plan.max_id is None or not plan.predictions.files(stem, ())[0].is_file():
        return
    highest = plan.predictions.read(stem, (), None).max_id
    if highest > plan.max_id:
        raise _too_high(plan, stem, highest, plan.max_id)


def _too_high(plan: SequencePlan, stem: str, highest: int, limit: int) -> MaskFileError:
    path = plan.predictions.files(stem, ())[0]
    hint = ""
    if highest == VOID_LABEL:
        hint = "; masks stored as 0/255 need 1 instead of 255, or --dataset davis16 if there is one object"
    meaning = "proposals that the protocol allows" if plan.matching == "hungarian" else "object(s) of this sequence"
    return MaskFileError(f"{path}: holds the id {highest}, above the {limit} {meaning}{hint}")


def object_series(plan: SequencePlan, frames: list[np.ndarray]) -> list[ObjectSeries]:
    """J and F of each object from the counts of all frames of the sequence, in the protocol's order of rows."""
    if not plan.objects:
        return []
    if plan.matching == "hungarian":
        return _matched_series(plan, frames)
    counts = np.stack(frames, axis=-1)  # (7, N, T); 9 by the rules of MOSEv2
    series = []
    for index, item in enumerate(plan.objects):
        frames_of_item = np.array(item.frames)
        if plan.from_first_seen:
            shown = counts[_UNION, index, frames_of_item] > 0
            if not shown.any():
                continue
            frames_of_item = frames_of_item[int(shown.argmax()) :]
        own = counts[:, index, frames_of_item]
        series.append(
            ObjectSeries(
                name=item.name,
                object_id=item.object_id,
                group=item.group,
                proposal=item.object_id,
                stems=tuple(plan.stems[position] for position in frames_of_item),
                **_measures(own, plan.rules),
            )
        )
    return series


def _measures(counts: np.ndarray, rules: str) -> dict[str, np.ndarray]:
    """Fields of `ObjectSeries` from the counts of one object, (7, T) or (9, T)."""
    if rules == "mosev2":
        adaptive, classic = adaptive_counts(counts), classic_counts(counts)
        measures = {
            "j": smoothed_similarity(adaptive),
            "f": boundary_measure(adaptive),
            "classic_f": boundary_measure(classic),
        }
    else:
        classic = MaskCounts(*counts)
        measures = {"j": region_similarity(classic), "f": boundary_measure(classic)}
    return measures | {"dice": dice(classic), "area": classic.true_area}


def _matched_series(plan: SequencePlan, frames: list[np.ndarray]) -> list[ObjectSeries]:
    """Assigns proposals to objects by the Hungarian method.

    Parity: rows come in the order of the proposals and are then numbered 1, 2, ..., as in davis2017-evaluation. The
    number in a row's name is therefore not the id of the object; `object_id` and `proposal` are.
    """
    # scipy.optimize takes as long to import as scoring dozens of frames; only this protocol needs it.
    from scipy.optimize import linear_sum_assignment

    proposals = max(len(plan.objects), *(frame.shape[1] - 1 for frame in frames))
    # The last row of each frame is an empty proposal: repeating it gives every frame the same number of proposals.
    padded = [
        np.concatenate([frame[:, :-1], np.repeat(frame[:, -1:], proposals - frame.shape[1] + 1, axis=1)], axis=1)
        for frame in frames
    ]
    counts = MaskCounts(*np.ascontiguousarray(np.stack(padded, axis=-1)))  # each (P, N, T)
    j, f = region_similarity(counts), boundary_measure(counts)
    quality = (np.mean(j, axis=2) + np.mean(f, axis=2)) / 2
    rows, columns = linear_sum_assignment(-quality)
    return [
        ObjectSeries(
            name=plan.objects[order].name,
            object_id=plan.objects[column].object_id,
            group=plan.objects[column].group,
            proposal=int(row) + 1,
            stems=plan.stems,
            j=j[row, column],
            f=f[row, column],
            dice=dice(counts)[row, column],
            area=counts.true_area[row, column],
        )
        for order, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
