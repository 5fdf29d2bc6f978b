"""Grounds and skins: noise of several scales, and patterns made of it."""

from __future__ import annotations

import numpy as np

from pipelines.made.draws import Draws, hashed

SKIN_SIDE = 128
"""Skins are square and repeat; a power of two."""

Colour = tuple[float, float, float]


def noise(height: int, width: int, cell: float, seed: int, *, period: int = 0) -> np.ndarray:
    """Smooth noise.

    Args:
        height, width: Size in pixels.
        cell: Pixels from one random value to the next.
        seed: Which noise.
        period: Pixels after which it repeats, a multiple of `cell`; 0 for never.

    Returns:
        (height, width) float32 in [0, 1).
    """
    wrap = round(period / cell) if period else 0
    (y0, y1, fy), (x0, x1, fx) = _lattice(height, cell, wrap), _lattice(width, cell, wrap)
    fx = fx[None, :]
    top, bottom = (
        _mixed(_value(y, x0, seed), _value(y, x1, seed), np.broadcast_to(fx, (len(y), width))) for y in (y0, y1)
    )
    return _mixed(top, bottom, fy[:, None])


def _lattice(length: int, cell: float, wrap: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = np.arange(length, dtype=np.float32) / np.float32(cell)
    first = np.floor(places)
    share = places - first
    share = share * share * (np.float32(3) - np.float32(2) * share)
    index = first.astype(np.int64)
    after = index + 1
    return (index % wrap, after % wrap, share) if wrap else (index, after, share)


def _value(rows: np.ndarray, columns: np.ndarray, seed: int) -> np.ndarray:
    # Rows repeat for `cell` pixels: hash each pair of lattice points once.
    unique_rows, row_of = np.unique(rows, return_inverse=True)
    unique_columns, column_of = np.unique(columns, return_inverse=True)
    table = (hashed(unique_rows[:, None], unique_columns[None, :], seed) >> np.uint32(8)).astype(np.float32)
    result: np.ndarray = (table / np.float32(1 << 24))[row_of][:, column_of]
    return result


def _mixed(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    result: np.ndarray = a + (b - a) * share
    return result


def colour(draws: Draws, *, unlike: Colour | None = None, distance: float = 0.0) -> Colour:
    """An RGB colour of medium light, at least `distance` (sum over channels, at most 200) from another one."""
    for _ in range(50):
        base = draws.between(60, 190)
        found = (base + draws.between(-55, 55), base + draws.between(-45, 45), base + draws.between(-55, 55))
        if unlike is None or sum(abs(a - b) for a, b in zip(found, unlike, strict=True)) >= distance:
            break
    return found


GROUNDS = ("meadow", "bricks", "pavement", "leaves", "hills")


def ground(draws: Draws, height: int, width: int) -> tuple[np.ndarray, Colour]:
    """A ground to move over.

    Returns:
        (height, width, 3) uint8 RGB, and its main colour.
    """
    kind = draws.pick(GROUNDS)
    main = colour(draws)
    second = colour(draws, unlike=main, distance=50)
    unit = height / 10
    coarse = noise(height, width, unit * draws.between(2, 5), draws.bits())
    medium = noise(height, width, unit * draws.between(0.5, 1.0), draws.bits())
    fine = noise(height, width, max(2.0, unit * 0.12), draws.bits())
    picture = np.empty((height, width, 3), np.float32)
    share = coarse * np.float32(0.7) + medium * np.float32(0.3)
    light = (medium - np.float32(0.5)) * np.float32(24) + (fine - np.float32(0.5)) * np.float32(draws.between(18, 44))
    if kind == "bricks":
        light = light - _bricks(height, width, unit, draws) * np.float32(38)
    elif kind == "pavement":
        light = light - _tiles(height, width, unit * draws.between(1.2, 2.4)) * np.float32(30)
    elif kind == "leaves":
        leaf = noise(height, width, unit * 0.3, draws.bits())
        light = light + np.where(leaf > np.float32(0.55), np.float32(26), np.float32(-14))
    for channel in range(3):
        a, b = np.float32(main[channel]), np.float32(second[channel])
        picture[..., channel] = a + (b - a) * share + light
    if kind == "hills":
        _add_sky(picture, noise(1, width, unit * 3, draws.bits())[0], draws)
    return _bytes(picture), main


def _bricks(height: int, width: int, unit: float, draws: Draws) -> np.ndarray:
    """(height, width) float32: 1 on mortar, 0 on bricks; each brick a little lighter or darker."""
    tall, wide = max(6, round(unit * 0.55)), max(12, round(unit * 1.3))
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    course = rows // tall
    moved = columns + course % 2 * (wide // 2)
    joint = max(1, tall // 8)
    tone = (hashed(course, moved // wide, draws.bits()) >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)
    is_joint = (rows % tall < joint) | (moved % wide < joint)
    return np.where(is_joint, np.float32(1), tone * np.float32(0.6))


def _tiles(height: int, width: int, side: float) -> np.ndarray:
    side = max(8, round(side))
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    joint = max(1, side // 16)
    return ((rows % side < joint) | (columns % side < joint)).astype(np.float32)


def _add_sky(picture: np.ndarray, ridge: np.ndarray, draws: Draws) -> None:
    """Replaces the upper part by a pale sky, in place; `ridge`, (width,) in [0, 1), is the shape of the horizon."""
    height = picture.shape[0]
    horizon = np.float32(height) * (np.float32(draws.between(0.2, 0.35)) + ridge * np.float32(0.12))
    rows = np.arange(height, dtype=np.float32)[:, None]
    sky = np.clip(horizon[None, :] - rows, 0, 1)[..., None]
    pale = np.array([draws.between(150, 190), draws.between(175, 205), draws.between(195, 235)], np.float32)
    shade = (rows / np.float32(height) * np.float32(40))[..., None]
    picture[:] = picture * (1 - sky) + (pale + shade) * sky


SKINS = ("plain", "striped", "spotted", "patched")


def skin(draws: Draws, main: Colour, second: Colour, kind: str) -> np.ndarray:
    """(128, 128, 3) uint8 RGB skin of a figure, in one or two colours; it repeats in both directions."""
    side = SKIN_SIDE
    broad = noise(side, side, 32, draws.bits(), period=side)
    small = noise(side, side, 16, draws.bits(), period=side)
    grain = noise(side, side, 2, draws.bits(), period=side)
    columns = np.arange(side, dtype=np.int64)[None, :]
    if kind == "striped":
        wave = (columns * 4 + (broad * 80).astype(np.int64)) % side
        share = np.where(wave < side * 0.4, np.float32(0.9), np.float32(0))
    elif kind == "spotted":
        share = np.clip((small - np.float32(0.6)) * np.float32(8), 0, 1)
    elif kind == "patched":
        share = np.clip((broad - np.float32(0.5)) * np.float32(12), 0, 1)
    else:
        share = broad * np.float32(0.3)
    picture = np.empty((side, side, 3), np.float32)
    for channel in range(3):
        a, b = np.float32(main[channel]), np.float32(second[channel])
        picture[..., channel] = a + (b - a) * share + (grain - np.float32(0.5)) * np.float32(22)
    return _bytes(picture)


def _bytes(picture: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.floor(np.clip(picture, 0, 255) + np.float32(0.5)).astype(np.uint8)
    return whole
