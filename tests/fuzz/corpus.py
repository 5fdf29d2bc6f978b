"""What the cases are made from: small whole inputs of every kind, made once per session of fuzzing."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from PIL import Image

from seem_model.video_model import VideoModel
from vos.errors import VosError
from vos.files.index_png import write_palette_png
from vos.prompts import Box, PromptScript
from vos.runs.run import Observer, RunOptions, TrackJob, run_job
from vos.tracking import load_model as model_loading

WIDTH, HEIGHT, FRAMES = 64, 48, 8
SHORT_SIDE = "64"
BOX = ("--box", "10,8,40,36")

# File -> codec, pixel format.
_CLIPS = {
    "a.mp4": ("libx264", "yuv420p", {"movflags": "faststart"}),
    "b.mp4": ("libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov+delay_moov"}),
    "a.mov": ("mjpeg", "yuvj420p", {}),
    "a.mkv": ("libx264", "yuv420p", {}),
    "a.ts": ("mpeg2video", "yuv420p", {}),
    "a.webm": ("libvpx", "yuv420p", {}),
    "a.avi": ("mpeg4", "yuv420p", {}),
    "a.gif": ("gif", "rgb8", {}),
}

SCRIPT: dict[str, Any] = {
    "vos_prompts": 1,
    "size": [WIDTH, HEIGHT],
    "names": {"1": "disc"},
    "prompts": [
        {"object": 1, "stroke": {"lines": [[[20, 20], [30, 25.5]], [[28, 22]]], "width": 4}},
        {"object": 2, "box": [40, 10, 60, 30]},
        {"object": 3, "frame": 2, "points": {"positive": [[12, 40]], "negative": [[50, 5]]}},
        {"object": 4, "polygon": [[[2, 2], [14, 2], [8, 12]]]},
        {"object": 5, "mask": {"png": "mask.png", "id": 1}},
    ],
}
SCRIBBLES: dict[str, Any] = {
    "sequence": "disc",
    "scribbles": [[{"path": [[0.3, 0.4], [0.5, 0.6]], "object_id": 1, "start_time": 0, "end_time": 1}]]
    + [[] for _ in range(FRAMES - 1)],
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """Paths of whole inputs. Nothing in `root` is changed by a case.

    Attributes:
        clips: Videos of several formats.
        images: A folder of pictures.
        masks: PNG prompts: palette, painted, 16 bits.
        finished, cut_off: Output folders of a run that went through, and of one that can be resumed.
    """

    root: Path
    clips: tuple[Path, ...]
    images: Path
    masks: tuple[Path, ...]
    finished: Path
    cut_off: Path

    @property
    def clip(self) -> Path:
        """The one that the runs were made from."""
        return self.clips[0]


def make_corpus(root: Path) -> Corpus:
    """Makes everything in an empty folder."""
    frames = [_picture(index) for index in range(FRAMES)]
    clips = tuple(_write_clip(root / name, frames, *kind) for name, kind in _CLIPS.items())
    images = root / "images"
    images.mkdir()
    for index in range(4):
        Image.fromarray(frames[index]).save(images / f"{index:03d}.png")
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:36, 12:40] = 1
    labels[5:15, 45:60] = 2
    masks = (root / "mask.png", root / "painted.png", root / "wide.png")
    write_palette_png(masks[0], labels)
    Image.fromarray(np.dstack([labels * 120, labels * 0, labels * 60, (labels > 0) * 255]).astype(np.uint8)).save(
        masks[1]
    )
    Image.fromarray(labels.astype(np.uint16) * 300).save(masks[2])

    share_the_model()
    model = model_loading.load_model("compact", device="cpu", short_side=int(SHORT_SIDE))
    job = TrackJob(str(clips[0]), PromptScript((Box(10, 8, 40, 36),)), root / "finished")
    run_job(job, model, RunOptions(keep_snapshots=False))

    def cut_off(done: int, _total: int | None) -> None:
        if done == 7:
            raise VosError("cut off")

    with contextlib.suppress(VosError):
        job = TrackJob(str(clips[0]), PromptScript((Box(10, 8, 40, 36),)), root / "cut_off")
        run_job(job, model, RunOptions(snapshot_every=3), Observer(on_frame=cut_off))
    assert json.loads((root / "cut_off/run.json").read_text())["status"] == "failed"
    assert list((root / "cut_off/snapshots").iterdir())
    return Corpus(root, clips, images, masks, root / "finished", root / "cut_off")


def share_the_model() -> None:
    """Loads the embedded weights once per process and resolution instead of once per command."""
    original = model_loading.MODELS["compact"]
    shared = cache(original)

    def load(device: torch.device, weights: Path | None, short_side: int) -> VideoModel:
        return (shared if weights is None else original)(device, weights, short_side)

    model_loading.MODELS["compact"] = load


def _picture(index: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    picture = cv2.resize(rng.integers(60, 120, (6, 8, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    cv2.circle(picture, (24 + 2 * index, 22 + index), 12, (210, 60, 50), -1)
    return np.ascontiguousarray(picture)


def _write_clip(
    path: Path, frames: list[np.ndarray], codec: str, pixel_format: str, container_options: dict[str, str]
) -> Path:
    options = {"libx264": {"bf": "2", "g": "6", "threads": "1"}}.get(codec, {})
    with av.open(str(path), "w", container_options=container_options) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
