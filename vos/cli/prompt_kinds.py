"""The kinds of prompts that are written as text: options of the commands, columns of manifests. One table for all.

`vos.cli.prompt_options` makes options of it, `vos.cli.prompt_parser` reads their values, and `pipelines.fleet.rows` has
a column for each. Readers import what they need when they are called: `--help` needs none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vos.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from vos.prompts import Prompt
    from vos.prompts.label_image import PictureNote


@dataclass(frozen=True, slots=True)
class PromptPlace:
    """What the text of a prompt leaves open.

    Attributes:
        frame: Index of the frame that it is for.
        object_id: Object that it is for. None where none was chosen: files keep the ids of their objects, and
            everything else is for object 1.
        over: Decodes the frame, (H, W, 3) uint8, for pictures that were painted over a copy of it; None if it cannot
            be decoded.
        on_note: Called with one line about how a picture was read.
    """

    frame: int = 0
    object_id: int | None = None
    over: Callable[[], np.ndarray] | None = None
    on_note: Callable[[PictureNote], None] = lambda note: None


@dataclass(frozen=True, slots=True)
class PromptKind:
    """One kind of prompt.

    Attributes:
        metavar, help: For `--help`.
        read: Reads a value; raises PromptError or UsageError.
        is_file: Whether the value is the path of a file.
    """

    metavar: str
    help: str
    read: Callable[[str, PromptPlace], Sequence[Prompt]]
    is_file: bool = False


def read_prompts(kind: str, value: str, place: PromptPlace) -> list[Prompt]:
    """The prompts of one value.

    Args:
        kind: A key of `PROMPT_KINDS`.
        value: As given with the option, or in the column.
        place: What the value leaves open.

    Raises:
        PromptError: The value, or the file that it names, cannot be used.
        UsageError: The file has several objects although one was chosen.
    """
    prompts = list(PROMPT_KINDS[kind].read(value, place))
    return for_object(prompts, place.object_id, f"--{kind} {value}") if PROMPT_KINDS[kind].is_file else prompts


def for_object(prompts: Sequence[Prompt], object_id: int | None, where: str) -> list[Prompt]:
    """Prompts of a file, for the object that was chosen, if there is one.

    Raises:
        UsageError: They are of several objects. `where` names the file.
    """
    if object_id is None:
        return list(prompts)
    if len({prompt.object_id for prompt in prompts}) > 1:
        raise UsageError(f"{where}: has several objects; leave --object out, or give each object a file of its own")
    return [replace(prompt, object_id=object_id) for prompt in prompts]


def add_prompts(prompts: list[Prompt], more: Sequence[Prompt]) -> None:
    """Appends to `prompts`, in place. Points join those of the same object and frame: every click is a value."""
    from vos.prompts import Points, PromptScript

    for prompt in more:
        key = (prompt.object_id, prompt.frame, prompt.kind)
        same = [i for i, earlier in enumerate(prompts) if (earlier.object_id, earlier.frame, earlier.kind) == key]
        if same and isinstance(prompt, Points):
            (prompts[same[0]],) = PromptScript((prompts[same[0]],)).merge([prompt]).prompts
        else:
            prompts.append(prompt)


def _first_frame_stroke(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import read_strokes

    if place.frame != 0:
        raise UsageError(f"--first-frame-stroke {value}: comes after --at {place.frame}; use --stroke there")
    return read_strokes(Path(value), over=place.over, on_note=place.on_note)


def _stroke(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import read_painted_strokes, read_strokes

    path = Path(value)
    if path.suffix.lower() == ".json":
        return read_strokes(path)
    return read_painted_strokes(path, frame=place.frame, over=place.over, on_note=place.on_note)


def _mask(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import read_masks

    return read_masks(Path(value), frame=place.frame, over=place.over, on_note=place.on_note)


def _box(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import box_from_argument

    return [box_from_argument(value, frame=place.frame, object_id=place.object_id or 1)]


def _point(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import points_from_arguments

    return points_from_arguments([value], frame=place.frame, object_id=place.object_id or 1)


def _negative_point(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import points_from_arguments

    return points_from_arguments([], [value], frame=place.frame, object_id=place.object_id or 1)


def _polygon(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import polygon_from_argument

    return [polygon_from_argument(value, frame=place.frame, object_id=place.object_id or 1)]


def _text(value: str, place: PromptPlace) -> Sequence[Prompt]:
    from vos.prompts import Text

    return [Text(value, frame=place.frame, object_id=place.object_id or 1, source="--text")]


# Name of the option -> kind; the order is that of --help. In manifests dashes are underscores.
PROMPT_KINDS: dict[str, PromptKind] = {
    "first-frame-stroke": PromptKind(
        "PNG|JSON",
        "Strokes painted over the first frame, one colour per object; or polylines.",
        _first_frame_stroke,
        is_file=True,
    ),
    "stroke": PromptKind(
        "PNG|JSON", "The same for the frame of --at (a JSON file names its frames itself).", _stroke, is_file=True
    ),
    "mask": PromptKind(
        "PNG", "Index PNG or 0/255 picture of the whole frame; soft borders are cut at half.", _mask, is_file=True
    ),
    "box": PromptKind("[ID:]X0,Y0,X1,Y1", "Box around the object, in pixels.", _box),
    "point": PromptKind("[ID:]X,Y", "Point on the object, in pixels.", _point),
    "negative-point": PromptKind("[ID:]X,Y", "Point outside the object, in pixels.", _negative_point),
    "polygon": PromptKind("'[ID:]X,Y X,Y ...'", "Outline of the object, in pixels.", _polygon),
    "text": PromptKind("WORDS", "The object in words; needs a SEEM checkpoint.", _text),
}
