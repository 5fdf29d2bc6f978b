"""Single marks of a frame: one click, one line, one box, one ring. They are taken away or moved, the others stay.

A mark is named by the kind of its prompt and its number in it, as `views.prompt_view` numbers them: clicks in the order
in which they were made, lines and rings in theirs. What was painted pixel by pixel is one mark.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vos.errors import PromptError
from vos.files.json_node import JsonNode
from vos.prompts import Box, Points, Polygon, Prompt, PromptScript, Stroke


def delete_mark(script: PromptScript, gesture: JsonNode, object_id: int, frame: int) -> PromptScript:
    """The script without one mark. Raises PromptError if there is no such mark."""
    prompt, number = _mark_of(script, gesture, object_id, frame)
    return _replaced(script, prompt, _without(prompt, number))


def move_mark(
    script: PromptScript, gesture: JsonNode, object_id: int, frame: int, size: tuple[int, int]
) -> PromptScript:
    """The script with one mark moved by `by`: [dx, dy] in pixels, as far as it stays on the frame.

    Args:
        script, gesture, object_id, frame: As `delete_mark`.
        size: (width, height) of the frame.

    Raises:
        PromptError: There is no such mark, or it is painted pixel by pixel.
    """
    prompt, number = _mark_of(script, gesture, object_id, frame)
    by = np.array(gesture.get("by").numbers(2))
    return _replaced(script, prompt, _moved(prompt, number, by, size))


def _mark_of(script: PromptScript, gesture: JsonNode, object_id: int, frame: int) -> tuple[Prompt, int]:
    kind = gesture.get("mark").text()
    prompt = next((p for p in script.prompts if (p.object_id, p.frame, p.kind) == (object_id, frame, kind)), None)
    number = gesture.get("number").integer(0, 2**31 - 1)
    if prompt is None or number >= _count(prompt):
        raise PromptError(f"object {object_id} has no such mark on frame {frame} any more")
    return prompt, number


def _count(prompt: Prompt) -> int:
    if isinstance(prompt, Points):
        return len(prompt.clicks)
    if isinstance(prompt, Polygon):
        return len(prompt.rings)
    if isinstance(prompt, Stroke) and prompt.raster is None:
        return len(prompt.lines)
    return 1


def _without(prompt: Prompt, number: int) -> Prompt | None:
    if _count(prompt) == 1:
        return None
    if isinstance(prompt, Points):
        return prompt.with_clicks([click for i, click in enumerate(prompt.clicks) if i != number])
    if isinstance(prompt, Polygon):
        return replace(prompt, rings=tuple(ring for i, ring in enumerate(prompt.rings) if i != number))
    assert isinstance(prompt, Stroke)
    return replace(prompt, lines=tuple(line for i, line in enumerate(prompt.lines) if i != number))


def _moved(prompt: Prompt, number: int, by: np.ndarray, size: tuple[int, int]) -> Prompt:
    if isinstance(prompt, Points):
        clicks = list(prompt.clicks)
        x, y, sign = clicks[number]
        # Points lie on pixels: the border of the last one is outside.
        x, y = np.clip(np.array([x, y]) + by, 0, np.nextafter(np.array(size, float), 0)).tolist()
        clicks[number] = (x, y, sign)
        return prompt.with_clicks(clicks)
    if isinstance(prompt, Box):
        corners = np.array([[prompt.x0, prompt.y0], [prompt.x1, prompt.y1]])
        (x0, y0), (x1, y1) = _kept_inside(corners, by, size).tolist()
        return replace(prompt, x0=x0, y0=y0, x1=x1, y1=y1)
    if isinstance(prompt, Polygon):
        rings = list(prompt.rings)
        rings[number] = _kept_inside(rings[number], by, size)
        return replace(prompt, rings=tuple(rings))
    if isinstance(prompt, Stroke) and prompt.raster is None:
        lines = list(prompt.lines)
        lines[number] = _kept_inside(lines[number], by, size)
        return replace(prompt, lines=tuple(lines))
    raise PromptError("what was painted pixel by pixel cannot be moved; delete it and draw it again")


def _kept_inside(points: np.ndarray, by: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) points moved as far as none leaves the frame; those outside before may stay there."""
    low = np.minimum(-points.min(0), 0)
    high = np.maximum(np.array(size, float) - points.max(0), 0)
    moved: np.ndarray = points + np.clip(by, low, high)
    return moved


def _replaced(script: PromptScript, before: Prompt, after: Prompt | None) -> PromptScript:
    prompts = [after if prompt is before else prompt for prompt in script.prompts]
    return replace(script, prompts=tuple(prompt for prompt in prompts if prompt is not None))
