"""Scenes to frames and exact masks.

A pixel belongs to the figure that gives it most of its light: figures cover a pixel by a share, what is in front takes
its share first, and with motion blur the shares of all moments of the exposure are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.made.draws import Draws, hashed
from pipelines.made.paint import Painted, Pose
from pipelines.made.scene import Actor, Optics, Scene, Shot


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame and its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        figures: (H, W) uint8: number of the figure that each pixel belongs to; 0 for ground and scenery.
        overlaps: Pair of figures -> pixels in which their outlines, as if nothing was in front of them, overlap, as a
            share of the smaller outline. Pairs that do not overlap are left out.
    """

    rgb: np.ndarray
    figures: np.ndarray
    overlaps: dict[tuple[int, int], float]


def render(scene: Scene, index: int, height: int, width: int) -> Frame:
    """Draws frame `index` of a scene."""
    optics = scene.optics
    times = [
        index + optics.shutter * (2 * n + 1 - optics.samples) / (2 * optics.samples) for n in range(optics.samples)
    ]
    offset = _shake(optics, index)
    painted = [_paint(actor, index, times, offset, height, width) for actor in scene.actors]
    share = np.float32(1 / optics.samples)
    light = np.zeros((height, width, 3), np.float32)
    passing = [np.ones((height, width), np.float32) for _ in times]
    owner, most = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
    for actor, moments in zip(reversed(scene.actors), reversed(painted), strict=True):
        drawn = [item for item in moments if item is not None]
        if not drawn:
            continue
        top, left = min(item.top for item in drawn), min(item.left for item in drawn)
        bottom = max(item.top + item.alpha.shape[0] for item in drawn)
        right = max(item.left + item.alpha.shape[1] for item in drawn)
        weight = np.zeros((bottom - top, right - left), np.float32)
        for item, through in zip(moments, passing, strict=True):
            if item is None:
                continue
            box = item.box
            seen = through[box] * share
            light[box] += item.rgb * seen[..., None]
            rows, columns = box
            weight[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] += seen * item.alpha
            through[box] *= np.float32(1) - item.alpha
        inside = slice(top, bottom), slice(left, right)
        wins = weight > most[inside]
        owner[inside][wins] = actor.number
        most[inside] = np.maximum(most[inside], weight)
    ground_weight = np.zeros((height, width), np.float32)
    shot = [item for item in scene.shots if item.start <= index][-1]
    for time, through in zip(times, passing, strict=True):
        seen = through * share
        light += _ground(shot, time / max(1, scene.frames - 1), offset, height, width) * seen[..., None]
        ground_weight += seen
    owner[ground_weight >= most] = 0
    middle = [moments[len(moments) // 2] for moments in painted]
    return Frame(_exposed(light, optics, index), owner, _overlaps(scene.actors, middle))


def _paint(
    actor: Actor, index: int, times: list[float], offset: tuple[float, float], height: int, width: int
) -> list[Painted | None]:
    stay = next((item for item in actor.stays if item.start <= index < item.stop), None)
    if stay is None:
        return [None] * len(times)
    found = []
    for time in times:
        x, y, size = stay.at(time)
        pose = Pose((x + offset[0]) * height, (y + offset[1]) * height, size * height, stay.mirrored, actor.rate * time)
        found.append(actor.sprite.paint(pose, height, width))
    return found


def _shake(optics: Optics, index: int) -> tuple[float, float]:
    if not optics.shake:
        return 0.0, 0.0
    draws = Draws("shake", optics.seed, index)
    return draws.between(-1, 1) * optics.shake, draws.between(-1, 1) * optics.shake


def _ground(shot: Shot, share: float, offset: tuple[float, float], height: int, width: int) -> np.ndarray:
    """(H, W, 3) float32 of the ground in view."""
    x, y, zoom = (a + (b - a) * share for a, b in zip(shot.first, shot.last, strict=True))
    rows = _places(height, (y - offset[1]) * height, zoom, shot.ground.shape[0])
    columns = _places(width, (x - offset[0]) * height, zoom, shot.ground.shape[1])
    picture = shot.ground
    y0, y1, fy = rows
    x0, x1, fx = columns
    upper = picture[y0].astype(np.float32)
    upright = upper + (picture[y1].astype(np.float32) - upper) * fy[:, None, None]
    before = upright[:, x0]
    result: np.ndarray = before + (upright[:, x1] - before) * fx[None, :, None]
    return result


def _places(length: int, centre: float, zoom: float, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = np.float32(centre) + (np.arange(length, dtype=np.float32) + np.float32(0.5 - length / 2)) * np.float32(
        zoom
    )
    places = np.clip(places - np.float32(0.5), 0, limit - 1)
    first = np.floor(places)
    index = first.astype(np.int64)
    return index, np.minimum(index + 1, limit - 1), places - first


def _exposed(light: np.ndarray, optics: Optics, index: int) -> np.ndarray:
    """(H, W, 3) uint8 as the sensor gives them."""
    height, width = light.shape[:2]
    seed = Draws("noise", optics.seed, index).bits()
    value = hashed(np.arange(height)[:, None], np.arange(width * 3)[None, :], seed)
    # The sum of four even draws from 0 to 255 is near enough to a normal one: 147.8 is its standard deviation.
    total = (value & np.uint32(255)) + (value >> np.uint32(8) & np.uint32(255))
    total = total + (value >> np.uint32(16) & np.uint32(255)) + (value >> np.uint32(24))
    noise = (total.astype(np.float32) - np.float32(510)) * np.float32(optics.noise / 147.8)
    if optics.soft:
        light = _softened(light)
    picture = light * np.float32(optics.light) + noise.reshape(height, width, 3)
    exposed: np.ndarray = np.floor(np.clip(picture, 0, 255) + np.float32(0.5)).astype(np.uint8)
    return exposed


def _softened(light: np.ndarray) -> np.ndarray:
    """Each pixel mixed with its neighbours, 1:2:1 in both directions."""
    padded = np.pad(light, ((1, 1), (0, 0), (0, 0)), mode="edge")
    rows = (padded[:-2] + padded[2:]) * np.float32(0.25) + padded[1:-1] * np.float32(0.5)
    padded = np.pad(rows, ((0, 0), (1, 1), (0, 0)), mode="edge")
    result: np.ndarray = (padded[:, :-2] + padded[:, 2:]) * np.float32(0.25) + padded[:, 1:-1] * np.float32(0.5)
    return result


def _overlaps(actors: tuple[Actor, ...], painted: list[Painted | None]) -> dict[tuple[int, int], float]:
    drawn = zip(actors, painted, strict=True)
    figures = [(actor.number, item) for actor, item in drawn if actor.number and item is not None]
    found = {}
    for place, (number, item) in enumerate(figures):
        for other, theirs in figures[place + 1 :]:
            shared = _shared(item, theirs)
            if shared:
                smaller = min(int((one.alpha > 0.5).sum()) for one in (item, theirs))
                found[min(number, other), max(number, other)] = shared / smaller
    return found


def _shared(a: Painted, b: Painted) -> int:
    top, left = max(a.top, b.top), max(a.left, b.left)
    bottom = min(a.top + a.alpha.shape[0], b.top + b.alpha.shape[0])
    right = min(a.left + a.alpha.shape[1], b.left + b.alpha.shape[1])
    if top >= bottom or left >= right:
        return 0
    parts = [item.alpha[top - item.top : bottom - item.top, left - item.left : right - item.left] for item in (a, b)]
    return int(((parts[0] > 0.5) & (parts[1] > 0.5)).sum())
