"""A simulated user who corrects masks: points or a short stroke in the middle of the largest error."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.training.prompts import point_radius
from seem_model.video_model import PromptKind

_STROKES = 0.35
# Errors of fewer pixels than this share of the picture are not worth a mark.
_SMALLEST = 3e-4


def correct(
    logits: Tensor, truth: Tensor, positive: Tensor, negative: Tensor, seeds: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Adds one mark an object to the maps of a prompt.

    Args:
        logits: (B, O, h, w) of the mask to correct.
        truth: (B, O, S, S) bool.
        positive: (B, O, S, S) in [0, 1], what was marked so far.
        negative: The same for background.
        seeds: (B,) int64, decide the marks.

    Returns:
        The two maps with the new marks, and (B, O) int64 of `PromptKind`.
    """
    size = truth.shape[-2:]
    predicted = (F.interpolate(logits.detach(), size, mode="bilinear", align_corners=False) > 0).cpu().numpy()
    wanted = truth.cpu().numpy()
    maps = np.stack([positive.cpu().numpy(), negative.cpu().numpy()], 2)
    kinds = np.full(wanted.shape[:2], int(PromptKind.POINTS))
    for clip, seed in enumerate(seeds.tolist()):
        rng = np.random.default_rng(seed)
        for slot in range(wanted.shape[1]):
            missed = _largest(wanted[clip, slot] & ~predicted[clip, slot])
            excess = _largest(predicted[clip, slot] & ~wanted[clip, slot])
            is_missed = missed.sum() >= excess.sum()
            region = missed if is_missed else excess
            strokes = rng.random() < _STROKES
            if region.sum() < _SMALLEST * region.size:
                continue
            canvas = maps[clip, slot, 0 if is_missed else 1]
            if strokes and _draw_stroke(canvas, region, rng):
                kinds[clip, slot] = int(PromptKind.STROKE)
            else:
                _draw_point(canvas, region)
    made = torch.from_numpy(maps).to(positive)
    return made[:, :, 0], made[:, :, 1], torch.from_numpy(kinds).to(truth.device)


def _largest(error: np.ndarray) -> np.ndarray:
    """The part of an error that a user sees first: its largest component, after the rims of one pixel are gone."""
    opened = cv2.erode(error.astype(np.uint8), np.ones((3, 3), np.uint8))
    kept = opened if opened.any() else error.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(kept, connectivity=8)
    if count < 2:
        return np.zeros_like(error)
    largest: np.ndarray = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _depth(region: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform(np.pad(region.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]


def _draw_point(canvas: np.ndarray, region: np.ndarray) -> None:
    y, x = np.unravel_index(int(_depth(region).argmax()), region.shape)
    cv2.circle(canvas, (int(x), int(y)), point_radius(*region.shape), 1.0, -1)


def _draw_stroke(canvas: np.ndarray, region: np.ndarray, rng: np.random.Generator) -> bool:
    """A line between two inner points of a region; False where it would leave the region."""
    depth = _depth(region)
    rows, columns = np.nonzero(depth >= max(1.5, 0.4 * float(depth.max())))
    if len(rows) < 2:
        return False
    ends = rng.choice(len(rows), 2)
    line = np.zeros(region.shape, np.uint8)
    points = np.column_stack([columns[ends], rows[ends]]).astype(np.int32)
    cv2.polylines(line, [points], False, 1, int(rng.integers(2, 5)))
    inside = (line > 0) & region
    if inside.sum() < 0.85 * line.sum():
        return False
    canvas[inside] = 1.0
    return True
