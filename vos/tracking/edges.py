"""Edge-aware step after upsampling: the mask's border moves to the picture's.

Guided filter (He, Sun and Tang, ECCV 2010) with the colour picture as guide, its statistics taken at half size
("Fast Guided Filter", He and Sun, 2015), and only inside the box around the undecided pixels near the mask.

A window sees a stick or a slit as noise and smooths it away: parts and gaps of the mask that are thinner than a small
disc keep the network's answer.
"""

from __future__ import annotations

import cv2
import numpy as np

# Window radius as a share of the shorter side: 16 pixels at 480 lines.
_RADIUS_OF_SHORT_SIDE = 1 / 30
# Radius of the disc that tells thin from thick, likewise: 4 pixels at 480 lines.
_THIN_OF_SHORT_SIDE = 1 / 120
# Regulariser for colours in [0, 1]: texture weaker than a standard deviation of 0.01 does not attract the border.
_EPSILON = 1e-4
_SUBSAMPLING = 2
# A logit of this size is a probability of 2 or 98 percent: the pixel needs no second look.
_DECIDED = 3.9


def refine_edges(rgb: np.ndarray, logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Moves a mask's border to edges of the picture.

    Args:
        rgb: (H, W, 3) uint8.
        logits: (H, W) float32 mask logits at the picture's size.
        mask: (H, W) bool, the pixels that the object has so far; only its surroundings are looked at.

    Returns:
        (H, W) float32 logits, a new array where something changed.
    """
    # Distances go with the size of the view: what the network sees of an object's border does too.
    short_side = min(logits.shape)
    radius = max(2, round(_RADIUS_OF_SHORT_SIDE * short_side))
    # Windows reach two radii: the filter averages twice. Doubt further away from the mask has no border to move.
    reach = 2 * radius + _SUBSAMPLING
    near = _box(mask.astype(np.uint8), reach)
    if logits[near].size == 0:
        return logits
    undecided = np.zeros(logits.shape, np.uint8)
    undecided[near] = cv2.inRange(logits[near], -_DECIDED, _DECIDED)
    box = _box(undecided, reach)
    if logits[box].size == 0:
        return logits
    guide = rgb[box].astype(np.float32) * np.float32(1 / 255)
    probability = 1 / (1 + np.exp(-np.clip(logits[box], -30, 30)))
    filtered = np.clip(_guided_filter(guide, probability, radius), 1e-3, 1 - 1e-3)
    own = logits[box]
    # Where the network is certain and the filter agrees, the network's number stays: it decides between objects.
    keep = (np.abs(own) >= _DECIDED) & ((own > 0) == (filtered > 0.5))
    keep |= _thin(mask[box], max(1, round(_THIN_OF_SHORT_SIDE * short_side)))
    refined = logits.copy()
    refined[box] = np.where(keep, own, np.log(filtered / (1 - filtered)))
    return refined


def _thin(mask: np.ndarray, radius: int) -> np.ndarray:
    """(H, W) bool: the parts of a mask, and the gaps in it, that a disc of this radius does not fit into."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    own = mask.astype(np.uint8)
    thick = cv2.morphologyEx(own, cv2.MORPH_OPEN, disc)
    filled = cv2.morphologyEx(own, cv2.MORPH_CLOSE, disc)
    thin: np.ndarray = filled > thick
    return thin


def _box(marked: np.ndarray, reach: int) -> tuple[slice, slice]:
    """Rows and columns of the box around the non-zero pixels of (H, W) uint8, grown by `reach`; empty without any."""
    x, y, width, height = cv2.boundingRect(marked)
    if width == 0:
        return slice(0, 0), slice(0, 0)
    return slice(max(y - reach, 0), y + height + reach), slice(max(x - reach, 0), x + width + reach)


def _guided_filter(guide: np.ndarray, source: np.ndarray, radius: int) -> np.ndarray:
    """Colour guided filter: in every window, `source` is fitted as a linear function of the guide's colour."""
    height, width = source.shape
    small = (max(1, width // _SUBSAMPLING), max(1, height // _SUBSAMPLING))
    i = cv2.resize(guide, small, interpolation=cv2.INTER_AREA)
    p = cv2.resize(source, small, interpolation=cv2.INTER_AREA)
    window = (2 * max(1, radius // _SUBSAMPLING) + 1,) * 2

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, window, borderType=cv2.BORDER_REFLECT)

    mean_i, mean_p = mean(i), mean(p)
    covariance = mean(i * p[..., None]) - mean_i * mean_p[..., None]
    r, g, b = cv2.split(i)
    mr, mg, mb = cv2.split(mean_i)
    # Symmetric 3x3 covariance of the guide, regularised, and its inverse by cofactors.
    rr, gg, bb = (mean(c * c) - m * m + _EPSILON for c, m in ((r, mr), (g, mg), (b, mb)))
    rg, rb, gb = (mean(c * d) - m * n for c, d, m, n in ((r, g, mr, mg), (r, b, mr, mb), (g, b, mg, mb)))
    irr, irg, irb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    igg, igb, ibb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = irr * rr + irg * rg + irb * rb
    c0, c1, c2 = cv2.split(covariance)
    slopes = [
        (irr * c0 + irg * c1 + irb * c2) / determinant,
        (irg * c0 + igg * c1 + igb * c2) / determinant,
        (irb * c0 + igb * c1 + ibb * c2) / determinant,
    ]
    offset = mean_p - slopes[0] * mr - slopes[1] * mg - slopes[2] * mb
    # Plane by plane: a sum over three interleaved colours takes three times as long.
    planes = [cv2.resize(mean(x), (width, height), interpolation=cv2.INTER_LINEAR) for x in (*slopes, offset)]
    result: np.ndarray = planes[0] * guide[..., 0]
    for plane, colour in ((planes[1], guide[..., 1]), (planes[2], guide[..., 2])):
        plane *= colour
        result += plane
    result += planes[3]
    return result
