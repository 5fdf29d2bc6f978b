"""CVAT XML 1.1 with masks, exact to the pixel, in both its kinds: for video and for images.

CVAT has no tracks of masks: its own export of a video task puts every mask into a track of one frame that ends on the
next, and its import takes the first shape of a track of masks. So do these files. What keeps the masks of an object
together is the label (the name that the user gave), the attribute `object_id`, and `group_id`. Run lengths are CVAT's
own: row by row inside the box, background first, which is not COCO's order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import cv2
import numpy as np

from vos.errors import OutputError
from vos.export.context import ExportContext
from vos.export.sink import MaskSink
from vos.export.spool import Spool
from vos.files.rle import mask_of_runs, runs_of
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

OBJECT_ATTRIBUTE = "object_id"


class _CvatSink(MaskSink):
    """What both kinds share: the shapes wait on disk until the number of frames, which stands before them, is known.

    Args:
        path: The XML file.
        context: Names of the video and its objects.
    """

    mode = ""

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._info: VideoInfo | None = None
        self._shapes: Spool | None = None
        self._frames = 0

    def open(self, info: VideoInfo) -> None:
        self._info = info
        self._shapes = Spool(self.path)

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._shapes is None:
            raise RuntimeError("write before open")
        for line in self._elements_of(result):
            self._shapes.add(line)
        self._frames += 1

    def _elements_of(self, result: FrameResult) -> Iterator[str]:
        raise NotImplementedError

    def close(self) -> None:
        if self._shapes is None or self._info is None:
            raise RuntimeError("close before open")
        self._shapes.save(_head(self.mode, self._info, self._frames, self._context), "</annotations>\n")

    def abort(self) -> None:
        if self._shapes is not None:
            self._shapes.close()


class CvatVideoSink(_CvatSink):
    """CVAT for video 1.1: one track of one frame per mask, closed by an empty shape on the next frame."""

    mode = "interpolation"

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        super().__init__(path, context)
        self._tracks = 0
        # Tracks of the frame before, which need an end if there is a further frame.
        self._open_tracks: list[str] = []

    def _elements_of(self, result: FrameResult) -> Iterator[str]:
        yield from self._ended_on(result.index)
        for object_id, box in _boxes(result):
            label = quoteattr(self._context.name_of(object_id))
            shape = _mask_element(result.mask_of(object_id), box, object_id, {"frame": result.index, "outside": 0})
            track = f'  <track id="{self._tracks}" label={label} source="file" group_id="{object_id}">\n    {shape}\n'
            self._open_tracks.append(track)
            self._tracks += 1

    def _ended_on(self, index: int) -> Iterator[str]:
        # One pixel in the corner: the shape is not shown, but must be one.
        end = _mask_element(np.ones((1, 1), bool), (0, 0, 1, 1), None, {"frame": index, "outside": 1})
        for track in self._open_tracks:
            yield f"{track}    {end}\n  </track>\n"
        self._open_tracks.clear()

    def close(self) -> None:
        if self._shapes is not None:
            for track in self._open_tracks:
                self._shapes.add(f"{track}  </track>\n")
        super().close()


class CvatImagesSink(_CvatSink):
    """CVAT for images 1.1: one element per frame with its masks. CVAT takes it for video tasks too."""

    mode = "annotation"

    def _elements_of(self, result: FrameResult) -> Iterator[str]:
        if self._context.frame_names:
            name = self._context.frame_name(result.index)
        else:
            name = f"frame_{result.index:06d}.png"  # what CVAT calls the frames of a video
        height, width = result.labels.shape
        yield f'  <image id="{result.index}" name={quoteattr(name)} width="{width}" height="{height}">\n'
        for object_id, box in _boxes(result):
            attributes = {
                "label": self._context.name_of(object_id),
                "source": "file",
                "group_id": object_id,
            }
            yield f"    {_mask_element(result.mask_of(object_id), box, object_id, attributes)}\n"
        yield "  </image>\n"


def read_cvat(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel; of either kind.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    objects: dict[int, dict[int, np.ndarray]] = {}
    try:
        root = ElementTree.parse(path).getroot()
        size = root.find("meta/task/original_size")
        if root.tag != "annotations" or size is None:
            raise ValueError("no annotations of a task")
        shape = int(size.findtext("height", "")), int(size.findtext("width", ""))
        for container in root:
            for element in container.iter("mask"):
                if element.get("outside") == "1":
                    continue
                index = int(element.get("frame") or container.get("id") or "")
                object_id = int(element.findtext("attribute", ""))
                objects.setdefault(object_id, {})[index] = _mask_of_element(element, shape)
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise OutputError(f"{path}: not CVAT annotations with masks ({error})") from error
    return objects


_Box = tuple[int, int, int, int]


def _boxes(result: FrameResult) -> Iterator[tuple[int, _Box]]:
    """(object id, (left, top, width, height)) of the objects with pixels."""
    for object_id in result.object_ids:
        left, top, width, height = cv2.boundingRect(result.mask_of(object_id).view(np.uint8))
        if width and height:
            yield object_id, (left, top, width, height)


def _mask_element(mask: np.ndarray, box: _Box, object_id: int | None, attributes: dict[str, Any]) -> str:
    left, top, width, height = box
    # CVAT goes along rows, `runs_of` down columns.
    runs = runs_of(mask[top : top + height, left : left + width].T)
    values = {
        **attributes,
        "keyframe": 1,
        "occluded": 0,
        "rle": ", ".join(map(str, runs)),
        "left": left,
        "top": top,
        "width": width,
        "height": height,
        "z_order": 0,
    }
    if "frame" not in attributes:
        del values["keyframe"]
    text = " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items())
    if object_id is None:
        return f"<mask {text}></mask>"
    return f'<mask {text}><attribute name="{OBJECT_ATTRIBUTE}">{object_id}</attribute></mask>'


def _mask_of_element(element: ElementTree.Element, shape: tuple[int, int]) -> np.ndarray:
    left, top, width, height = (int(element.get(name, "")) for name in ("left", "top", "width", "height"))
    if left < 0 or top < 0 or top + height > shape[0] or left + width > shape[1]:
        raise ValueError("a mask is outside of the picture")
    mask = np.zeros(shape, bool)
    runs = [int(run) for run in element.get("rle", "").split(",")]
    mask[top : top + height, left : left + width] = mask_of_runs(runs, width=height, height=width).T
    return mask


def _head(mode: str, info: VideoInfo, frames: int, context: ExportContext) -> str:
    labels = "".join(
        f"        <label><name>{escape(name)}</name><type>mask</type><attributes><attribute>"
        f"<name>{OBJECT_ATTRIBUTE}</name><mutable>False</mutable><input_type>text</input_type>"
        "<default_value></default_value><values></values></attribute></attributes></label>\n"
        for name in context.categories
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n'
        f"      <name>{escape(context.video)}</name>\n      <size>{frames}</size>\n      <mode>{mode}</mode>\n"
        f"      <start_frame>0</start_frame>\n      <stop_frame>{max(0, frames - 1)}</stop_frame>\n"
        f"      <labels>\n{labels}      </labels>\n"
        f"      <original_size><width>{info.width}</width><height>{info.height}</height></original_size>\n"
        "    </task>\n  </meta>\n"
    )
