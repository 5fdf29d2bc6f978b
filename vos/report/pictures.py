"""Pictures for the report: painted frames as small JPEG inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import cv2
from PIL import Image

from vos.files.palette import paint_overlay
from vos.runs.mask_reader import FinishedRun

_QUALITY = 82


def painted_frames(run: FinishedRun, wanted: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Frames with their objects painted over them, as `data:` addresses, by frame index.

    Args:
        run: The run; its video is decoded at these frames only.
        wanted: (frame, width in pixels) of each; of several widths for one frame the largest counts.

    Raises:
        VideoError: The video is missing, or is a different one.
        OutputError: A mask is missing or was changed.
    """
    widths: dict[int, int] = {}
    for frame, width in wanted:
        widths[frame] = max(width, widths.get(frame, 0))
    pictures = {}
    with run.open_video() as source:
        for index in sorted(widths):
            labels = run.result(run.entries[index]).labels
            height, full = labels.shape
            width = min(widths[index], full)
            size = (width, max(1, round(height * width / full)))
            rgb = cv2.resize(source.read_at(index).rgb, size, interpolation=cv2.INTER_AREA)
            small = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
            file = io.BytesIO()
            Image.fromarray(paint_overlay(rgb, small)).save(file, format="JPEG", quality=_QUALITY)
            pictures[index] = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return pictures
