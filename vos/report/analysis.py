"""What the masks of a run say about themselves: curves per object, and frames that look wrong.

Nothing here knows the truth. A frame is suspicious when its mask does not follow from the one before: an object of the
real world moves little, keeps its shape and size, and does not trade places with another from one frame to the next.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from vos.results import FrameResult

# A swap: more than this share of an object's pixels was another object's in the frame before, and more than its own.
SWAP_SHARE = 0.5
# A jump: no more than this Jaccard index with its own mask in the frame before, and moved by more than its own size.
JUMP_OVERLAP = 0.1
JUMP_SIZES = 1.0
# Back elsewhere: after an absence, further from where it was lost than this many of its sizes.
RETURN_SIZES = 3.0
# Presence counts as unsure from 0.15 to 0.85: 1 - |2p - 1| above this.
UNSURE = 0.3
# A frame below this score is steady: nothing in it asks for a look.
STEADY = 0.25

Kind = Literal["swap", "jump", "back elsewhere"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like an identity swap.

    Attributes:
        kind: Which rule it broke.
        object_id: Of the object that is suspicious.
        frame: Where it shows.
        text: What was measured.
    """

    kind: Kind
    object_id: int
    frame: int
    text: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """One object in one frame that is worth a look.

    Attributes:
        frame, object_id: Which.
        score: How much; 0 is a steady frame.
        reasons: Short phrases, the strongest first.
        point: (x, y) of the innermost pixel in the object's last steady mask: where a correction may begin.
    """

    frame: int
    object_id: int
    score: float
    reasons: tuple[str, ...]
    point: tuple[int, int]


