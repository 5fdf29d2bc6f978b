"""COCO and YouTube-VIS files as groups of masks to be matched."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.average_precision import PICTURE_LIMITS, TRACK_LIMITS, AveragePrecision, Matchable, average_precision
from eval.errors import DatasetError, MaskFileError
from eval.run_lengths import Runs, iou_of, read_runs

_DETECTIONS = (1, 10, 100)


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """Names of the parts of a file: of pictures, or of videos."""

    container: str
    key: str
    masks: str


_PICTURES = _Kind("images", "image_id", "segmentation")
_VIDEOS = _Kind("videos", "video_id", "segmentations")


@dataclass(frozen=True, slots=True, eq=False)
class _Mask:
    """A mask or a track of a category; `frames` has one entry for a picture."""

    frames: tuple[Runs | None, ...]
    area: float
    score: float = 1.0
    is_crowd: bool = False


def score_coco_files(truth: Path, results: Path) -> AveragePrecision:
    """Mask AP of detections in a COCO file, or of tracks in a YouTube-VIS file.

    Args:
        truth: JSON with "images" or "videos", "categories" and "annotations" with masks as run lengths. Polygons need
            pycocotools, whose way to fill them is part of the definition.
        results: JSON list of detections with "image_id" or "video_id", "category_id", "score", "segmentation" or
            "segmentations"; or a file like the ground truth, in which a missing "score" is 1.

    Raises:
        DatasetError: The ground truth cannot be used.
        MaskFileError: The detections cannot be used.
    """
    true = _read(truth, DatasetError)
    kind = _VIDEOS if isinstance(true, dict) and "videos" in true else _PICTURES
    try:
        sizes = {item["id"]: _shape(item) for item in true[kind.container]}
        categories = [item["id"] for item in true["categories"]]
        masks = _masks(true["annotations"], kind, sizes, truth=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{truth}: not ground truth as COCO or YouTube-VIS write it ({error!r})") from error
    found = _read(results, MaskFileError)
    try:
        rows = found["annotations"] if isinstance(found, dict) else found
        if unknown := [row[kind.key] for row in rows if row[kind.key] not in sizes]:
            raise MaskFileError(f"{results}: {kind.key} {unknown[0]} is not in {truth}")
        detected = _masks(rows, kind, sizes, truth=False)
        groups = {
            category: [_matchable(detected[place, category], masks[place, category]) for place in sorted(sizes)]
            for category in categories
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MaskFileError(f"{results}: not detections with masks as run lengths ({error!r})") from error
    limits = TRACK_LIMITS if kind is _VIDEOS else PICTURE_LIMITS
    return average_precision(groups, limits=limits, detections=_DETECTIONS)


def _read(path: Path, error_class: type[DatasetError | MaskFileError]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise error_class(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise error_class(f"{path}: not JSON ({error})") from error


def _shape(item: dict[str, Any]) -> tuple[int, int]:
    return int(item["height"]), int(item["width"])


def _masks(
    rows: Sequence[Any], kind: _Kind, sizes: dict[Any, tuple[int, int]], *, truth: bool
) -> defaultdict[tuple[Any, Any], list[_Mask]]:
    """(picture or video, category) -> its masks, in the order of the file."""
    found: defaultdict[tuple[Any, Any], list[_Mask]] = defaultdict(list)
    for row in rows:
        given = row[kind.masks] if kind is _VIDEOS else [row[kind.masks]]
        frames = tuple(None if item is None else _runs(item, sizes[row[kind.key]]) for item in given)
        areas = [item.area for item in frames if item is not None]
        # The area of a true picture mask is what its file says; of a track, the mean over its frames.
        stated = row.get("area") if truth and kind is _PICTURES else None
        area = float(stated) if stated is not None else float(np.mean(areas)) if areas else 0.0
        mask = _Mask(frames, area, float(row.get("score", 1.0)), bool(row.get("iscrowd", 0)) and truth)
        found[row[kind.key], row["category_id"]].append(mask)
    return found


def _runs(item: Any, size: tuple[int, int]) -> Runs:
    if not isinstance(item, list):
        return read_runs(item)
    try:
        from pycocotools import mask as pycocotools_mask
    except ImportError as error:
        raise DatasetError(
            'a mask is given as polygons, which pycocotools has to fill: pip install "seem-vos[formats]"'
        ) from error
    rle = pycocotools_mask.merge(pycocotools_mask.frPyObjects(item, *size))
    return read_runs({"size": rle["size"], "counts": rle["counts"].decode("ascii")})


def _matchable(detected: Sequence[_Mask], true: Sequence[_Mask]) -> Matchable:
    pixels = iou_of([item.frames for item in detected], [item.frames for item in true])
    shared, own, theirs = (pixels[..., n] for n in range(3))
    is_crowd = np.array([item.is_crowd for item in true], bool)
    joined = np.where(is_crowd, own, own + theirs - shared)
    return Matchable(
        scores=np.array([item.score for item in detected], np.float64),
        iou=shared / np.maximum(joined, 1),
        areas=np.array([item.area for item in detected], np.float64),
        true_areas=np.array([item.area for item in true], np.float64),
        is_crowd=is_crowd,
    )
