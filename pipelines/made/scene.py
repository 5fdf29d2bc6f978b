"""What happens in a clip: who moves where, in front of which ground, in which light, seen by which camera.

Places and sizes are in units of the frame's height: y from 0 (top) to 1, x from 0 to the aspect ratio.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.made.paint import Sprite
from pipelines.made.textures import Colour


@dataclass(frozen=True, slots=True)
class Key:
    """Where a figure is at a time (in frames), and how large."""

    time: float
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Stay:
    """A figure in view or near it, from frame `start` to before `stop`; it moves smoothly through its keys."""

    start: int
    stop: int
    keys: tuple[Key, ...]

    @property
    def mirrored(self) -> bool:
        """Whether it looks to the left: where it goes."""
        return self.keys[-1].x < self.keys[0].x

    def at(self, time: float) -> tuple[float, float, float]:
        """x, y and size at a time; before the first key and after the last those of the key."""
        keys = self.keys
        if len(keys) == 1 or time <= keys[0].time:
            return keys[0].x, keys[0].y, keys[0].size
        if time >= keys[-1].time:
            return keys[-1].x, keys[-1].y, keys[-1].size
        after = next(number for number, key in enumerate(keys) if key.time > time)
        a, b = keys[after - 1], keys[after]
        before, beyond = keys[max(after - 2, 0)], keys[min(after + 1, len(keys) - 1)]
        share = (time - a.time) / (b.time - a.time)
        x = _through((before.x, a.x, b.x, beyond.x), share)
        y = _through((before.y, a.y, b.y, beyond.y), share)
        return x, y, a.size + (b.size - a.size) * share


def _through(values: tuple[float, float, float, float], share: float) -> float:
    """Catmull and Rom's curve from the second value to the third."""
    p, a, b, n = values
    slope_a, slope_b = (b - p) / 2, (n - a) / 2
    return a + share * (
        slope_a + share * (3 * (b - a) - 2 * slope_a - slope_b + share * (2 * (a - b) + slope_a + slope_b))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """Something that is drawn.

    Attributes:
        sprite: How it looks.
        stays: When and where it is.
        rate: Turns of its movement per frame.
        number: Its id: 1 to the number of tracked objects, then look-alikes that are not tracked; 0 for scenery.
    """

    sprite: Sprite
    stays: tuple[Stay, ...]
    rate: float = 0.0
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A ground and a camera that moves over it.

    Attributes:
        start: The first frame.
        ground: (h, w, 3) uint8 RGB.
        colour: Its main colour.
        first, last: x and y of the view's centre on the ground in heights of the view, and zoom in ground pixels per
            pixel of the frame, at the beginning and the end of the clip.
    """

    start: int
    ground: np.ndarray
    colour: Colour
    first: tuple[float, float, float]
    last: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Optics:
    """The camera.

    Attributes:
        light: Factor on the light.
        noise: Standard deviation of the sensor's noise in grey levels.
        shutter: Share of a frame's time during which the shutter is open.
        samples: Moments of that time that are averaged.
        soft: Whether the lens blurs by about a pixel.
        shake: How far a frame is off, in heights of the frame, at most.
        seed: Of noise and shake.
    """

    light: float = 1.0
    noise: float = 3.0
    shutter: float = 0.0
    samples: int = 1
    soft: bool = True
    shake: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A clip.

    Attributes:
        factor: What it is about.
        frames: How many.
        shots: In order.
        actors: From back to front.
        tracked: Objects 1 to `tracked` are given to the tracker.
        optics: The camera.
    """

    factor: str
    frames: int
    shots: tuple[Shot, ...]
    actors: tuple[Actor, ...]
    tracked: int
    optics: Optics
