"""Strokes painted over a copy of a frame: what differs from the frame was painted.

The frame itself is known, so a pixel under the brush is S = a C + (1 - a) F: the brush's colour C over the frame's
pixel F with coverage a, which is below 1 at the smoothed edge of a brush. The colours C are those that fill areas of
what differs; every differing pixel then goes to the colour that explains it best, from half coverage on. A JPEG copy
differs a little everywhere and more beside strokes, so its tolerances are wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vos.errors import PromptError
from vos.prompts.painted_colours import ids_of_colours

_SQUARE = np.ones((3, 3), np.uint8)
_MAX_COLOURS = 32
_SNAP = np.array([0, 64, 128, 192, 255])


@dataclass(frozen=True, slots=True)
class _Tolerance:
    """Differences per channel, 0..255, that mean nothing.

    Attributes:
        same: Of an unpainted pixel.
        flat: Within an area of one colour of paint.
        colour: Between a painted pixel and the colour of its stroke.
        mixture: Between a painted pixel and the best mixture of paint and frame.
        strange: Share of differing pixels that may be no such mixture: where smoothed strokes cross, and JPEG's noise.
        pure: Distance from the colour of a stroke that most of the stroke keeps.
        least_pure: Share of a stroke within that distance; its smoothed edges are the rest.
        speck: Fewest pixels of a piece of a stroke.
    """

    same: float
    flat: float
    colour: float
    mixture: float
    strange: float
    pure: float
    least_pure: float
    speck: int


_EXACT = _Tolerance(same=8, flat=4, colour=24, mixture=20, strange=0.05, pure=4, least_pure=0.5, speck=1)
# Measured on JPEG copies (quality 60 to 92) of photographs with strokes of 5 to 15 pixels: at most 22 % of what differs
# is no mixture, and 48 to 90 % of a stroke is within 20 levels of its colour. Where another frame is taken for paint,
# it is at most 37 %.
_LOSSY = _Tolerance(same=36, flat=40, colour=56, mixture=40, strange=0.3, pure=20, least_pure=0.42, speck=12)


def is_copy_of(picture: np.ndarray, frame: np.ndarray, *, lossy: bool) -> bool:
    """Whether most of a picture is this frame. Both (H, W, 3) uint8; of another size it is not."""
    if picture.shape != frame.shape:
        return False
    same = _difference(picture, frame) <= (_LOSSY if lossy else _EXACT).same
    # A layer of strokes on black is equal to a dark frame only where both are black.
    drawn = picture.any(axis=2)
    return bool(drawn.any() and same.mean() >= 0.5 and same[drawn].mean() >= 0.3)


def strokes_over(picture: np.ndarray, frame: np.ndarray, where: str, *, lossy: bool) -> np.ndarray:
    """Labels of what was painted over a copy of a frame.

    Args:
        picture: (H, W, 3) uint8, the painted copy.
        frame: (H, W, 3) uint8, the frame as it is decoded.
        where: Name of the file, for messages.
        lossy: The copy went through a lossy format.

    Returns:
        (H, W) uint16 object ids by colour as in `ids_of_colours`; 0 where nothing is painted.

    Raises:
        PromptError: Nothing is painted, the paint is not opaque, or the picture shows another frame.
    """
    tolerance = _LOSSY if lossy else _EXACT
    changed = _difference(picture, frame) > tolerance.same
    if not changed.any():
        raise PromptError(f"{where}: nothing is painted over the frame; paint on the object and save again")
    colours = _colours_of_paint(picture, changed, tolerance)
    if not colours:
        raise PromptError(
            f"{where}: differs from the frame, but in no flat colour: paint with an opaque brush over a copy of "
            "exactly this frame, or on a transparent layer"
        )
    number, residual = _explained(picture, frame, changed, colours)
    labels = np.zeros(changed.shape, np.uint16)
    rows, columns = np.nonzero(changed)
    known = residual <= tolerance.mixture
    labels[rows[known], columns[known]] = number[known]
    labels = _without_specks(labels, len(colours), tolerance.speck)
    strange = np.count_nonzero(~known)
    purity = [
        float((np.abs(picture[labels == index] - colour).max(axis=1) <= tolerance.pure).mean())
        for index, colour in enumerate(colours, start=1)
        if (labels == index).any()
    ]
    if strange > tolerance.strange * len(known) or not purity or min(purity) < tolerance.least_pure:
        raise PromptError(
            f"{where}: differs from the frame by more than paint in flat colours: paint with an opaque "
            "brush over a copy of exactly this frame (--at says which), or on a transparent layer"
        )
    ids = ids_of_colours(_named_colours(colours, lossy))[0]
    result: np.ndarray = np.concatenate([[0], ids]).astype(np.uint16)[labels]
    return result


def _difference(picture: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the largest difference of the three channels."""
    difference: np.ndarray = cv2.absdiff(picture, frame).max(axis=2)
    return difference


