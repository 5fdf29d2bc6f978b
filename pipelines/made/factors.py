"""What makes tracking hard, one factor a clip: a table of functions that make a scene.

Every function takes what it may draw from and a difficulty in [0, 1], which is how far the factor goes: how much
larger, how long hidden, how alike, how dark. Objects that are tracked are in view in the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipelines.made.cast import Cast, thinner, wall
from pipelines.made.draws import Draws
from pipelines.made.figures import KINDS, THIN_KINDS
from pipelines.made.paint import Sprite
from pipelines.made.scene import Actor, Key, Optics, Scene, Shot, Stay
from pipelines.made.textures import Colour


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scene is made from.

    Attributes:
        draws: All chance.
        cast: Figures and grounds.
        difficulty: In [0, 1].
        frames: Length of the clip.
        height, width: Of the frames in pixels.
    """

    draws: Draws
    cast: Cast
    difficulty: float
    frames: int
    height: int
    width: int

    @property
    def aspect(self) -> float:
        """Width in heights of the frame."""
        return self.width / self.height

    def at(self, share: float) -> int:
        """The frame at a share of the clip."""
        return round(share * self.frames)


_ALL_KINDS = tuple(KINDS)


def _shot(setting: Setting, start: int = 0, *, pan: float = 0.12) -> Shot:
    draws = setting.draws.child("shot", start)
    ground, main = setting.cast.ground(draws, setting.height, setting.width)
    tall, wide = ground.shape[0] / setting.height, ground.shape[1] / setting.height
    centre = tall / 2, wide / 2
    move = draws.between(-pan, pan), draws.between(-pan / 2, pan / 2)
    zoom = draws.between(0.95, 1.1), draws.between(0.95, 1.1)
    first = centre[1] - move[0], centre[0] - move[1], zoom[0]
    last = centre[1] + move[0], centre[0] + move[1], zoom[1]
    return Shot(start, ground, main, first, last)


def _figures(
    setting: Setting, count: int, unlike: Colour, *, alike: float = 0.0, kinds: Sequence[str] = _ALL_KINDS
) -> list[Sprite]:
    return setting.cast.figures(setting.draws.child("cast"), count, unlike=unlike, alike=alike, kinds=kinds)


def _scene(
    setting: Setting,
    factor: str,
    shots: Sequence[Shot],
    actors: Sequence[Actor],
    tracked: int = 1,
    optics: Optics | None = None,
) -> Scene:
    optics = optics or _optics(setting)
    first = 1 + max(actor.number for actor in actors)
    passers = [] if len(shots) > 1 else _passers(setting, shots[0].colour, first)
    return Scene(factor, setting.frames, tuple(shots), (*passers, *actors), tracked, optics)


def _passers(setting: Setting, main: Colour, first: int) -> list[Actor]:
    """Figures that nobody tracks, behind the others; their numbers begin with `first`."""
    draws = setting.draws.child("passers")
    count = round(4 * setting.difficulty)
    sprites = setting.cast.figures(draws, count, unlike=main, alike=0.0, kinds=_ALL_KINDS) if count else []
    actors = []
    for number, sprite in enumerate(sprites):
        x, y, size = draws.between(0, setting.aspect), draws.between(0.3, 0.8), draws.between(0.15, 0.3)
        keys = (Key(0, x, y, size), Key(setting.frames, x + draws.between(-0.5, 0.5), y, size))
        actors.append(Actor(sprite, (Stay(0, setting.frames, keys),), _rate(draws), first + number))
    return actors


def _optics(setting: Setting) -> Optics:
    return Optics(seed=setting.draws.child("optics").bits())


def _stroll(setting: Setting, draws: Draws, size: float, *, length: float = 0.5, to_size: float | None = None) -> Stay:
    """All of the clip in view, across `length` of the frame."""
    aspect, direction = setting.aspect, draws.sign()
    x = aspect / 2 - direction * length * aspect / 2
    y = draws.between(0.45, 0.6)
    keys = [
        Key(
            setting.frames * share,
            x + direction * length * aspect * share,
            y + draws.between(-0.06, 0.06),
            size + ((to_size or size) - size) * share,
        )
        for share in (0.0, 0.33, 0.66, 1.0)
    ]
    return Stay(0, setting.frames, tuple(keys))


def _rate(draws: Draws) -> float:
    return draws.between(0.05, 0.09)


def pose(setting: Setting) -> Scene:
    """A figure that moves its limbs, and nothing else: the easy clip."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    rate = 0.04 + 0.08 * setting.difficulty
    return _scene(setting, "pose", [shot], [Actor(sprite, (_stroll(setting, draws, 0.5),), rate, 1)])


def scale(setting: Setting) -> Scene:
    """It comes nearer, or goes away."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    sizes = 0.2, min(1.0, 0.2 * (2 + 5 * setting.difficulty))
    first, last = sizes if draws.sign() > 0 else sizes[::-1]
    stay = _stroll(setting, draws, first, to_size=last, length=0.35)
    return _scene(setting, "scale", [shot], [Actor(sprite, (stay,), _rate(draws), 1)])


