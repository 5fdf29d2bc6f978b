"""The clips of the benchmark: which there are for a seed, their frames and truth, and the digest of all their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.made.cast import Cast, DrawnCast, PictureCast
from pipelines.made.draws import Draws
from pipelines.made.factors import FACTORS, Setting
from pipelines.made.render import Frame, render
from pipelines.made.scene import Scene


@dataclass(frozen=True, slots=True)
class MadeSet:
    """A set of clips; the same values give the same bytes, as long as no pictures are used.

    Attributes:
        seed: Which set.
        clips: How many; the factors take turns.
        difficulty: In [0, 1]; clips go from 0.2 below it to 0.2 above.
        frames: Length of a clip.
        height, width: Of the frames in pixels.
        factors: Which factors; all by default.
        stills: Folder of pictures with instance masks (`<stills>/<source>/images` and `masks`) to cut figures and
            grounds from; None to draw them.
    """

    seed: int = 0
    clips: int = 24
    difficulty: float = 0.5
    frames: int = 40
    height: int = 360
    width: int = 640
    factors: tuple[str, ...] = tuple(FACTORS)
    stills: str | None = None

    def name(self, number: int) -> str:
        """Name of a clip."""
        return f"{number:03d}-{self.factor(number)}"

    def factor(self, number: int) -> str:
        """What a clip is about."""
        return self.factors[number % len(self.factors)]

    def tracked(self, number: int) -> int:
        """Objects 1 to this number are given in the first frame and scored."""
        return self.scene(number).tracked

    def scene(self, number: int) -> Scene:
        """The scene of a clip.

        Raises:
            TrainingDataError: The folder of pictures holds none that can be used.
        """
        factor = self.factor(number)
        draws = Draws("made", self.seed, factor, number)
        # Golden steps: any number of clips of a factor covers the range evenly.
        place = (number // len(self.factors) * 0.6180339887498949 + 0.25) % 1.0
        difficulty = min(max(self.difficulty + 0.4 * (place - 0.5), 0.0), 1.0)
        cast: Cast = DrawnCast(difficulty) if self.stills is None else _pictures(self.stills, self.seed)
        return FACTORS[factor](Setting(draws, cast, difficulty, self.frames, self.height, self.width))

    def render(self, number: int) -> Iterator[Frame]:
        """The frames of a clip."""
        scene = self.scene(number)
        for index in range(scene.frames):
            yield render(scene, index, self.height, self.width)


_FIGURES_FROM_PICTURES = 60


@lru_cache(maxsize=1)
def _pictures(root: str, seed: int) -> PictureCast:
    return PictureCast(Path(root), _FIGURES_FROM_PICTURES, seed)


def digest(frames: Iterable[Frame]) -> str:
    """SHA-256 of the pixels of frames and truth, in order."""
    total = hashlib.sha256()
    for frame in frames:
        total.update(frame.rgb.tobytes())
        total.update(frame.figures.tobytes())
    return total.hexdigest()
