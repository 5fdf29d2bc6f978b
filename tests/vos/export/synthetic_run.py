"""A tiny run with known masks, to be given to sinks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from vos.export import MaskSink
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

TIME_BASE = Fraction(1, 1000)


def info(width: int = 48, height: int = 32, frame_count: int | None = None) -> VideoInfo:
    return VideoInfo(
        width=width,
        height=height,
        frame_count=frame_count,
        average_rate=Fraction(25),
        time_base=TIME_BASE,
        codec="h264",
        container="mp4",
        is_vfr=True,
    )


def run(
    count: int = 5, ids: Sequence[int] = (1, 3), width: int = 48, height: int = 32, seed: int = 0
) -> list[tuple[Frame, FrameResult]]:
    """`count` frames; the last of `ids` is not known before frame 1, the first has no pixel in frame 2."""
    rng = np.random.default_rng(seed)
    frames = []
    for index in range(count):
        known = tuple(ids) if index > 0 or len(ids) == 1 else tuple(ids[:-1])
        coarse = rng.choice(np.array([0, *known]), size=(height // 4 + 1, width // 4 + 1))
        labels = np.kron(coarse, np.ones((4, 4), int))[:height, :width].astype(np.uint16)
        if index == 2:
            labels[labels == ids[0]] = 0
        pts = index * 40 + index % 2 * 7
        rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        presence = tuple(float(p) for p in rng.random(len(known)))
        frames.append(
            (
                Frame(index, pts, TIME_BASE, rgb),
                FrameResult(index, pts, TIME_BASE, labels, known, presence),
            )
        )
    return frames


def feed(sink: MaskSink, frames: Sequence[tuple[Frame, FrameResult]], width: int = 48, height: int = 32) -> None:
    sink.open(info(width, height, len(frames)))
    for frame, result in frames:
        sink.write(frame, result)
    sink.close()