def occlusion(setting: Setting) -> Scene:
    """It passes behind a pole and behind a wall that hides all of it for a while."""
    draws = setting.draws
    shot = _shot(setting, pan=0.05)
    (sprite,) = _figures(setting, 1, shot.colour)
    stay = _stroll(setting, draws, 0.3, length=0.85)
    aspect = setting.aspect
    # Hidden for as many frames as it takes to walk what the wall is wider than the figure.
    speed = 0.85 * aspect / setting.frames
    half = 0.2 + speed * (2 + 8 * setting.difficulty) / 2
    still = Stay(0, setting.frames, (Key(0, aspect * 0.56, 0.5, 1.0),))
    pole = Stay(0, setting.frames, (Key(0, aspect * 0.3, 0.5, 1.0),))
    actors = [
        Actor(sprite, (stay,), _rate(draws), 1),
        Actor(wall(draws.child("wall"), half, 0.6), (still,)),
        Actor(wall(draws.child("pole"), 0.03 + 0.05 * setting.difficulty, 0.7), (pole,)),
    ]
    return _scene(setting, "occlusion", [shot], actors)


def _away_and_back(setting: Setting, draws: Draws, size: float) -> tuple[Stay, ...]:
    """It walks out at one side, and comes in elsewhere at another size."""
    aspect, frames = setting.aspect, setting.frames
    away = round(5 + 8 * setting.difficulty)
    leave = setting.at(0.3)
    direction = draws.sign()
    out = aspect / 2 + direction * (aspect / 2 + 0.75 * size)
    ratio = 1 + draws.sign() * 0.5 * setting.difficulty
    again = size * ratio
    enter = leave + away
    side = draws.sign()
    beyond = aspect / 2 + side * (aspect / 2 + 0.75 * again)
    y = draws.between(0.4, 0.6), draws.between(0.4, 0.6)
    before = Stay(0, leave + 1, (Key(0, aspect / 2 - 0.1 * direction, y[0], size), Key(leave, out, y[0], size)))
    after = Stay(
        enter,
        frames,
        (
            Key(enter, beyond, y[1], again),
            Key(enter + 7, aspect / 2 + side * aspect * 0.25, y[1], again),
            Key(frames, aspect / 2 - side * aspect * 0.15, y[1] + draws.between(-0.08, 0.08), again),
        ),
    )
    return before, after


def leave(setting: Setting) -> Scene:
    """It leaves the view, and returns at another place and size."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    return _scene(setting, "return", [shot], [Actor(sprite, _away_and_back(setting, draws, 0.4), _rate(draws), 1)])


def decoy(setting: Setting) -> Scene:
    """It leaves and returns, while one that looks like it, and is not tracked, stays in view."""
    draws = setting.draws
    shot = _shot(setting)
    sprites = _figures(setting, 2, shot.colour, alike=0.3 + 0.5 * setting.difficulty)
    place = Key(0, setting.aspect * draws.between(0.2, 0.8), 0.8, 0.3)
    moved = Key(setting.frames, place.x + draws.between(-0.1, 0.1), 0.8, 0.3)
    actors = [
        Actor(sprites[1], (Stay(0, setting.frames, (place, moved)),), _rate(draws), 2),
        Actor(sprites[0], _away_and_back(setting, draws, 0.38), _rate(draws), 1),
    ]
    return _scene(setting, "decoy", [shot], actors)


def crossing(setting: Setting) -> Scene:
    """Look-alikes, all tracked, pass in front of each other."""
    draws = setting.draws
    shot = _shot(setting)
    sprites = _figures(setting, 3, shot.colour, alike=0.2 + 0.5 * setting.difficulty)
    aspect, frames = setting.aspect, setting.frames
    actors = []
    for number, sprite in enumerate(sprites):
        direction = 1 if number % 2 == 0 else -1
        row = 0.46 + 0.04 * number
        span = aspect * (0.38 - 0.06 * number)
        late = 0.12 * number * frames
        keys = (
            Key(0, aspect / 2 - direction * span, row, 0.3 + 0.02 * number),
            Key(late + 0.1 * frames, aspect / 2 - direction * span * 0.9, row, 0.3 + 0.02 * number),
            Key(min(0.95, 0.75 + 0.1 * number) * frames, aspect / 2 + direction * span, row, 0.3 + 0.02 * number),
        )
        actors.append(Actor(sprite, (Stay(0, frames, keys),), _rate(draws), number + 1))
    return _scene(setting, "crossing", [shot], actors, 3)


def cut(setting: Setting) -> Scene:
    """A cut to a shot without it, and another one back to it, elsewhere and at another size."""
    draws = setting.draws
    first = setting.at(0.3)
    second = first + round(4 + 8 * setting.difficulty)
    shots = [_shot(setting, start) for start in (0, first, second)]
    (sprite,) = _figures(setting, 1, shots[0].colour)
    aspect, frames = setting.aspect, setting.frames
    chance = setting.draws.child("other")
    (other,) = setting.cast.figures(chance, 1, unlike=shots[1].colour, alike=0.0, kinds=_ALL_KINDS)
    x, size = draws.between(0.25, 0.75) * aspect, draws.between(0.3, 0.6)
    actors = [
        Actor(other, (Stay(first, second, (Key(first, aspect / 2, 0.5, 0.45),)),), _rate(draws), 2),
        Actor(
            sprite,
            (
                Stay(0, first, (Key(0, aspect * 0.4, 0.5, 0.45), Key(first, aspect * 0.6, 0.52, 0.45))),
                Stay(second, frames, (Key(second, x, 0.5, size), Key(frames, aspect - x, 0.55, size))),
            ),
            _rate(draws),
            1,
        ),
    ]
    return _scene(setting, "cut", shots, actors)


def thin(setting: Setting) -> Scene:
    """Thin parts that move: legs, antennae, a mast, a tail of string."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour, kinds=THIN_KINDS)
    stay = _stroll(setting, draws, 0.65, length=0.3)
    actor = Actor(thinner(sprite, 0.8), (stay,), 0.03 + 0.06 * setting.difficulty, 1)
    return _scene(setting, "thin", [shot], [actor])


