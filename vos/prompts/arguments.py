"""Prompts from the command line: `--box`, `--point`, `--negative-point`, `--polygon`.

Each value may begin with the id of its object and a colon: `2:10,20` is a point on object 2. Without it the
object is `object_id`. Negative points have an option of their own, because `-10,20` could also be a coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vos.errors import PromptError
from vos.prompts.box import Box
from vos.prompts.points import Points
from vos.prompts.polygon import Polygon


def box_from_argument(text: str, *, frame: int = 0, object_id: int = 1) -> Box:
    """`x0,y0,x1,y1` or `ID:x0,y0,x1,y1` in pixels."""
    object_id, rest = _split_id(text, "--box", object_id)
    x0, y0, x1, y1 = _numbers(rest, 4, "--box", text, "x0,y0,x1,y1")
    return Box(x0, y0, x1, y1, object_id=object_id, frame=frame, source=f"--box {text}")


def points_from_arguments(
    positive: Sequence[str], negative: Sequence[str] = (), *, frame: int = 0, object_id: int = 1
) -> list[Points]:
    """`x,y` or `ID:x,y` in pixels, any number of each; one `Points` per object, ascending ids."""
    found: dict[int, tuple[list[list[float]], list[list[float]]]] = {}
    for option, texts, which in (("--point", positive, 0), ("--negative-point", negative, 1)):
        for text in texts:
            own, rest = _split_id(text, option, object_id)
            found.setdefault(own, ([], []))[which].append(_numbers(rest, 2, option, text, "x,y"))
    return [
        Points(np.array(on), np.array(off), object_id=own, frame=frame, source="--point")
        for own, (on, off) in sorted(found.items())
    ]


def polygon_from_argument(text: str, *, frame: int = 0, object_id: int = 1) -> Polygon:
    """`x,y x,y x,y ...` or `ID:x,y ...` in pixels; `;` begins another ring."""
    object_id, rest = _split_id(text, "--polygon", object_id)
    rings = tuple(
        np.array([_numbers(pair, 2, "--polygon", text, "x,y x,y x,y ...") for pair in ring.split()])
        for ring in rest.split(";")
    )
    return Polygon(rings, object_id=object_id, frame=frame, source="--polygon")


def _split_id(text: str, option: str, default: int) -> tuple[int, str]:
    head, colon, rest = text.partition(":")
    if not colon:
        return default, text
    if not head.strip().isdecimal():
        raise PromptError(f"{option} {text}: {head!r} before the colon is not an object id")
    return int(head), rest


def _numbers(text: str, count: int, option: str, whole: str, form: str) -> list[float]:
    parts = text.split(",")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise PromptError(f"{option} {whole}: expected {form} in pixels")
    return numbers