@dataclass(slots=True)
class ObjectCurves:
    """One object over time; a value per frame of the run, NaN where there is none.

    Attributes:
        first: Frame in which it became known.
        area: Share of the picture in [0, 1]; 0 where absent.
        presence: In [0, 1].
        motion: Movement of the centroid since the frame before, in sizes of the object (square root of its area).
        score: How suspicious the frame is.
    """

    first: int
    area: array[float] = field(default_factory=lambda: array("f"))
    presence: array[float] = field(default_factory=lambda: array("f"))
    motion: array[float] = field(default_factory=lambda: array("f"))
    score: array[float] = field(default_factory=lambda: array("f"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last mask of an object that had pixels.

    `mask` is cut out of the picture at (left, top); `center` is in pixels of the picture.
    """

    frame: int
    mask: np.ndarray
    left: int
    top: int
    area: int
    center: tuple[float, float]

    @property
    def size(self) -> float:
        return math.sqrt(self.area)


@dataclass(slots=True)
class Analysis:
    """What was found.

    Attributes:
        frames: How many were looked at.
        times: Presentation time of each in seconds.
        objects: Curves by object id.
        findings: Likely identity swaps, in order of the frames.
        suspects: Per object and frame whatever is not steady.
    """

    frames: int = 0
    times: array[float] = field(default_factory=lambda: array("d"))
    objects: dict[int, ObjectCurves] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)


def analyse(results: Iterable[FrameResult]) -> Analysis:
    """Looks at every mask once, in order; keeps five numbers per object and frame, and one mask per object."""
    analysis = Analysis()
    last: dict[int, _Seen] = {}
    points: dict[int, tuple[int, int]] = {}
    before: np.ndarray | None = None
    for result in results:
        analysis.frames += 1
        analysis.times.append(result.time)
        for object_id, presence in zip(result.object_ids, result.presence, strict=True):
            curves = analysis.objects.setdefault(object_id, ObjectCurves(result.index))
            seen = _look(result, object_id)
            judged = _judge(result.index, object_id, seen, last.get(object_id), before, presence)
            curves.area.append(0.0 if seen is None else seen.area / result.labels.size)
            curves.presence.append(presence)
            curves.motion.append(judged.motion)
            curves.score.append(judged.score)
            if judged.finding is not None:
                analysis.findings.append(judged.finding)
            if seen is not None:
                if judged.score < STEADY or object_id not in points:
                    points[object_id] = _innermost(seen)
                last[object_id] = seen
            if judged.score >= STEADY and object_id in points:
                reasons = tuple(reason for _, reason in sorted(judged.reasons, reverse=True))
                suspect = Suspect(result.index, object_id, judged.score, reasons, points[object_id])
                analysis.suspects.append(suspect)
        before = result.labels
    return analysis


def worth_correcting(analysis: Analysis, count: int = 10) -> list[Suspect]:
    """The most suspicious frames, at most `count`, in order of time and some distance apart.

    One correction mends its neighbours too, so frames closer than a fortieth of the video (at least 3) to a more
    suspicious one are passed over.
    """
    distance = max(3, analysis.frames // 40)
    chosen: list[Suspect] = []
    for suspect in sorted(analysis.suspects, key=lambda s: (-s.score, s.frame, s.object_id)):
        if all(abs(suspect.frame - other.frame) >= distance for other in chosen):
            chosen.append(suspect)
        if len(chosen) == count:
            break
    return sorted(chosen, key=lambda s: (s.frame, s.object_id))


@dataclass(slots=True)
class _Judgement:
    motion: float = math.nan
    reasons: list[tuple[float, str]] = field(default_factory=list)
    finding: Finding | None = None

    @property
    def score(self) -> float:
        return sum(weight for weight, _ in self.reasons)

    def add(self, weight: float, reason: str) -> None:
        if weight > 0.05:
            self.reasons.append((weight, reason))


def _judge(
    index: int, object_id: int, seen: _Seen | None, last: _Seen | None, before: np.ndarray | None, presence: float
) -> _Judgement:
    judged = _Judgement()
    unsure = 1 - abs(2 * presence - 1)
    if unsure > UNSURE:
        judged.add(0.5 * unsure, f"presence {presence:.2f}: not sure that it is in view")
    if seen is None:
        if last is not None and last.frame == index - 1:
            judged.add(0.3, "lost here")
        return judged
    pieces = _largest_share(seen.mask)
    judged.add(0.4 * (1 - pieces), f"in pieces: the largest has {pieces:.0%} of it")
    if last is None or before is None:
        return judged
    distance = math.dist(seen.center, last.center) / math.sqrt(seen.size * last.size)
    if last.frame != index - 1:
        judged.add(0.25, f"back after {index - 1 - last.frame} frames")
        if distance > RETURN_SIZES:
            text = f"{distance:.1f} sizes from where it was lost {index - last.frame} frames before"
            judged.finding = Finding("back elsewhere", object_id, index, text)
            judged.add(0.6, "came back elsewhere")
        return judged
    judged.motion = distance
    ratio = seen.area / last.area
    judged.add(min(0.8, 0.5 * max(0.0, abs(math.log2(ratio)) - 0.2)), f"area x {ratio:.2f} in one frame")
    judged.add(0.6 * max(0.0, 0.75 - _shape_agreement(seen, last)), "its shape changed")
    under = before[seen.top : seen.top + seen.mask.shape[0], seen.left : seen.left + seen.mask.shape[1]][seen.mask]
    own = float((under == object_id).mean())
    others = np.bincount(under[(under != 0) & (under != object_id)])
    if others.size and (share := float(others.max()) / seen.area) > max(SWAP_SHARE, own):
        other = int(others.argmax())
        judged.finding = Finding("swap", object_id, index, f"{share:.0%} of it was object {other} one frame before")
        judged.add(1.5, f"took the place of object {other}")
    elif _jaccard(own * seen.area, seen.area, last.area) <= JUMP_OVERLAP and distance > JUMP_SIZES:
        judged.finding = Finding("jump", object_id, index, f"moved by {distance:.1f} of its sizes in one frame")
        judged.add(1.2, f"jumped by {distance:.1f} sizes")
    return judged


def _look(result: FrameResult, object_id: int) -> _Seen | None:
    mask = result.mask_of(object_id)
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not (width and height):
        return None
    cut = np.ascontiguousarray(mask[top : top + height, left : left + width])
    moments = cv2.moments(cut.view(np.uint8), binaryImage=True)
    center = left + moments["m10"] / moments["m00"], top + moments["m01"] / moments["m00"]
    return _Seen(result.index, cut, left, top, int(moments["m00"]), center)


def _jaccard(common: float, area: int, other: int) -> float:
    return common / (area + other - common)


def _shape_agreement(seen: _Seen, last: _Seen) -> float:
    """Jaccard index of two masks that are laid over each other by their centroids."""
    height = max(seen.mask.shape[0], last.mask.shape[0]) * 2
    width = max(seen.mask.shape[1], last.mask.shape[1]) * 2
    laid = []
    for one in (seen, last):
        canvas = np.zeros((height, width), bool)
        x = round(width / 2 - (one.center[0] - one.left))
        y = round(height / 2 - (one.center[1] - one.top))
        x, y = max(0, min(x, width - one.mask.shape[1])), max(0, min(y, height - one.mask.shape[0]))
        canvas[y : y + one.mask.shape[0], x : x + one.mask.shape[1]] = one.mask
        laid.append(canvas)
    common = int(np.count_nonzero(laid[0] & laid[1]))
    return _jaccard(common, seen.area, last.area)


def _largest_share(mask: np.ndarray) -> float:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return float(areas.max() / areas.sum())


def _innermost(seen: _Seen) -> tuple[int, int]:
    """(x, y) of the pixel furthest from the mask's border."""
    depth = cv2.distanceTransform(np.pad(seen.mask, 1).view(np.uint8), cv2.DIST_L2, 3)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return seen.left + int(x) - 1, seen.top + int(y) - 1