def blur(setting: Setting) -> Scene:
    """It is fast, and the shutter is slow."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    aspect, frames = setting.aspect, setting.frames
    bounces = 2 + round(3 * setting.difficulty)
    keys = tuple(
        Key(frames * n / bounces, aspect * (0.22 if n % 2 else 0.78), draws.between(0.3, 0.7), 0.35)
        for n in range(bounces + 1)
    )
    optics = replace(_optics(setting), shutter=0.4 + 0.5 * setting.difficulty, samples=5)
    return _scene(setting, "blur", [shot], [Actor(sprite, (Stay(0, frames, keys),), _rate(draws), 1)], optics=optics)


def dark(setting: Setting) -> Scene:
    """Little light, much noise."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    optics = replace(_optics(setting), light=0.5 - 0.35 * setting.difficulty, noise=3 + 5 * setting.difficulty)
    return _scene(
        setting, "dark", [shot], [Actor(sprite, (_stroll(setting, draws, 0.45),), _rate(draws), 1)], optics=optics
    )


def shake(setting: Setting) -> Scene:
    """The camera shakes."""
    draws = setting.draws
    shot = _shot(setting)
    (sprite,) = _figures(setting, 1, shot.colour)
    optics = replace(_optics(setting), shake=0.015 + 0.07 * setting.difficulty)
    return _scene(
        setting, "shake", [shot], [Actor(sprite, (_stroll(setting, draws, 0.4),), _rate(draws), 1)], optics=optics
    )


def crowd(setting: Setting) -> Scene:
    """Many objects, all tracked, some of them alike."""
    draws = setting.draws
    shot = _shot(setting)
    count = draws.whole(4 + round(4 * setting.difficulty), 8 + round(12 * setting.difficulty))
    columns = -(-count // 4)
    size = min(0.28, 0.8 * setting.aspect / columns)
    sprites: list[Sprite] = []
    while len(sprites) < count:
        group = min(count - len(sprites), draws.whole(1, 3))
        own, alike = draws.child("group", len(sprites)), 0.4 if group > 1 else 0.0
        sprites += setting.cast.figures(own, group, unlike=shot.colour, alike=alike, kinds=_ALL_KINDS)
    actors = []
    for number, sprite in enumerate(sprites):
        column, row = number // 4, number % 4
        x = setting.aspect * (column + 0.5) / columns + draws.between(-0.03, 0.03)
        y = 0.14 + 0.24 * row + draws.between(-0.02, 0.02)
        far = 0.15 + 0.25 * setting.difficulty
        keys = (
            Key(0, x, y, size),
            Key(setting.frames / 2, _inside(x + draws.between(-far, far), setting.aspect), y, size),
            Key(setting.frames, _inside(x + draws.between(-far, far), setting.aspect), y, size),
        )
        actors.append(Actor(sprite, (Stay(0, setting.frames, keys),), _rate(draws), number + 1))
    return _scene(setting, "crowd", [shot], actors, count)


def _inside(x: float, aspect: float) -> float:
    return min(max(x, 0.1), aspect - 0.1)


FACTORS: dict[str, Callable[[Setting], Scene]] = {
    "pose": pose,
    "scale": scale,
    "occlusion": occlusion,
    "return": leave,
    "decoy": decoy,
    "crossing": crossing,
    "cut": cut,
    "thin": thin,
    "blur": blur,
    "dark": dark,
    "shake": shake,
    "crowd": crowd,
}
