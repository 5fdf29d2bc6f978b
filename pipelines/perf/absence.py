"""Objects that leave the view: pixels painted in their absence, and how they are found again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.perf.absence_clips import (
    TARGET,
    AbsenceClip,
    Cutout,
    drawn_material,
    make_clip,
    material_from_stills,
)
from seem_model.video_model import VideoModel
from vos.prompts import Mask
from vos.tracking.tracker import VideoTracker

# An object counts as found when its mask overlaps the truth by this much (Jaccard index).
FOUND = 0.5


@dataclass(frozen=True, slots=True)
class Setting:
    """What else is in view, and whether it is prompted too."""

    name: str
    look_alikes: int
    prompt_all: bool


SETTINGS = (
    Setting("alone", 0, False),
    Setting("a look-alike in view", 1, False),
    Setting("a look-alike, also tracked", 1, True),
)


@dataclass(frozen=True, slots=True)
class ClipScore:
    """Scores of one clip.

    Attributes:
        false_pixels: Pixels of the target painted per frame without it, over its pixels in the first frame.
        false_frames: Share of the frames without the target in which it has any pixel.
        reacquired_after: Frames from when half of the target is in view again until it is found; None if never.
        identity_kept: Whether in the last frame more of its pixels are on the target than anywhere else.
        jaccard: Mean Jaccard index over the frames with at least half of the target in view.
    """

    false_pixels: float
    false_frames: float
    reacquired_after: int | None
    identity_kept: bool
    jaccard: float


@dataclass(frozen=True, slots=True)
class AbsenceScore:
    """Means over clips, as in `ClipScore`; `reacquired_after` is the median over the clips that found it again."""

    setting: str
    clips: int
    false_pixels: float
    false_frames: float
    reacquired: float
    reacquired_after: float | None
    identity_kept: float
    jaccard: float


def score_clip(clip: AbsenceClip, labels: Sequence[np.ndarray]) -> ClipScore:
    """Compares label maps with the truth of a clip, for the target."""
    painted = [label == TARGET for label in labels]
    truth = [label == TARGET for label in clip.labels]
    full = int(truth[0].sum())
    away = [t for t in range(len(truth)) if t >= clip.gone and not truth[t].any()]
    overlap = [_jaccard(a, b) for a, b in zip(painted, truth, strict=True)]
    found = next((t for t in range(clip.back, len(truth)) if overlap[t] >= FOUND), None)
    shown = [t for t in range(1, len(truth)) if truth[t].sum() >= full / 2]
    on_target = int((painted[-1] & truth[-1]).sum())
    return ClipScore(
        false_pixels=float(np.mean([painted[t].sum() for t in away]) / full),
        false_frames=float(np.mean([painted[t].any() for t in away])),
        reacquired_after=None if found is None else found - clip.back,
        identity_kept=on_target > int(painted[-1].sum()) - on_target,
        jaccard=float(np.mean([overlap[t] for t in shown])),
    )


def track_clip(model: VideoModel, clip: AbsenceClip, *, prompt_all: bool, absent_below: float) -> list[np.ndarray]:
    """Label maps of a clip, prompted with the true masks of its first frame."""
    tracker = VideoTracker(model, absent_below=absent_below)
    ids = [int(i) for i in np.unique(clip.labels[0]) if i == TARGET or (prompt_all and i)]
    prompts = [Mask(clip.labels[0] == i, object_id=i) for i in ids]
    return [tracker.step(frame, prompts if t == 0 else ()).labels for t, frame in enumerate(clip.frames)]


def measure_absence(
    model: VideoModel, *, clips: int, stills: Path | None = None, absent_below: float = 0.5, seed: int = 11
) -> list[AbsenceScore]:
    """Tracks leave-and-return clips in every setting.

    Args:
        model: A loaded model.
        clips: Clips per setting, the same objects in each.
        stills: Folder of pictures with instance masks to cut objects from; None for drawn ones.
        absent_below: Presence below which an object is absent.
        seed: Chooses the objects.
    """
    material: list[tuple[np.ndarray, Cutout]]
    if stills is None:
        material = [drawn_material(seed + number) for number in range(clips)]
    else:
        material = list(material_from_stills(stills, clips, seed))
    scores = []
    for setting in SETTINGS:
        own = []
        for ground, cutout in material:
            clip = make_clip(ground, cutout, look_alikes=setting.look_alikes)
            labels = track_clip(model, clip, prompt_all=setting.prompt_all, absent_below=absent_below)
            own.append(score_clip(clip, labels))
        scores.append(_mean(setting.name, own))
    return scores


def _mean(name: str, scores: Sequence[ClipScore]) -> AbsenceScore:
    waits = [score.reacquired_after for score in scores if score.reacquired_after is not None]
    return AbsenceScore(
        setting=name,
        clips=len(scores),
        false_pixels=_average(score.false_pixels for score in scores),
        false_frames=_average(score.false_frames for score in scores),
        reacquired=len(waits) / len(scores),
        reacquired_after=float(np.median(waits)) if waits else None,
        identity_kept=_average(score.identity_kept for score in scores),
        jaccard=_average(score.jaccard for score in scores),
    )


def _average(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0
