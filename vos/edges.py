"""Edge-aware step after upsampling: the mask's border moves to the picture's.

Guided filter (He, Sun and Tang, ECCV 2010) with the colour picture as guide, its statistics taken at half size
("Fast Guided Filter", He and Sun, 2015), and only inside the box around the pixels that are undecided.
"""

from __future__ import annotations

import cv2
import numpy as np

# Window radius as a share of the shorter side: 8 pixels at 480 lines.
_RADIUS_OF_SHORT_SIDE = 1 / 60
# Regulariser for colours in [0, 1]: texture weaker than a standard deviation of 0.02 does not attract the border.
_EPSILON = 4e-4
_SUBSAMPLING = 2
# Pixels between these probabilities are undecided.
_UNDECIDED = (0.02, 0.98)


def refine_edges(rgb: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """(H, W) float32 probabilities in [0, 1] aligned with the edges of (H, W, 3) uint8; a new array."""
    height, width = probability.shape
    radius = max(2, round(_RADIUS_OF_SHORT_SIDE * min(height, width)))
    undecided = cv2.inRange(probability, _UNDECIDED[0], _UNDECIDED[1])
    x, y, box_width, box_height = cv2.boundingRect(undecided)
    if box_width == 0:
        return probability
    # Windows reach two radii: the filter averages twice.
    margin = 2 * radius + _SUBSAMPLING
    top, bottom = max(y - margin, 0), min(y + box_height + margin, height)
    left, right = max(x - margin, 0), min(x + box_width + margin, width)
    refined = probability.copy()
    refined[top:bottom, left:right] = _guided_filter(
        rgb[top:bottom, left:right].astype(np.float32) * np.float32(1 / 255),
        np.ascontiguousarray(probability[top:bottom, left:right]),
        radius,
    )
    return np.clip(refined, 0, 1, out=refined)


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
    coefficients = mean(cv2.merge([*slopes, offset]))
    coefficients = cv2.resize(coefficients, (width, height), interpolation=cv2.INTER_LINEAR)
    return (coefficients[..., :3] * guide).sum(2) + coefficients[..., 3]
