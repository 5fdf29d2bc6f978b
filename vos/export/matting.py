"""Soft borders: how much of a pixel at the border of a mask is the object, and what colour that part has.

A picture mixes what it shows: C = a F + (1 - a) B. Away from the border F and B are what they look like; in a band
along it both are taken from the sure pixels near by (normalised convolution: Knutsson and Westin, CVPR 1993), and alpha
is the place of C on the line from B to F. Where the two colours hardly differ the picture says nothing, and alpha goes
with the distance from the mask's border.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Half the width of the band as a share of the picture's shorter side: 4 pixels at 480 lines.
_BAND = 1 / 120
# Standard deviation of noise and texture in colours of [0, 1]: below this contrast the border's distance decides.
_TEXTURE = 0.2
# How much a colour beside the line from B to F counts against what the line says.
_BESIDE = 16.0
# Standard deviation in pixels of a border of which the picture says nothing.
_SOFTNESS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Matte:
    """The soft mask of one object, or of several together.

    Attributes:
        alpha: (H, W) float32 in [0, 1].
        colours: (H, W, 3) uint8: the object's own colours wherever alpha is above 0, without those behind it.
    """

    alpha: np.ndarray
    colours: np.ndarray


def matte_of(rgb: np.ndarray, mask: np.ndarray, *, band: int | None = None) -> Matte:
    """Alpha and foreground colours of a mask.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool.
        band: Pixels on either side of the mask's border that are looked at; by the picture's size if None.

    Examples:
        >>> rgb = np.zeros((20, 40, 3), np.uint8)
        >>> rgb[:, 20:], rgb[:, 19] = 200, 50
        >>> mask = np.zeros((20, 40), bool)
        >>> mask[:, 19:] = True
        >>> matte = matte_of(rgb, mask, band=3)
        >>> (matte.alpha[10, 17:22] * 10).round().tolist(), matte.colours[10, 19].tolist()
        ([0.0, 0.0, 3.0, 10.0, 10.0], [200, 200, 200])
    """
    reach = max(2, round(_BAND * min(mask.shape))) if band is None else band
    alpha = mask.astype(np.float32)
    colours = rgb.copy()
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if width == 0:
        return Matte(alpha, colours)
    margin = 4 * reach
    box = np.s_[max(y - margin, 0) : y + height + margin, max(x - margin, 0) : x + width + margin]
    alpha[box], colours[box] = _solve(rgb[box], np.ascontiguousarray(mask[box]), reach)
    return Matte(alpha, colours)


def _solve(rgb: np.ndarray, mask: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    inside = mask.view(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    # From -inf to inf without 0: the border itself lies between two pixels.
    depth += np.where(mask, np.float32(-0.5), np.float32(0.5))
    band = np.abs(depth) < reach
    if not band.any():
        return mask.astype(np.float32), rgb
    picture = rgb.astype(np.float32) * np.float32(1 / 255)
    front = _spread(picture, depth >= reach, mask, reach)
    back = _spread(picture, depth <= -reach, ~mask, reach)
    line = front - back
    contrast = (line * line).sum(2)
    place = ((picture - back) * line).sum(2) / np.maximum(contrast, 1e-6)
    # How far a pixel's colour lies from the line: a third colour is no mixture of the two.
    beside = ((picture - back - np.clip(place, 0, 1)[..., None] * line) ** 2).sum(2)
    trust = contrast / (contrast + _TEXTURE**2 + _BESIDE * beside)
    # By the distance alone a border is as soft as a lens leaves it.
    prior = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SOFTNESS)
    mixed = trust * np.clip(place, 0, 1) + (1 - trust) * prior
    alpha = np.where(band, mixed, mask).astype(np.float32)
    # What is left of B is taken out; where little of F is in the pixel its colour is that of F near by.
    own = (picture - (1 - alpha[..., None]) * back) / np.maximum(alpha[..., None], 0.1)
    share = np.clip(alpha[..., None] * 2 - 1, 0, 1)
    own = share * np.clip(own, 0, 1) + (1 - share) * front
    colours = np.where((band & (alpha < 1))[..., None], np.round(np.clip(own, 0, 1) * 255), rgb).astype(np.uint8)
    return alpha, colours


def _spread(picture: np.ndarray, sure: np.ndarray, rather: np.ndarray, reach: int) -> np.ndarray:
    """(h, w, 3): colours of the sure pixels near by; of the unsure ones on the same side where there is none."""
    total = np.zeros(picture.shape, np.float32)
    weight = np.zeros(sure.shape, np.float32)
    for chosen, share in ((sure, 1.0), (rather, 1e-3)):
        flags = chosen.astype(np.float32) * np.float32(share)
        total += cv2.GaussianBlur(picture * flags[..., None], (0, 0), reach)
        weight += cv2.GaussianBlur(flags, (0, 0), reach)
    return total / np.maximum(weight, 1e-8)[..., None]
