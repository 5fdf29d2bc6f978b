"""Who plays: figures and grounds for the clips, drawn, or cut out of pictures that the user has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from pipelines.made.draws import Draws
from pipelines.made.figures import KINDS, Plate
from pipelines.made.paint import Figure, Picture, Sprite
from pipelines.made.textures import SKINS, Colour, colour, ground, skin
from pipelines.perf.absence_clips import material_from_stills
from pipelines.training.stills import TrainingDataError

# A ground is larger than the view by these factors, so that the camera can move.
GROUND_HEIGHT, GROUND_WIDTH = 1.4, 1.6


class Cast(Protocol):
    """Where figures and grounds come from."""

    def ground(self, draws: Draws, height: int, width: int) -> tuple[np.ndarray, Colour]:
        """(1.4 height, 1.6 width, 3) uint8 RGB of a ground, and its main colour."""

    def figures(self, draws: Draws, count: int, *, unlike: Colour, alike: float, kinds: Sequence[str]) -> list[Sprite]:
        """Figures.

        Args:
            draws: Which.
            count: How many.
            unlike: Colour of the ground; how much they differ from it is a matter of difficulty.
            alike: How alike they are: 0 for independent figures, 1 for copies.
            kinds: Kinds to choose from.
        """


@dataclass(frozen=True, slots=True)
class DrawnCast:
    """Everything drawn.

    Attributes:
        difficulty: In [0, 1]: figures stand out less from the ground, thin parts are thinner.
    """

    difficulty: float

    def ground(self, draws: Draws, height: int, width: int) -> tuple[np.ndarray, Colour]:
        return ground(draws, round(height * GROUND_HEIGHT), round(width * GROUND_WIDTH))

    def figures(self, draws: Draws, count: int, *, unlike: Colour, alike: float, kinds: Sequence[str]) -> list[Sprite]:
        contrast = 1 - 0.9 * self.difficulty
        thin = 1.3 - 0.6 * self.difficulty
        look = _Look.drawn(draws, unlike, contrast, kinds)
        found: list[Sprite] = []
        for number in range(count):
            own = draws.child("figure", number)
            if number and not alike:
                look = _Look.drawn(own, unlike, contrast, kinds)
            shift = 60 * (1 - alike) if number else 0.0
            main, second = (_shifted(own, value, shift) for value in (look.main, look.second))
            # Copies have the same skin; what is merely alike has one of the same kind and colours.
            pattern = Draws("skin", look.seed) if alike > _SAME_SKIN else own.child("skin")
            found.append(Figure(KINDS[look.kind], skin(pattern, main, second, look.pattern), thin))
        return found


_SAME_SKIN = 0.7


@dataclass(frozen=True, slots=True)
class _Look:
    """What look-alikes have in common."""

    kind: str
    pattern: str
    main: Colour
    second: Colour
    seed: int

    @classmethod
    def drawn(cls, draws: Draws, unlike: Colour, contrast: float, kinds: Sequence[str]) -> _Look:
        far = [colour(draws, unlike=unlike, distance=110) for _ in range(2)]
        # Between a colour of its own and that of the ground.
        main, second = (_between(unlike, own, contrast) for own in far)
        return cls(draws.pick(kinds), draws.pick(SKINS), main, second, draws.bits())


def _between(a: Colour, b: Colour, share: float) -> Colour:
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def _shifted(draws: Draws, value: Colour, most: float) -> Colour:
    red, green, blue = (part + draws.between(-most, most) for part in value)
    return red, green, blue


class PictureCast:
    """Figures and grounds out of pictures with instance masks (`<root>/<source>/images` and `masks`).

    Args:
        root: The folder.
        count: How many figures to take from it.
        seed: Which.

    Raises:
        TrainingDataError: The folder holds no such pictures, or no whole object of 4 to 40 % of its picture.
    """

    def __init__(self, root: Path, count: int, seed: int) -> None:
        self._material = list(material_from_stills(root, count, seed))
        if not self._material:
            raise TrainingDataError(
                f"{root}: no whole object of 4 to 40 % of its picture was found; add pictures, or leave --stills out"
            )

    def ground(self, draws: Draws, height: int, width: int) -> tuple[np.ndarray, Colour]:
        picture, _ = draws.pick(self._material)
        wide, tall = round(width * GROUND_WIDTH), round(height * GROUND_HEIGHT)
        scale = max(wide / picture.shape[1], tall / picture.shape[0])
        size = max(wide, round(picture.shape[1] * scale)), max(tall, round(picture.shape[0] * scale))
        large = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(large[:tall, :wide]), (128.0, 128.0, 128.0)

    def figures(self, draws: Draws, count: int, *, unlike: Colour, alike: float, kinds: Sequence[str]) -> list[Sprite]:
        first = draws.pick(self._material)[1]
        found: list[Sprite] = []
        for number in range(count):
            own = draws.child("figure", number)
            cutout = first if alike or not number else own.pick(self._material)[1]
            factor = 1 - 0.3 * (1 - alike) * own.between(0, 1) if number and alike else 1.0
            rgb = np.clip(cutout.rgb * np.float32(factor), 0, 255).astype(np.uint8)
            found.append(Picture(rgb, cutout.mask))
        return found


def wall(draws: Draws, half_width: float, half_height: float) -> Sprite:
    """Scenery to hide behind: one plate."""
    plate = Plate((0.0, 0.0), half_width, half_height, 0.01)
    return Figure(lambda phase, thin: (plate,), skin(draws, colour(draws), colour(draws), draws.pick(SKINS)))


def thinner(sprite: Sprite, factor: float) -> Sprite:
    """The same figure with thinner parts; a cut-out stays as it is."""
    return replace(sprite, thin=sprite.thin * factor) if isinstance(sprite, Figure) else sprite
