"""Mask AP as COCO defines it: scored masks against true ones, for pictures and for tracks.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014. For each category, area range and limit on
detections, these are taken in the order of their scores, matched one to one with true masks at ten thresholds of IoU,
and precision is averaged over 101 values of recall. The arithmetic (order of ties, the last threshold below 1,
precision with its epsilon, matches with ignored and crowd masks) is that of pycocotools' COCOeval, so that the numbers
are equal. A track (YouTube-VIS) is matched by the IoU over all its frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
_LARGEST = 1e5**2
# Limits between small, medium and large, in pixels: of COCO for pictures, of YouTube-VIS for the mean over a track.
PICTURE_LIMITS = (32.0**2, 96.0**2)
TRACK_LIMITS = (128.0**2, 256.0**2)


@dataclass(frozen=True, slots=True, eq=False)
class Matchable:
    """All true and detected masks (or tracks) of one category in one picture (or video).

    Attributes:
        scores: (D,) float64 of the detections, in the order of the file.
        iou: (D, G) float64 of detections and true masks; with a crowd, intersection over the detection's area.
        areas, true_areas: (D,) and (G,) float64.
        is_crowd: (G,) bool; crowds match any number of detections, and count neither way.
    """

    scores: np.ndarray
    iou: np.ndarray
    areas: np.ndarray
    true_areas: np.ndarray
    is_crowd: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class AveragePrecision:
    """The table of COCO; numbers in [0, 1], or -1 where there is no true mask.

    Attributes:
        headline: Names as COCO prints them: AP, AP50, AP75, APs, APm, APl, then AR by limit and size.
    """

    headline: Mapping[str, float]


def average_precision(
    groups: Mapping[int, Sequence[Matchable]], *, limits: tuple[float, float], detections: tuple[int, int, int]
) -> AveragePrecision:
    """AP and AR over categories.

    Args:
        groups: Category -> its pictures or videos, in the order of their ids.
        limits: Areas between small, medium and large.
        detections: Three ascending limits on the detections of a category in a picture: (1, 10, 100) for COCO.
    """
    ranges = {
        "all": (0.0, _LARGEST),
        "s": (0.0, limits[0]),
        "m": (limits[0], limits[1]),
        "l": (limits[1], _LARGEST),
    }
    most = detections[-1]
    tables = {
        (area, limit): _table(groups, ranges[area], limit)
        for area, limit in (*((area, most) for area in ranges), *(("all", limit) for limit in detections[:-1]))
    }
    precision = tables["all", most][0]
    at = {threshold: int(np.argmin(np.abs(THRESHOLDS - threshold))) for threshold in (0.5, 0.75)}
    headline = {
        "AP": _mean(precision),
        "AP50": _mean(precision[at[0.5]]),
        "AP75": _mean(precision[at[0.75]]),
        **{f"AP{area}": _mean(tables[area, most][0]) for area in ("s", "m", "l")},
        **{f"AR{limit}": _mean(tables["all", limit][1]) for limit in detections},
        **{f"AR{area}": _mean(tables[area, most][1]) for area in ("s", "m", "l")},
    }
    return AveragePrecision(headline)


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if known.size else -1.0


def _table(
    groups: Mapping[int, Sequence[Matchable]], area: tuple[float, float], limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """(10, 101, K) precision and (10, K) recall of K categories; -1 for those without a true mask."""
    precision = np.full((len(THRESHOLDS), len(RECALLS), len(groups)), -1.0)
    recall = np.full((len(THRESHOLDS), len(groups)), -1.0)
    for column, category in enumerate(sorted(groups)):
        matched = [_match(item, area, limit) for item in groups[category]]
        total = sum(int(np.count_nonzero(~item.true_ignored)) for item in matched)
        if total == 0:
            continue
        order = np.argsort(-np.concatenate([item.scores for item in matched]), kind="mergesort")
        is_match = np.concatenate([item.is_match for item in matched], axis=1)[:, order]
        ignored = np.concatenate([item.ignored for item in matched], axis=1)[:, order]
        hits = np.cumsum(is_match & ~ignored, axis=1).astype(np.float64)
        misses = np.cumsum(~is_match & ~ignored, axis=1).astype(np.float64)
        for row in range(len(THRESHOLDS)):
            found = hits[row] / total
            # Parity: the epsilon is added as COCOeval adds it.
            exact = hits[row] / (misses[row] + hits[row] + np.spacing(1))
            recall[row, column] = found[-1] if len(found) else 0.0
            envelope = np.maximum.accumulate(exact[::-1])[::-1]
            places = np.searchsorted(found, RECALLS, side="left")
            sampled = np.zeros(len(RECALLS))
            reached = places < len(envelope)
            sampled[reached] = envelope[places[reached]]
            precision[row, :, column] = sampled
    return precision, recall


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """scores (D,), is_match and ignored (10, D) bool of the detections kept; true_ignored (G,) bool."""

    scores: np.ndarray
    is_match: np.ndarray
    ignored: np.ndarray
    true_ignored: np.ndarray


def _match(item: Matchable, area: tuple[float, float], limit: int) -> _Matched:
    true_ignored = item.is_crowd | (item.true_areas < area[0]) | (item.true_areas > area[1])
    kept = np.argsort(-item.scores, kind="mergesort")[:limit]
    # True masks that count come first.
    true_order = np.argsort(true_ignored, kind="mergesort")
    iou = item.iou[np.ix_(kept, true_order)]
    skipped, crowd = true_ignored[true_order], item.is_crowd[true_order]
    outside = (item.areas[kept] < area[0]) | (item.areas[kept] > area[1])
    is_match = np.zeros((len(THRESHOLDS), len(kept)), bool)
    ignored = np.zeros((len(THRESHOLDS), len(kept)), bool)
    for row, threshold in enumerate(THRESHOLDS):
        taken = np.zeros(len(true_order), bool)
        for detection in range(len(kept)):
            best, partner = min(threshold, 1 - 1e-10), -1
            for true in range(len(true_order)):
                if taken[true] and not crowd[true]:
                    continue
                if partner > -1 and not skipped[partner] and skipped[true]:
                    break
                if iou[detection, true] >= best:
                    best, partner = iou[detection, true], true
            if partner > -1:
                is_match[row, detection] = taken[partner] = True
                ignored[row, detection] = skipped[partner]
            else:
                ignored[row, detection] = outside[detection]
    return _Matched(item.scores[kept], is_match, ignored, true_ignored)
