"""BURST annotations of one video (Athar et al., WACV 2023): per frame a dictionary of tracks, masks as COCO RLE.

The form of the benchmark's ground truth and of what its evaluation takes as a prediction. `fps` is a whole number
there, so rates like 29.97 are rounded; frames are counted, not timed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vos.errors import OutputError
from vos.export.context import ExportContext
from vos.export.rle_json import read_json_file, to_json
from vos.export.sink import MaskSink
from vos.export.spool import Spool
from vos.files.rle import decode_counts, encode_counts
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


class BurstSink(MaskSink):
    """One sequence in the form of BURST; an object is in a frame's dictionary where it has a pixel."""

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._info: VideoInfo | None = None
        self._frames: Spool | None = None
        self._names: list[str] = []
        self._ids: set[int] = set()

    def open(self, info: VideoInfo) -> None:
        self._info = info
        self._frames = Spool(self.path, separator=",")

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._frames is None:
            raise RuntimeError("write before open")
        self._names.append(self._context.frame_name(result.index))
        tracks = {}
        for object_id, score in zip(result.object_ids, result.presence, strict=True):
            mask = result.mask_of(object_id)
            if mask.any():
                tracks[str(object_id)] = {"rle": encode_counts(mask), "is_gt": False, "score": score}
        self._ids.update(result.object_ids)
        self._frames.add(to_json(tracks))

    def close(self) -> None:
        if self._info is None or self._frames is None:
            raise RuntimeError("close before open")
        sequence = {
            "id": 0,
            "seq_name": Path(self._context.video).stem,
            "dataset": "vos",
            "width": self._info.width,
            "height": self._info.height,
            "fps": round(self._info.average_rate) if self._info.average_rate else 0,
            "all_image_paths": self._names,
            "annotated_image_paths": self._names,
            "neg_category_ids": [],
            "not_exhaustive_category_ids": [],
            "track_category_ids": {str(i): self._context.category_of(i) for i in sorted(self._ids)},
        }
        categories = [{"id": number, "name": name} for number, name in enumerate(self._context.categories, 1)]
        before = '{"sequences":[' + to_json(sequence)[:-1] + ',"segmentations":['
        self._frames.save(before, "]}]," + to_json({"categories": categories, "split": "test"})[1:] + "\n")

    def abort(self) -> None:
        if self._frames is not None:
            self._frames.close()


def read_burst(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool of the first sequence, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    value = read_json_file(path)
    try:
        sequence = value["sequences"][0]
        width, height = int(sequence["width"]), int(sequence["height"])
        objects: dict[int, dict[int, np.ndarray]] = {int(i): {} for i in sequence["track_category_ids"]}
        for index, tracks in enumerate(sequence["segmentations"]):
            for object_id, track in tracks.items():
                objects[int(object_id)][index] = decode_counts(track["rle"], width, height)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise OutputError(f"{path}: not BURST annotations ({error!r})") from error
    return objects
