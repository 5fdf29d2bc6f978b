"""Scenes of several objects with exact ids, out of sequences of one object: pairs and triples of DAVIS-2016.

The frames of one sequence are the stage. The objects of one or two others, cut out by their annotation, are scaled,
moved to where they cover least of what is there in the first frame, and pasted frame by frame, in front of the stage's
object or behind it. They move, turn, leave and return as they do in their own sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from eval.davis import RESOLUTION, sequence_names
from eval.errors import DatasetError
from eval.plan import PlanRequest
from eval.png import read_labels
from pipelines.made.draws import Draws
from pipelines.made.render import Frame

_PLACES = 24
# Share of the frame that a guest must show in the first frame.
_LEAST_SHOWN = 0.001


@dataclass(frozen=True, slots=True)
class CompositeSet:
    """Pairs and triples by turns.

    Attributes:
        root: Folder of DAVIS-2016.
        split: Name of a list in ImageSets/2016.
        seed: Which sequences meet, and where.
        clips: How many scenes.
        frames: Longest scene.
    """

    root: str
    split: str = "train"
    seed: int = 0
    clips: int = 20
    frames: int = 40

    def name(self, number: int) -> str:
        return "+".join(self._cast(number))

    def factor(self, number: int) -> str:
        return "pairs" if number % 2 == 0 else "triples"

    def tracked(self, number: int) -> int:
        return 2 + number % 2

    def render(self, number: int) -> Iterator[Frame]:
        """The frames of a scene.

        Raises:
            DatasetError: A sequence is incomplete, or its object is not in its first frame.
        """
        stage, *guests = (_Source(Path(self.root), name) for name in self._cast(number))
        draws = Draws("composite", self.seed, number)
        rgb, mask = stage.frame(0)
        taken = mask.copy()
        placed = []
        for guest in guests:
            own = _Placed.where_it_covers_least(guest, taken, draws.child(guest.name))
            taken |= own.frame(0, mask.shape)[1] > 0.5
            placed.append(own)
        for index in range(min(self.frames, *(len(source.stems) for source in (stage, *guests)))):
            rgb, mask = stage.frame(index)
            layers = [own.frame(index, mask.shape) for own in placed]
            yield _composed(rgb, mask, layers, [own.in_front for own in placed])

    def _cast(self, number: int) -> tuple[str, ...]:
        """The stage first: every sequence is it in turn; guests are drawn."""
        names = _names(self.root, self.split)
        stage = names[number % len(names)]
        others = [name for name in names if name != stage]
        draws = Draws("cast", self.seed, number)
        guests = []
        for _ in range(self.tracked(number) - 1):
            guests.append(others.pop(draws.whole(0, len(others) - 1)))
        return (stage, *guests)


@lru_cache(maxsize=4)
def _names(root: str, split: str) -> tuple[str, ...]:
    request = PlanRequest(Path(root), Path(root), split)
    names = sequence_names(request, Path(root) / "ImageSets" / "2016" / f"{split}.txt")
    if len(names) < 3:
        raise DatasetError(f"{root}: {len(names)} sequence(s) in the list {split}; at least three are needed to meet")
    return names


class _Source:
    """A sequence of one object."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._annotations = root / "Annotations" / RESOLUTION / name
        self._pictures = root / "JPEGImages" / RESOLUTION / name
        self.stems = tuple(sorted(path.stem for path in self._annotations.glob("*.png")))
        if not self.stems:
            raise DatasetError(f"{self._annotations}: no annotation (*.png) found; check --root")

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB and (H, W) bool."""
        path = self._pictures / f"{self.stems[index]}.jpg"
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise DatasetError(f"{path}: no such picture, or not readable; check --root")
        mask = read_labels(self._annotations / f"{self.stems[index]}.png") != 0
        if mask.shape != picture.shape[:2]:
            raise DatasetError(f"{path}: {picture.shape[1]}x{picture.shape[0]} pixels, its annotation has others")
        return np.ascontiguousarray(picture[..., ::-1]), mask


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """An object in another scene: scaled, then moved by (x, y) pixels."""

    source: _Source
    scale: float
    x: float
    y: float
    in_front: bool

    @classmethod
    def where_it_covers_least(cls, source: _Source, taken: np.ndarray, draws: Draws) -> _Placed:
        _, mask = source.frame(0)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            raise DatasetError(f"{source.name}: its object is not in its first frame")
        height, width = taken.shape
        largest = 0.6 * min(height / (rows[-1] - rows[0] + 1), width / (columns[-1] - columns[0] + 1))
        scale = min(largest, draws.between(0.55, 0.9))
        middle = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
        best: tuple[int, _Placed] | None = None
        in_front = draws.sign() > 0
        for _ in range(_PLACES):
            x = draws.between(0.2, 0.8) * width - scale * middle[0]
            y = draws.between(0.25, 0.75) * height - scale * middle[1]
            placed = cls(source, scale, x, y, in_front)
            own = placed.frame(0, taken.shape)[1] > 0.5
            if np.count_nonzero(own & ~taken) < _LEAST_SHOWN * taken.size:
                continue
            covered = int(np.count_nonzero(own & taken))
            if best is None or covered < best[0]:
                best = covered, placed
        if best is None:
            raise DatasetError(f"{source.name}: found no place for its object; choose another --seed")
        return best[1]

    def frame(self, index: int, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) float32 RGB times alpha, and (H, W) float32 alpha, of the scene's size."""
        rgb, mask = self.source.frame(index)
        alpha = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)
        layers = np.dstack([rgb.astype(np.float32) * alpha[..., None], alpha])
        matrix = np.array([[self.scale, 0, self.x], [0, self.scale, self.y]])
        warped = cv2.warpAffine(layers, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
        return warped[..., :3], warped[..., 3]


def _composed(
    rgb: np.ndarray, mask: np.ndarray, layers: list[tuple[np.ndarray, np.ndarray]], in_front: list[bool]
) -> Frame:
    """Guests have the numbers 2, 3; a pixel belongs to who covers more than half of it, in front first."""
    picture = rgb.astype(np.float32)
    figures = mask.astype(np.uint8)
    for number, ((colours, alpha), front) in enumerate(zip(layers, in_front, strict=True), start=2):
        own = mask if not front else np.zeros_like(mask)
        seen = np.where(own, np.float32(0), alpha)[..., None]
        picture = picture * (1 - seen) + np.where(own[..., None], np.float32(0), colours)
        figures[(seen[..., 0] > 0.5)] = number
    outlines = [mask, *(alpha > 0.5 for _, alpha in layers)]
    overlaps = {}
    for a in range(len(outlines)):
        for b in range(a + 1, len(outlines)):
            shared = int(np.count_nonzero(outlines[a] & outlines[b]))
            if shared:
                smaller = min(int(np.count_nonzero(outlines[one])) for one in (a, b))
                overlaps[a + 1, b + 1] = shared / smaller
    return Frame(np.clip(picture + 0.5, 0, 255).astype(np.uint8), figures, overlaps)
