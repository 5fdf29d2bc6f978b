"""A sheet of tracked clips to look at during a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from pipelines.training.synthesis import Clip
from pipelines.training.validation import KINDS, ValidationResult
from seem_model.video_model import PromptKind
from vos.files.atomic import replacing
from vos.files.palette import paint_overlay

_TILE = 128
_CLIPS = 4
_SHOWN = (PromptKind.MASK, PromptKind.STROKE, PromptKind.BOX)


def write_sheet(path: Path, clips: Sequence[Clip], result: ValidationResult) -> None:
    """One row of frames per clip with its true masks, then one per shown kind of prompt with the tracked ones.

    The first column is the prompted frame with the mask that tracking started from.
    """
    rows: list[np.ndarray] = []
    for clip, predicted in zip(clips[:_CLIPS], result.labels[:_CLIPS], strict=True):
        numbers = np.arange(1, clip.masks.shape[1] + 1, dtype=np.uint8)
        truth = (clip.masks * numbers[None, :, None, None]).max(1)
        rows.append(_row("truth", clip.frames, truth))
        rows += [_row(kind.name.lower(), clip.frames, predicted[KINDS.index(kind)]) for kind in _SHOWN]
    with replacing(path) as temporary:
        Image.fromarray(np.vstack(rows)).save(temporary, format="PNG")


def _row(title: str, frames: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(tile, T * tile, 3) uint8 with the title in its corner."""
    tiles = [
        paint_overlay(
            cv2.resize(frame, (_TILE, _TILE), interpolation=cv2.INTER_AREA),
            cv2.resize(of_frame.astype(np.uint8), (_TILE, _TILE), interpolation=cv2.INTER_NEAREST),
        )
        for frame, of_frame in zip(frames, labels, strict=True)
    ]
    row = Image.fromarray(np.hstack(tiles))
    draw = ImageDraw.Draw(row)
    draw.rectangle((0, 0, 6 * len(title) + 6, 13), fill=(0, 0, 0))
    draw.text((3, 1), title, fill=(255, 255, 255))
    return np.asarray(row)
