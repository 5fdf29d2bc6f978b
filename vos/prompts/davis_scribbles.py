"""Scribble files of the DAVIS interactive challenge (davisinteractive, "scribbles" JSON).

    {"sequence": name, "scribbles": [one list of strokes per video frame]}
    stroke: {"path": [[x, y], ...] as fractions of width and height, "object_id": int, ...}

A fraction becomes pixel trunc(x * (W - 1)), trunc(y * (H - 1)); later strokes paint over earlier ones; object 0 is
background and erases. The annotated frames are those with a non-empty list, not always frame 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from vos.errors import PromptError
from vos.files.json_node import JsonNode, json_errors_as, read_json
from vos.prompts.base import MAX_OBJECT_ID, Prompt, VisualPrompt, frozen_points, set_field
from vos.prompts.stroke import DEFAULT_STROKE_WIDTH, draw_lines

# The files carry no width. Five pixels at 480 lines, the brush of the challenge's own overlay at that size.
_WIDTH_OF_HEIGHT = DEFAULT_STROKE_WIDTH / 480


@dataclass(frozen=True, slots=True, eq=False)
class DavisScribbles(VisualPrompt):
    """The scribbles of one frame, seen by one of their objects. Fits frames of any size.

    Attributes:
        scribbles: All strokes of the frame in drawing order: object id (0 erases), (N, 2) fractions in [0, 1].
    """

    kind: ClassVar[str] = "stroke"

    scribbles: tuple[tuple[int, np.ndarray], ...]

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        if self.size is not None:
            raise PromptError(f"{self.where} is given in fractions, so it takes no size")
        scribbles = tuple((int(i), frozen_points(path, self.where)) for i, path in self.scribbles)
        if any(len(path) == 0 or path.min() < 0 or path.max() > 1 for _, path in scribbles):
            raise PromptError(f"{self.where}: a path needs points with x and y in 0..1")
        set_field(self, "scribbles", scribbles)

    def rasterise(self, width: int, height: int) -> np.ndarray:
        """(height, width) bool: what is left of this object's strokes under later strokes of the others."""
        canvas = np.zeros((height, width), dtype=np.uint16)
        brush = max(1.0, height * _WIDTH_OF_HEIGHT)
        for object_id, path in self.scribbles:
            pixels = np.trunc(path * (width - 1, height - 1))
            draw_lines(canvas, (pixels + 0.5,), brush, object_id)
        result: np.ndarray = canvas == self.object_id
        return result


@json_errors_as(PromptError)
def read_davis_scribbles(path: str | Path) -> list[DavisScribbles]:
    """One prompt per object and annotated frame, by frame, then object.

    Raises:
        PromptError: The file cannot be read, is no scribble file, or holds no stroke.
    """
    return davis_scribbles_from(read_json(path))


@json_errors_as(PromptError)
def davis_scribbles_from(root: JsonNode) -> list[DavisScribbles]:
    """`read_davis_scribbles` of a file that is already parsed. Raises PromptError like it."""
    prompts: list[DavisScribbles] = []
    for frame, strokes in enumerate(root.get("scribbles").items()):
        found = tuple(_stroke(node) for node in strokes.items())
        for object_id in sorted({i for i, _ in found if i}):
            prompts.append(DavisScribbles(found, object_id=object_id, frame=frame, source=str(root.file)))
    if not prompts:
        root.fail("holds no scribble of any object")
    return prompts


def _stroke(node: JsonNode) -> tuple[int, np.ndarray]:
    path = node.get("path")
    points = np.array(path.pairs())
    if points.size == 0:
        path.fail("is empty")
    if points.min() < 0 or points.max() > 1:
        path.fail("has coordinates outside 0..1; they are fractions of width and height")
    return node.get("object_id").integer(0, MAX_OBJECT_ID), points
