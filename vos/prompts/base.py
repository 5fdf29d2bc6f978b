"""Fields of every prompt (object, frame, and the size that its coordinates belong to) and their checks.

Coordinates are pixels as real numbers: x to the right, y down, the origin at the outer corner of the top-left
pixel. Pixel (column c, row r) covers [c, c+1) x [r, r+1) and its centre is (c + 0.5, r + 0.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self, TypedDict, get_args

import numpy as np

from vos.errors import PromptError

MAX_OBJECT_ID = 65535

Direction = Literal["forward", "backward", "both"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


class CommonFields(TypedDict, total=False):
    """The fields that every prompt takes by name; see `Prompt`."""

    object_id: int
    frame: int
    size: tuple[int, int] | None
    direction: Direction
    replaces: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt:
    """Base of all prompts. Instances are immutable and compare by value; arrays in them are read-only copies.

    Attributes:
        object_id: Which object the prompt describes, 1..65535. 0 is the background and cannot be prompted.
        frame: Index of the annotated frame in display order, from 0.
        size: (width, height) of the picture that the coordinates belong to. None means the size of the frame.
        direction: Which frames the prompt applies to besides its own: those after it, those before it, or both.
        replaces: Points and strokes on a frame where the object is known correct its mask; this starts afresh instead.
        source: Where the prompt was read from; only used in messages, ignored when prompts are compared.
    """

    kind: ClassVar[str] = "prompt"

    object_id: int = 1
    frame: int = 0
    size: tuple[int, int] | None = None
    direction: Direction = "forward"
    replaces: bool = False
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not _is_integer(self.object_id) or not 1 <= self.object_id <= MAX_OBJECT_ID:
            raise PromptError(f"{self.where}: object id {self.object_id} is not a whole number in 1..{MAX_OBJECT_ID}")
        if not _is_integer(self.frame) or self.frame < 0:
            raise PromptError(f"{self.where}: frame {self.frame} is not a whole number from 0")
        if self.direction not in DIRECTIONS:
            raise PromptError(f"{self.where}: direction {self.direction!r} is not one of {', '.join(DIRECTIONS)}")
        set_field(self, "object_id", int(self.object_id))
        set_field(self, "frame", int(self.frame))
        if self.size is not None:
            if len(self.size) != 2 or not all(_is_integer(n) and n > 0 for n in self.size):
                raise PromptError(f"{self.where}: size {self.size} is not (width, height) of a picture")
            set_field(self, "size", (int(self.size[0]), int(self.size[1])))

    @property
    def where(self) -> str:
        """How messages name this prompt: file or option, kind and object."""
        prefix = f"{self.source}: " if self.source else ""
        return f"{prefix}{self.kind} of object {self.object_id}"

    def check(self, width: int, height: int) -> None:
        """Raises PromptError unless the prompt can be used on a frame of `width` x `height` pixels."""
        if self.size is not None and self.size != (width, height):
            raise PromptError(
                f"{self.where} is for {self.size[0]}x{self.size[1]} pixels but the frame has {width}x{height}: "
                "draw it on a frame of this video, or scale it with .rescaled(width, height)"
            )

    def rescaled(self, width: int, height: int) -> Self:
        """The same prompt for a picture of `width` x `height`; the prompt must know its own size."""
        if self.size is None:
            raise PromptError(f"{self.where} does not say which size its coordinates belong to, so it cannot be scaled")
        if self.size == (width, height):
            return self
        return self._scaled(width, height, width / self.size[0], height / self.size[1])

    def _scaled(self, width: int, height: int, scale_x: float, scale_y: float) -> Self:
        """A kind with coordinates overrides this; the others only change the size."""
        return replace(self, size=(width, height))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.compare)

    def __hash__(self) -> int:
        return hash((type(self), self.object_id, self.frame))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VisualPrompt(Prompt):
    """A prompt that marks pixels of the frame it is on."""

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: the marked pixels. The same prompt always gives the same pixels."""
        raise NotImplementedError

    def check(self, width: int, height: int) -> None:
        Prompt.check(self, width, height)
        if not self.rasterise(width, height).any():
            raise PromptError(f"{self.where} is empty: it marks no pixel of the {width}x{height} frame")


def set_field(instance: object, name: str, value: object) -> None:
    """Normalises a field of a frozen dataclass; only for use in `__post_init__`."""
    object.__setattr__(instance, name, value)


def frozen_bool(value: Any, where: str) -> np.ndarray:
    """A read-only (H, W) bool copy of `value`."""
    array = np.asarray(value)
    if array.ndim != 2 or array.size == 0:
        raise PromptError(f"{where} needs an array of shape (height, width), not {array.shape}")
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise PromptError(f"{where} needs a bool array (or one of 0 and 1); an index map holds several objects")
    array = array.astype(bool, copy=True)
    array.setflags(write=False)
    return array


def frozen_points(value: Any, where: str) -> np.ndarray:
    """A read-only (N, 2) float64 copy of `value`, all finite. N may be 0."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise PromptError(f"{where} needs coordinates as pairs of numbers x, y") from None
    if array.size == 0:
        array = array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise PromptError(f"{where} needs coordinates as pairs of finite numbers x, y")
    array.setflags(write=False)
    return array


def check_inside(points: np.ndarray, width: int, height: int, where: str, *, edge: bool) -> None:
    """Raises PromptError unless all (N, 2) points lie in the picture; `edge` allows x = width and y = height."""
    limit = np.array([width, height], dtype=np.float64)
    inside = (points >= 0) & (points <= limit if edge else points < limit)
    if not inside.all():
        x, y = points[int(np.argmin(inside.all(axis=1)))]
        raise PromptError(f"{where} lies outside the image: ({x:g}, {y:g}) is not within {width}x{height} pixels")


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def object_ids_of(prompts: Iterable[Prompt]) -> tuple[int, ...]:
    """Ids of the objects of the prompts, ascending, each once."""
    return tuple(sorted({prompt.object_id for prompt in prompts}))
