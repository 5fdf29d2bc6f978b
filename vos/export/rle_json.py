"""Masks as run lengths in JSON: YouTube-VIS (one entry per object) and COCO (one entry per object and frame).

Both use the COCO API's compressed RLE, `{"size": [H, W], "counts": text}`. Categories are the names that the user gave
to objects; unnamed ones are of category 1, "object". Compatible readers: pycocotools for COCO (tracks are in
`track_id`, and in `attributes.track_id`, where CVAT looks), the YouTube-VIS API for the other.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from vos.errors import OutputError
from vos.export.coco_rle import mask_of_segment, segment_of
from vos.export.context import ExportContext
from vos.export.sink import MaskSink
from vos.export.spool import Spool
from vos.files.atomic import write_bytes
from vos.files.index_png import make_folder
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class YoutubeVisSink(MaskSink):
    """YouTube-VIS annotations of one video: `segmentations[t]` is null where the object has no pixel.

    An entry holds an object's whole track, so run lengths wait in memory.
    """

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._size = (0, 0)
        self._names: list[str] = []
        self._segments: dict[int, list[dict[str, Any] | None]] = {}

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        self._size = (info.width, info.height)

    def write(self, frame: Frame, result: FrameResult) -> None:
        known = len(self._names)
        self._names.append(self._context.frame_name(result.index))
        for object_id in result.object_ids:
            segments = self._segments.setdefault(object_id, [])
            segments += [None] * (known - len(segments))
            segments.append(segment_of(result.mask_of(object_id)))

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
                    "category_id": self._context.category_of(object_id),
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
        value = {
            **coco_head(self._context),
            "videos": [video],
            "categories": coco_categories(self._context),
            "annotations": annotations,
        }
        write_bytes(self.path, (to_json(value) + "\n").encode())

    def abort(self) -> None:
        pass


class CocoSink(MaskSink):
    """COCO annotations: an image per frame, an annotation per object with pixels in it."""

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._size = (0, 0)
        self._images: list[dict[str, Any]] = []
        self._annotations: Spool | None = None
        self._count = 0

    def open(self, info: VideoInfo) -> None:
        self._size = (info.width, info.height)
        self._annotations = Spool(self.path, separator=",")

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._annotations is None:
            raise RuntimeError("write before open")
        width, height = self._size
        image_id = result.index + 1
        name = self._context.frame_name(result.index)
        self._images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for object_id in result.object_ids:
            segment = segment_of(result.mask_of(object_id))
            if segment is None:
                continue
            self._count += 1
            annotation = {
                "id": self._count,
                "image_id": image_id,
                "category_id": self._context.category_of(object_id),
                "iscrowd": 0,
                "track_id": object_id,
                "attributes": {"track_id": object_id},
                **segment,
            }
            self._annotations.add(to_json(annotation))

    def close(self) -> None:
        if self._annotations is None:
            raise RuntimeError("close before open")
        head = to_json(
            {**coco_head(self._context), "images": self._images, "categories": coco_categories(self._context)}
        )
        self._annotations.save(head[:-1] + ',"annotations":[', "]}\n")

    def abort(self) -> None:
        if self._annotations is not None:
            self._annotations.close()


def coco_head(context: ExportContext) -> dict[str, Any]:
    """`info` and `licenses` of the COCO family, which readers such as pycocotools expect to be there."""
    return {"info": {"description": f"masks of {context.video}", "version": "1.0"}, "licenses": []}


def coco_categories(context: ExportContext) -> list[dict[str, Any]]:
    """`categories` of the COCO family."""
    return [
        {"id": number, "name": name, "supercategory": "object"} for number, name in enumerate(context.categories, 1)
    ]


def to_json(value: Any) -> str:
    """JSON on one line without spaces."""
    return json.dumps(value, separators=(",", ":"))


def read_json_file(path: Path) -> Any:
    """Raises OutputError when the file is missing or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{path}: not readable JSON ({error})") from error


def read_youtube_vis(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    value = read_json_file(path)
    try:
        return {
            int(annotation["id"]): {
                index: mask_of_segment(segment) for index, segment in enumerate(annotation["segmentations"]) if segment
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
    value = read_json_file(path)
    objects: dict[int, dict[int, np.ndarray]] = {}
    try:
        for annotation in value["annotations"]:
            frames = objects.setdefault(int(annotation["track_id"]), {})
            frames[int(annotation["image_id"]) - 1] = mask_of_segment(annotation["segmentation"])
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"{path}: not COCO annotations with track_id ({error!r})") from error
    return objects
