"""The robot user clicks: on single pictures until the object is right, and once on frames of a tracked video."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.interactive.click_scores import CurveCase, TrackedCase
from pipelines.interactive.robot import Click, jaccard, next_click, outside_of
from seem_model.errors import ModelError
from seem_model.video_model import VideoModel
from vos.errors import PromptError
from vos.prompts import Mask, Points
from vos.tracking.target import TrackerState
from vos.tracking.tracker import VideoTracker

HORIZON = 20
"""Frames after a corrected one that are looked at."""


def click_curve(
    model: VideoModel, rgb: np.ndarray, truth: np.ndarray, *, void: np.ndarray | None, clicks: int, name: str
) -> CurveCase:
    """Clicks on one object of one picture.

    Every mask is that of a new tracker which gets all clicks so far, each a prompt of its own, in their order.

    Args:
        model: A loaded model.
        rgb: (H, W, 3) uint8.
        truth: (H, W) bool, not empty.
        void: (H, W) bool of pixels that count neither way, or None.
        clicks: How many.
        name: For the case.
    """
    mask = np.zeros(truth.shape, bool)
    area = int(truth.sum())
    made: list[Click] = []
    iou: list[float] = []
    collateral: list[float] = []
    refused = None
    for _ in range(clicks):
        click = next_click(mask, truth, void)
        if click is None:
            iou += [1.0] * (clicks - len(iou))
            break
        made.append(click)
        before = mask
        try:
            mask = VideoTracker(model).step(rgb, [own.prompt(1) for own in made]).labels == 1
        except (PromptError, ModelError) as error:
            refused = str(error)
        if len(made) > 1:
            collateral.append(int(((mask != before) & outside_of(click.region)).sum()) / area)
        iou.append(jaccard(mask, truth, void))
    disobeyed = sum(not _is_obeyed(click, mask) for click in made)
    return CurveCase(name, area, tuple(iou), tuple(collateral), disobeyed, refused)


@dataclass(frozen=True, slots=True, eq=False)
class TrueFrame:
    """A frame with its annotation.

    Attributes:
        rgb: (H, W, 3) uint8.
        labels: (H, W) integer object ids; 0 is background.
    """

    rgb: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Followed:
    """A frame of the uncorrected run.

    Attributes:
        state: Of the tracker before this frame.
        painted: (H, W) labels that it gave.
    """

    index: int
    frame: TrueFrame
    state: TrackerState
    painted: np.ndarray


def correct_tracked(
    model: VideoModel, frames: Iterable[TrueFrame], *, every: int, least_error: float, name: str
) -> Iterator[TrackedCase]:
    """One corrective click each on frames `every`, 2 `every`, ... of a sequence; every click is a case of its own.

    The object clicked is the one with the lowest IoU of those visible. Tracking begins with the true masks of the
    first frame.

    Args:
        model: A loaded model.
        frames: At least one; read one by one.
        every: Distance of corrected frames.
        least_error: The user leaves a mask alone whose largest error is below this share of the object's pixels.
        name: Of the sequence.
    """
    tracker = VideoTracker(model)
    window: deque[_Followed] = deque()
    for index, frame in enumerate(frames):
        prompts: list[Mask] = []
        if index == 0:
            ids = [int(object_id) for object_id in np.unique(frame.labels) if object_id]
            prompts = [Mask(frame.labels == object_id, object_id=object_id) for object_id in ids]
        state = tracker.snapshot()
        window.append(_Followed(index, frame, state, tracker.step(frame.rgb, prompts).labels))
        if len(window) > HORIZON + 1:
            window.popleft()
        if len(window) == HORIZON + 1 and _is_due(window[0].index, every):
            yield from _correct(model, list(window), least_error, name)
    # Frames near the end have fewer frames after them; one without any cannot be judged.
    while window:
        if len(window) <= HORIZON and len(window) > 1 and _is_due(window[0].index, every):
            yield from _correct(model, list(window), least_error, name)
        window.popleft()


def _is_due(index: int, every: int) -> bool:
    return index > 0 and index % every == 0


def _correct(model: VideoModel, followed: Sequence[_Followed], least_error: float, name: str) -> Iterator[TrackedCase]:
    """The case of the first of these frames; none if the user would leave it alone."""
    first = followed[0]
    visible = [
        int(i) for i in np.unique(first.frame.labels) if i and any(t.object_id == i for t in first.state.targets)
    ]
    if not visible:
        return
    worst = min(visible, key=lambda i: jaccard(first.painted == i, first.frame.labels == i))
    before, truth = first.painted == worst, first.frame.labels == worst
    area = int(truth.sum())
    click = next_click(before, truth)
    if click is None or click.area < least_error * area:
        return
    later = _mean_iou(worst, [(own.painted, own.frame.labels) for own in followed[1:]])
    tracker = VideoTracker(model)
    tracker.restore(first.state)
    after, later_after, refused = before, later, None
    prompt: Points = click.prompt(worst)
    try:
        after = tracker.step(first.frame.rgb, [prompt]).labels == worst
    except (PromptError, ModelError) as error:
        refused = str(error)
    else:
        again = [(tracker.step(own.frame.rgb).labels, own.frame.labels) for own in followed[1:]]
        later_after = _mean_iou(worst, again)
    changed = (after != before) & outside_of(click.region)
    yield TrackedCase(
        name=f"{name}/{first.index}/{worst}",
        area=area,
        is_positive=click.is_positive,
        error=click.area / area,
        iou=jaccard(before, truth),
        iou_after=jaccard(after, truth),
        later=later,
        later_after=later_after,
        frames=len(followed) - 1,
        collateral=int(changed.sum()) / area,
        harm=int((changed & (before == truth)).sum()) / area,
        is_obeyed=_is_obeyed(click, after),
        refused=refused,
    )


def _mean_iou(object_id: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([jaccard(painted == object_id, labels == object_id) for painted, labels in pairs]))


def _is_obeyed(click: Click, mask: np.ndarray) -> bool:
    return bool(mask[int(click.y), int(click.x)]) == click.is_positive
