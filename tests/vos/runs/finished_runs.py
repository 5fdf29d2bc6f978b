"""Finished runs with known masks, written by the sinks of a real run but without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from vos.export import PalettePngSink
from vos.prompts import Box, PromptScript
from vos.results import FrameResult
from vos.runs.folder import OutputFolder
from vos.runs.inputs import RunInputs, decoder_of, fingerprint
from vos.runs.record import RunRecord
from vos.video import VideoEncoder, open_source
from vos.video.images import ImageFolderSource

WIDTH, HEIGHT = 47, 31
TIME_BASE = Fraction(1, 1000)


def label_maps(count: int = 6, ids: Sequence[int] = (1, 300)) -> list[np.ndarray]:
    """(31, 47) uint16 each: the first object moves, with a hole in it; the second is away in frames 2 and 3."""
    maps = []
    for t in range(count):
        labels = np.zeros((HEIGHT, WIDTH), np.uint16)
        labels[4:16, 3 + 2 * t : 17 + 2 * t] = ids[0]
        labels[8:11, 8 + 2 * t : 11 + 2 * t] = 0
        if t not in (2, 3):
            labels[20:31, 40 - t : 47] = ids[1]
            labels[25, 45] = 0
        maps.append(labels)
    return maps


def pictures(count: int = 6) -> list[np.ndarray]:
    """(31, 47, 3) uint8 each: smooth colours that change from frame to frame."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return [
        np.dstack([rows * 6 + t, columns * 4, np.full_like(rows, 30 * t + 20)]).astype(np.uint8) for t in range(count)
    ]


def write_clip(path: Path, count: int = 6) -> Path:
    """A lossless video at a variable rate."""
    with VideoEncoder(path, width=WIDTH, height=HEIGHT, time_base=TIME_BASE, codec="ffv1") as encoder:
        for t, picture in enumerate(pictures(count)):
            encoder.write(picture, t * 40 + t % 3 * 7)
    return path


def write_run(
    root: Path,
    video: Path,
    maps: Sequence[np.ndarray],
    *,
    ids: Sequence[int] = (1, 300),
    names: Mapping[int, str] | None = None,
    status: str = "done",
) -> Path:
    """The folder of a run over `video` that found `maps`."""
    folder = OutputFolder(root)
    folder.create()
    with open_source(video) as source:
        images = source.paths if isinstance(source, ImageFolderSource) else ()
        inputs = RunInputs(
            video=str(video),
            fingerprint=fingerprint(str(video), images),
            decoder=decoder_of(str(video)),
            script=PromptScript((Box(1, 1, 9, 9, object_id=ids[0]),), names=names or {}),
            model="compact",
            weights_sha256="ab" * 32,
            engine="onnxruntime",
            device="cpu",
            threads=1,
            instructions="AVX2",
            options={"source": {}, "absent_below": 0.5},
            outputs={},
        )
        record = RunRecord(folder, inputs)
        sinks = [PalettePngSink(folder.masks), record]
        record.begin(source.info)
        for sink in sinks:
            sink.open(source.info)
        for frame, labels in zip(source, maps, strict=False):
            presence = tuple(0.9 if (labels == object_id).any() else 0.1 for object_id in ids)
            result = FrameResult(frame.index, frame.pts, frame.time_base, labels, tuple(ids), presence)
            for sink in sinks:
                sink.write(frame, result)
        for sink in sinks:
            sink.close()
        record.finish(status, info=source.info, seconds=1.0)
    return root


def change_record(root: Path, **members: object) -> None:
    """Puts other members into run.json."""
    path = OutputFolder(root).record
    path.write_text(json.dumps(json.loads(path.read_text()) | members))
