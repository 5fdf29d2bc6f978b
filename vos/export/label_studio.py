"""Label Studio tasks with predictions: exact brush masks per frame, or a video's boxes.

Label Studio has no masks on video: `BrushLabels` is for images, `VideoRectangle` for boxes. So a run becomes a task per
frame with a brush per object, which is exact, or one task for the video with a track of boxes per object.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vos.errors import OutputError
from vos.export.brush_rle import decode_brush, encode_brush
from vos.export.context import ExportContext
from vos.export.rle_json import read_json_file, to_json
from vos.export.sink import MaskSink
from vos.export.spool import Spool
from vos.files.atomic import write_bytes
from vos.files.index_png import make_folder
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

MODEL_VERSION = "seem-vos"
# What Label Studio assumes where nothing is said.
DEFAULT_RATE = Fraction(24)
_HIGHEST_RATE = 120.0


class BrushSink(MaskSink):
    """A list of image tasks, one per frame, for `<BrushLabels name="tag" toName="image">` on `<Image value="$image">`.

    `data.image` is the frame's file name: put the address where Label Studio finds the frames before it.
    """

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._tasks: Spool | None = None

    def open(self, info: VideoInfo) -> None:
        self._tasks = Spool(self.path, separator=",\n")

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._tasks is None:
            raise RuntimeError("write before open")
        height, width = result.labels.shape
        regions = []
        for object_id, score in zip(result.object_ids, result.presence, strict=True):
            mask = result.mask_of(object_id)
            if mask.any():
                value = {
                    "format": "rle",
                    "rle": encode_brush(mask),
                    "brushlabels": [self._context.name_of(object_id)],
                }
                regions.append(
                    {
                        "id": _region_id(object_id),
                        "type": "brushlabels",
                        "from_name": "tag",
                        "to_name": "image",
                        "original_width": width,
                        "original_height": height,
                        "image_rotation": 0,
                        "value": value,
                        "score": score,
                    }
                )
        data = {"image": self._context.frame_name(result.index), "frame": result.index, "time": result.time}
        self._tasks.add(to_json({"data": data, "predictions": [{"model_version": MODEL_VERSION, "result": regions}]}))

    def close(self) -> None:
        if self._tasks is None:
            raise RuntimeError("close before open")
        self._tasks.save("[\n", "\n]\n")

    def abort(self) -> None:
        if self._tasks is not None:
            self._tasks.close()


@dataclass(slots=True)
class _BoxTrack:
    """Boxes of one object, in the form of Label Studio, and in how many pixels it was seen where."""

    sequence: list[dict[str, Any]] = field(default_factory=list)
    last_index: int = -1
    scores: list[float] = field(default_factory=list)


class VideoBoxSink(MaskSink):
    """One video task with a track of boxes per object, for `<VideoRectangle name="box" toName="video">`.

    Label Studio shows a video at one constant rate, and finds the frame as time x rate: `data.fps` is that rate (give
    the tag `frameRate="$fps"`), and `frame` counts from 1 on that grid, from the player's start. In a video of variable
    rate that is another number than the source's, and the rate is that of its closest frames, so that no two fall on
    one place. A box on every frame with pixels; the last before an absence is not `enabled`, so that nothing is
    interpolated through it.
    """

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._tracks: dict[int, _BoxTrack] = {}
        self._frames = 0
        self._times: list[float] = []
        self._shortest = math.inf
        self.notes: list[str] = []

    def open(self, info: VideoInfo) -> None:
        make_folder(self.path.parent)
        self._duration = info.duration
        self._rate = float(info.average_rate or DEFAULT_RATE)
        self._is_vfr = info.is_vfr

    def write(self, frame: Frame, result: FrameResult) -> None:
        height, width = result.labels.shape
        self._frames += 1
        if self._times:
            self._shortest = min(self._shortest, result.time - self._times[-1])
        self._times = [*self._times[:1], result.time]
        seconds = result.time - self._times[0]
        for object_id, score in zip(result.object_ids, result.presence, strict=True):
            x, y, w, h = cv2.boundingRect(result.mask_of(object_id).view(np.uint8))
            if not (w and h):
                continue
            track = self._tracks.setdefault(object_id, _BoxTrack())
            if track.sequence and track.last_index != result.index - 1:
                track.sequence[-1]["enabled"] = False
            track.last_index = result.index
            track.scores.append(score)
            track.sequence.append(
                {
                    "enabled": True,
                    "rotation": 0,
                    "x": 100 * x / width,
                    "y": 100 * y / height,
                    "width": 100 * w / width,
                    "height": 100 * h / height,
                    "time": seconds,
                }
            )

    def close(self) -> None:
        if self._is_vfr and 0 < self._shortest < math.inf:
            self._rate = min(_HIGHEST_RATE, round(1 / self._shortest, 3))
            self.notes.append(
                f"{self.path.name}: the video has a variable rate; frames are counted at {self._rate:g} per second: "
                'set frameRate="$fps" in the Video tag'
            )
        regions = []
        for object_id, track in sorted(self._tracks.items()):
            if track.last_index < self._frames - 1:
                track.sequence[-1]["enabled"] = False
            value = {
                "framesCount": self._frames_on_the_grid(),
                "duration": self._seconds(),
                "sequence": [{"frame": self._number_at(box["time"]), **box} for box in track.sequence],
                "labels": [self._context.name_of(object_id)],
            }
            regions.append(
                {
                    "id": _region_id(object_id),
                    "type": "videorectangle",
                    "from_name": "box",
                    "to_name": "video",
                    "value": value,
                    "score": float(np.mean(track.scores)),
                }
            )
        predictions = [{"model_version": MODEL_VERSION, "result": regions}]
        data = {"video": self._context.video, "fps": self._rate}
        task = {"data": data, "predictions": predictions}
        write_bytes(self.path, (json.dumps([task]) + "\n").encode())

    def _frames_on_the_grid(self) -> int:
        """How many frames the video has at its constant rate."""
        last = self._times[-1] - self._times[0] if self._times else 0.0
        return max(self._number_at(last), round(self._seconds() * self._rate))

    def _number_at(self, seconds: float) -> int:
        """Number from 1 of the frame that is shown at a time of the player."""
        # Half a millisecond: times of containers are rounded, and a frame begins at its own time.
        return math.floor((seconds + 5e-4) * self._rate) + 1

    def _seconds(self) -> float:
        """Length of the video: as the source says, else up to the last frame."""
        if self._duration is not None:
            return self._duration
        return self._times[-1] - self._times[0] if self._times else 0.0

    def abort(self) -> None:
        pass


def read_label_studio(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool of brush tasks, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    tasks = read_json_file(path)
    objects: dict[int, dict[int, np.ndarray]] = {}
    try:
        for task in tasks:
            index = int(task["data"]["frame"])
            for region in task["predictions"][0]["result"]:
                mask = decode_brush(region["value"]["rle"], region["original_width"], region["original_height"])
                objects.setdefault(_object_of(region["id"]), {})[index] = mask
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise OutputError(f"{path}: not Label Studio tasks with brushes ({error!r})") from error
    return objects


def _region_id(object_id: int) -> str:
    return f"object_{object_id}"


def _object_of(region_id: str) -> int:
    return int(region_id.removeprefix("object_"))
