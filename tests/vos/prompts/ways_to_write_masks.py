"""One object, written in the ways in which paint, matting, annotation and resizing tools write masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vos.files.palette import DAVIS_PALETTE

Writer = Callable[[np.ndarray, Path], None]


def random_object(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """(height, width) bool: one to four overlapping blobs away from the picture's corners, sometimes with a hole."""
    canvas = np.zeros((height, width), np.uint8)
    side = min(width, height)
    centre = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(0.35, 0.65) * height])
    for _ in range(rng.integers(1, 5)):
        axes = rng.uniform(0.12, 0.3, 2) * side
        middle = tuple(int(v) for v in centre + rng.uniform(-0.15, 0.15, 2) * side)
        cv2.ellipse(canvas, middle, tuple(int(a) for a in axes), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    if rng.random() < 0.3:
        cv2.circle(canvas, tuple(int(v) for v in centre), int(0.05 * side), 0, -1)
    return canvas.astype(bool)


def _white(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * 255


def _blurred(mask: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W) float64 coverage 0..1."""
    return cv2.GaussianBlur(mask.astype(np.float64), (0, 0), sigma)


def _to8(coverage: np.ndarray) -> np.ndarray:
    return np.round(coverage.clip(0, 1) * 255).astype(np.uint8)


def _to16(coverage: np.ndarray, white: int = 65535) -> np.ndarray:
    return np.round(coverage.clip(0, 1) * white).astype(np.uint16)


def _resized(mask: np.ndarray, factor: float, interpolation: int) -> np.ndarray:
    height, width = mask.shape
    small = cv2.resize(_white(mask), (int(width / factor), int(height / factor)), interpolation=cv2.INTER_AREA)
    small = _white(small > 127)
    return cv2.resize(small, (width, height), interpolation=interpolation)


def _antialiased(mask: np.ndarray) -> np.ndarray:
    """Coverage of pixels by a smooth outline, from sixteen samples of each."""
    height, width = mask.shape
    big = cv2.resize(_white(mask), (4 * width, 4 * height), interpolation=cv2.INTER_CUBIC)
    big = _white(cv2.GaussianBlur(big, (0, 0), 2) > 127)
    return cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA)


def _trimap(mask: np.ndarray, half_width: int, unknown: int = 128) -> np.ndarray:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * half_width + 1,) * 2)
    white = _white(mask)
    out = np.where(cv2.dilate(white, kernel) > 0, unknown, 0).astype(np.uint8)
    out[cv2.erode(white, kernel) > 0] = 255
    return out


def _with_void(mask: np.ndarray) -> np.ndarray:
    """Id 1 with a thin border of 255 around it."""
    return np.where(_trimap(mask, 1) == 0, 0, np.where(mask, 1, 255)).astype(np.uint8)


def _save(array: np.ndarray, path: Path, **options: object) -> None:
    Image.fromarray(array).save(path, **options)


def _palette(index: np.ndarray, path: Path, palette: np.ndarray, **options: object) -> None:
    image = Image.fromarray(index).convert("P")
    image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(path, **options)


def _rgb(coverage: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.round(coverage[..., None] / 255 * np.array(colour)).astype(np.uint8)


def _rgba(colour: tuple[int, int, int], alpha: np.ndarray) -> np.ndarray:
    return np.dstack([np.full(alpha.shape, c, np.uint8) for c in colour] + [alpha])


def _two_colours(first: int, second: int) -> np.ndarray:
    palette = np.zeros((256, 3), np.uint8)
    palette[0], palette[1] = first, second
    return palette


def _ringing(mask: np.ndarray) -> np.ndarray:
    return _resized(mask, 3, cv2.INTER_LANCZOS4)


def _scene(mask: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: something like a photograph."""
    noise = np.random.default_rng(5).integers(0, 256, (*mask.shape, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def _lossy(array: np.ndarray, path: Path, quality: int) -> None:
    """A PNG that was a JPEG once."""
    ok, coded = cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    _save(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), path)


RED, TEAL = (255, 0, 0), (10, 160, 140)
GREYS = np.repeat(np.arange(256)[:, None], 3, axis=1)

WAYS: dict[str, Writer] = {
    "1 bit": lambda m, p: _save(m, p),
    "L 0/1": lambda m, p: _save(m.astype(np.uint8), p),
    "L 0/255": lambda m, p: _save(_white(m), p),
    "L 0/128": lambda m, p: _save(m.astype(np.uint8) * 128, p),
    "L antialiased": lambda m, p: _save(_antialiased(m), p),
    "L antialiased up to 200": lambda m, p: _save((_antialiased(m) * (200 / 255)).astype(np.uint8), p),
    "L blurred by 0.5": lambda m, p: _save(_to8(_blurred(m, 0.5)), p),
    "L blurred by 1": lambda m, p: _save(_to8(_blurred(m, 1)), p),
    "L blurred by 3": lambda m, p: _save(_to8(_blurred(m, 3)), p),
    "L enlarged bilinearly": lambda m, p: _save(_resized(m, 2, cv2.INTER_LINEAR), p),
    "L enlarged four times": lambda m, p: _save(_resized(m, 4, cv2.INTER_LINEAR), p),
    "L enlarged bicubically": lambda m, p: _save(_resized(m, 2, cv2.INTER_CUBIC), p),
    "L enlarged by Lanczos": lambda m, p: _save(_ringing(m), p),
    "L enlarged with nearest neighbour": lambda m, p: _save(_resized(m, 2, cv2.INTER_NEAREST), p),
    "L trimap": lambda m, p: _save(_trimap(m, 4), p),
    "L trimap of 127": lambda m, p: _save(_trimap(m, 2, 127), p),
    "L trimap, blurred": lambda m, p: _save(cv2.GaussianBlur(_trimap(m, 4), (0, 0), 1), p),
    "L inverted": lambda m, p: _save(_white(~m), p),
    "L inverted and soft": lambda m, p: _save(_to8(_blurred(~m, 1)), p),
    "L with a void border": lambda m, p: _save(
        np.where(_trimap(m, 1) == 0, 0, np.where(m, 1, 255)).astype(np.uint8), p
    ),
    "L noisy": lambda m, p: _lossy(_white(m), p, 85),
    "L JPEG": lambda m, p: _save(_white(m), p, format="JPEG", quality=80),
    "LA, white by alpha": lambda m, p: _save(np.dstack([np.full(m.shape, 255, np.uint8), _white(m)]), p),
    "LA, opaque": lambda m, p: _save(np.dstack([_antialiased(m), np.full(m.shape, 255, np.uint8)]), p),
    "LA, black by soft alpha": lambda m, p: _save(np.dstack([np.zeros(m.shape, np.uint8), _antialiased(m)]), p),
    "I;16 0/1": lambda m, p: _save(m.astype(np.uint16), p),
    "I;16 0/255": lambda m, p: _save(m.astype(np.uint16) * 255, p),
    "I;16 0/4095": lambda m, p: _save(m.astype(np.uint16) * 4095, p),
    "I;16 0/65535": lambda m, p: _save(m.astype(np.uint16) * 65535, p),
    "I;16 matte": lambda m, p: _save(_to16(_blurred(m, 1.5)), p),
    "I;16 matte of 12 bits": lambda m, p: _save(_to16(_blurred(m, 1.5), 4095), p),
    "I;16 antialiased": lambda m, p: _save(_antialiased(m).astype(np.uint16) * 257, p),
    "TIFF of real numbers": lambda m, p: _save(_blurred(m, 1).astype(np.float32), p, format="TIFF"),
    "RGB white": lambda m, p: _save(_rgb(_white(m), (255, 255, 255)), p),
    "RGB white, blurred": lambda m, p: _save(_rgb(_to8(_blurred(m, 1)), (255, 255, 255)), p),
    "RGB red": lambda m, p: _save(_rgb(_white(m), RED), p),
    "RGB red, antialiased": lambda m, p: _save(_rgb(_antialiased(m), RED), p),
    "RGB red, enlarged": lambda m, p: _save(_rgb(_resized(m, 4, cv2.INTER_LINEAR), RED), p),
    "RGB teal, blurred": lambda m, p: _save(_rgb(_to8(_blurred(m, 2)), TEAL), p),
    "RGB of DAVIS, antialiased": lambda m, p: _save(_rgb(_antialiased(m), (128, 0, 0)), p),
    "RGB red on white": lambda m, p: _save(np.where(m[..., None], RED, 255).astype(np.uint8), p),
    "RGB noisy": lambda m, p: _lossy(_rgb(_white(m), (255, 255, 255)), p, 85),
    "RGBA red on nothing": lambda m, p: _save(_rgba(RED, _white(m)), p),
    "RGBA white on nothing, soft": lambda m, p: _save(_rgba((255, 255, 255), _to8(_blurred(m, 2))), p),
    "RGBA black on nothing": lambda m, p: _save(_rgba((0, 0, 0), _antialiased(m)), p),
    "RGBA opaque": lambda m, p: _save(np.dstack([_rgb(_antialiased(m), RED), np.full(m.shape, 255, np.uint8)]), p),
    "RGBA cut-out": lambda m, p: _save(np.dstack([_scene(m), _antialiased(m)]), p),
    "P 0/1 of DAVIS": lambda m, p: _palette(m.astype(np.uint8), p, DAVIS_PALETTE),
    "P 0/255 of DAVIS": lambda m, p: _palette(_white(m), p, DAVIS_PALETTE),
    "P of greys, antialiased": lambda m, p: _palette(_antialiased(m), p, GREYS),
    "P white on black": lambda m, p: _palette(m.astype(np.uint8), p, _two_colours(0, 255)),
    "P, entries exchanged": lambda m, p: _palette((~m).astype(np.uint8), p, _two_colours(255, 0)),
    "P, reduced from soft red": lambda m, p: Image.fromarray(_rgb(_antialiased(m), RED)).quantize(16).save(p),
    "P, reduced from soft white": lambda m, p: Image.fromarray(_rgb(_antialiased(m), (255,) * 3)).quantize(32).save(p),
    "P, transparent": lambda m, p: _palette(m.astype(np.uint8), p, _two_colours(90, 200), transparency=0),
}
