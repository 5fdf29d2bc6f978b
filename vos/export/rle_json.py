"""Masks as run lengths in JSON: YouTube-VIS (one entry per object) and COCO (one entry per object and frame).

Both use the COCO API's compressed RLE, `{"size": [H, W], "counts": text}`. The one category is "object": zero-shot
masks have no class. Compatible readers: pycocotools for COCO (tracks are in `track_id`, and in
`attributes.track_id`, where CVAT looks), the YouTube-VIS API for the other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vos.atomic import write_bytes
from vos.errors import OutputError
from vos.export.palette_png import make_folder, png_name
from vos.results import FrameResult
from vos.rle import decode_counts, encode_counts
from vos.video import Frame, VideoInfo

_CATEGORIES = [{"id": 1, "name": "object", "supercategory": "object"}]


class _JsonSink:
    """What both have in common: entries are gathered as frames come, the file is written at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = (0, 0)

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        self._size = (info.width, info.height)

    def abort(self) -> None:
        pass

    def _save(self, value: dict[str, Any]) -> None:
        write_bytes(self.path, (json.dumps(value, separators=(",", ":")) + "\n").encode())


class YoutubeVisSink(_JsonSink):
    """YouTube-VIS annotations of one video: `segmentations[t]` is null where the object has no pixel."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._names: list[str] = []
        self._segments: dict[int, list[dict[str, Any] | None]] = {}

    def write(self, frame: Frame, result: FrameResult) -> None:
        known = len(self._names)
        self._names.append(png_name(result.index))
        for object_id in result.object_ids:
            segments = self._segments.setdefault(object_id, [])
            segments += [None] * (known - len(segments))
            segments.append(_segment(result.mask_of(object_id)))

    def close(self) -> None:
        width, height = self._size
        length = len(self._names)
        annotations = []
        for object_id, segments in sorted(self._segments.items()):
            padded = segments + [None] * (length - len(segments))
            annotations.append(
                {
                    "id": object_id,
                    "video_id": 1,
                    "category_id": 1,
                    "iscrowd": 0,
                    "width": width,
                    "height": height,
                    "length": length,
                    "segmentations": [s and s["segmentation"] for s in padded],
                    "bboxes": [s and s["bbox"] for s in padded],
                    "areas": [s and s["area"] for s in padded],
                }
            )
        video = {"id": 1, "width": width, "height": height, "length": length, "file_names": self._names}
        self._save({"videos": [video], "categories": _CATEGORIES, "annotations": annotations})


class CocoSink(_JsonSink):
    """COCO annotations: an image per frame, an annotation per object with pixels in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def write(self, frame: Frame, result: FrameResult) -> None:
        width, height = self._size
        image_id = result.index + 1
        self._images.append({"id": image_id, "file_name": png_name(result.index), "width": width, "height": height})
        for object_id in result.object_ids:
            segment = _segment(result.mask_of(object_id))
            if segment is not None:
                self._annotations.append(
                    {
                        "id": len(self._annotations) + 1,
                        "image_id": image_id,
                        "category_id": 1,
                        "iscrowd": 0,
                        "track_id": object_id,
                        "attributes": {"track_id": object_id},
                        **segment,
                    }
                )

    def close(self) -> None:
        self._save({"images": self._images, "categories": _CATEGORIES, "annotations": self._annotations})


def read_youtube_vis(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    value = _load(path)
    try:
        return {
            int(annotation["id"]): {
                index: _mask(segment) for index, segment in enumerate(annotation["segmentations"]) if segment
            }
            for annotation in value["annotations"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"{path}: not YouTube-VIS annotations ({error!r})") from error


def read_coco(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    value = _load(path)
    objects: dict[int, dict[int, np.ndarray]] = {}
    try:
        for annotation in value["annotations"]:
            frames = objects.setdefault(int(annotation["track_id"]), {})
            frames[int(annotation["image_id"]) - 1] = _mask(annotation["segmentation"])
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"{path}: not COCO annotations with track_id ({error!r})") from error
    return objects


def _segment(mask: np.ndarray) -> dict[str, Any] | None:
    """RLE, area in pixels and [x, y, width, height] of an (H, W) mask; None when it is empty."""
    area = int(np.count_nonzero(mask))
    if area == 0:
        return None
    rle = {"size": list(mask.shape), "counts": encode_counts(mask)}
    return {"segmentation": rle, "area": area, "bbox": list(cv2.boundingRect(mask.view(np.uint8)))}


def _mask(segment: dict[str, Any]) -> np.ndarray:
    height, width = segment["size"]
    return decode_counts(segment["counts"], width, height)


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: not readable JSON ({error})") from error