def _colours_of_paint(picture: np.ndarray, changed: np.ndarray, tolerance: _Tolerance) -> list[np.ndarray]:
    """Colours that fill areas of what differs, the most frequent first; each (3,) float64."""
    spread = (cv2.dilate(picture, _SQUARE) - cv2.erode(picture, _SQUARE)).max(axis=2)
    solid = (spread <= tolerance.flat) & (cv2.erode(changed.view(np.uint8), _SQUARE) > 0)
    # A brush of one or two pixels fills no area; there its most frequent colours have to do.
    pool = picture[solid if np.count_nonzero(solid) >= 8 else changed].astype(np.float64)
    least = max(8, 0.02 * len(pool))
    # Paint is flat: the same colour again and again, within what the file format does to it.
    step = 1 if tolerance is _EXACT else 16
    colours: list[np.ndarray] = []
    while len(pool) >= least and len(colours) < _MAX_COLOURS:
        bins, counts = np.unique(np.round(pool / step), axis=0, return_counts=True)
        near = np.abs(pool - bins[counts.argmax()] * step).max(axis=1) <= step
        if np.count_nonzero(near) < least:
            break
        colour = np.median(pool[near], axis=0)
        if all(np.abs(colour - other).max() > tolerance.colour for other in colours):
            colours.append(colour)
        pool = pool[np.abs(pool - colour).max(axis=1) > tolerance.colour]
    return colours


def _explained(
    picture: np.ndarray, frame: np.ndarray, changed: np.ndarray, colours: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """For each differing pixel: number of its colour from 1 (0: the frame shows through), and what is unexplained."""
    seen, under = picture[changed].astype(np.float64), frame[changed].astype(np.float64)
    number, best = np.zeros(len(seen), np.uint16), np.full(len(seen), np.inf)
    for index, colour in enumerate(colours, start=1):
        towards = colour - under
        coverage = ((seen - under) * towards).sum(axis=1) / np.maximum((towards**2).sum(axis=1), 1e-9)
        coverage = coverage.clip(0, 1)
        residual = np.abs(seen - (under + coverage[:, None] * towards)).max(axis=1)
        better = residual < best
        best[better] = residual[better]
        number[better] = np.where(coverage[better] >= 0.5, index, 0)
    return number, best


def _without_specks(labels: np.ndarray, count: int, least: int) -> np.ndarray:
    """Labels without pieces of fewer than `least` pixels."""
    if least <= 1:
        return labels
    out = labels.copy()
    for index in range(1, count + 1):
        of_colour = (labels == index).view(np.uint8)
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(of_colour, connectivity=8)
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < least)
        out[np.isin(pieces, small[small > 0])] = 0
    return out


def _named_colours(colours: list[np.ndarray], lossy: bool) -> np.ndarray:
    """(1, N, 3) uint8: as the painter chose them. What a JPEG made of pure red is read as pure red."""
    values = np.round(np.stack(colours)).astype(np.int64)
    if lossy:
        nearest = _SNAP[np.abs(values[..., None] - _SNAP).argmin(axis=-1)]
        values = np.where(np.abs(nearest - values) <= 14, nearest, values)
    # Black is a colour here, for the background is the frame.
    values[~values.any(axis=1)] = 1
    return values.astype(np.uint8)[None]
