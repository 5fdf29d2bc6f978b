"""What a hand does on a frame, as a change of the prompt script: a stroke, a click, a box, an outline, an eraser.

The script is the document: there is no second form of the marks beside it. So everything drawn is saved as it is, and
undo is the script before. Gestures arrive as JSON in pixels of the source frame.

The eraser says "not this". Where an object was drawn by strokes, points or a box, the model is told so, by negative
points along the line. Where its mask is there pixel by pixel (a mask prompt, or what tracking found), exactly the
painted pixels leave the mask, and a stroke adds exactly the painted pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vos.errors import PromptError
from vos.files.json_node import JsonNode
from vos.prompts import Box, Direction, Mask, Points, Polygon, Prompt, PromptScript, Stroke
from vos.prompts.points import MOST_CANDIDATES, point_radius
from vos.prompts.stroke import draw_lines
from vos.ui.marks import delete_mark, move_mark

P = TypeVar("P", bound=Prompt)

_MAX_LINE_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """Which object a gesture is about, and where.

    Attributes:
        object_id: The object.
        frame: Frame index.
        size: (width, height) of the source.
        tracked: (H, W) bool: the mask that tracking has found there for the object, or None.
    """

    object_id: int
    frame: int
    size: tuple[int, int]
    tracked: np.ndarray | None = None

    def common(self, script: PromptScript) -> dict[str, Any]:
        """What a new prompt needs; its direction is that of the object's other prompts on the frame."""
        return {
            "object_id": self.object_id,
            "frame": self.frame,
            "size": self.size,
            "direction": direction_at(script, self.object_id, self.frame),
        }


def gesture_node(value: Any) -> JsonNode:
    """A gesture as it came, with messages that name the place in it."""
    return JsonNode(value, Path("gesture"))


def direction_at(script: PromptScript, object_id: int, frame: int) -> Direction:
    """The direction of the object's prompts on a frame, or of a new one.

    The first mark of an object applies to the whole video; a later one corrects what comes after it.
    """
    own = [prompt for prompt in script.prompts if prompt.object_id == object_id]
    here = next((prompt.direction for prompt in own if prompt.frame == frame), None)
    if here is not None:
        return here
    return "both" if not own and frame > 0 else "forward"


def apply_gesture(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    """The script with one more gesture.

    Raises:
        PromptError: The gesture is malformed, or says nothing where it was made.
    """
    kind = gesture.get("kind").text()
    apply = _GESTURES.get(kind)
    if apply is None:
        gesture.get("kind").fail(f"{kind!r} is not one of {', '.join(_GESTURES)}")
    changed = apply(script, gesture, place)
    for prompt in changed.prompts:
        if prompt.object_id == place.object_id and prompt.frame == place.frame:
            prompt.check(*place.size)
    return changed


def without(script: PromptScript, object_id: int, frame: int | None, *kinds: type[Prompt]) -> PromptScript:
    """The script without an object's prompts on a frame (None: on all frames), or only without those of some kinds."""

    def goes(prompt: Prompt) -> bool:
        is_here = prompt.object_id == object_id and frame in (None, prompt.frame)
        return is_here and (not kinds or isinstance(prompt, kinds))

    return replace(script, prompts=tuple(prompt for prompt in script.prompts if not goes(prompt)))


def _stroke(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    line, width = _line(gesture, place)
    mask = _find(script, place, Mask)
    if mask is not None:
        return _put(script, replace(mask, pixels=mask.pixels | _painted(line, width, place.size)))
    drawn = _find(script, place, Stroke)
    if drawn is None:
        stroke = Stroke((line,), width, **place.common(script))
    elif drawn.raster is None and drawn.width == width:
        stroke = replace(drawn, lines=(*drawn.lines, line))
    else:
        # A stroke has one width. Brushes of two widths are kept as the pixels they painted, which is the same prompt.
        pixels = drawn.rasterise(*place.size) | _painted(line, width, place.size)
        stroke = Stroke.painted(pixels, **place.common(script))
    return _put(script, stroke)


def _eraser(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    line, width = _line(gesture, place)
    mask = _find(script, place, Mask)
    is_drawn = any(_is_at(prompt, place) for prompt in script.prompts)
    if mask is None and is_drawn:
        # Points lie on pixels, lines may run along the border of the last one.
        inside = np.minimum(line, np.nextafter(np.array(place.size, float), 0))
        return _add_points(script, place, negative=_along(inside, point_radius(*place.size)))
    pixels = mask.pixels if mask is not None else place.tracked
    if pixels is None or not pixels.any():
        raise PromptError("this object has nothing to erase here: mark it first, with a stroke or a box")
    left = pixels & ~_painted(line, width, place.size)
    if not left.any():
        raise PromptError("this would erase the whole object: to end it here, choose 'Ends here' in its menu")
    return _put(script, Mask(left, **place.common(script)))


def _point(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    at = np.array([gesture.get("at").numbers(2)])
    if gesture.get("positive").value is True:
        return _add_points(without(script, place.object_id, place.frame, Mask), place, positive=at)
    is_drawn = any(_is_at(prompt, place) and not isinstance(prompt, Mask) for prompt in script.prompts)
    is_tracked = place.tracked is not None and bool(place.tracked.any())
    if not is_drawn and not is_tracked:
        raise PromptError(
            "a negative point needs something to take away from: add a stroke, a box or a point on the object first, "
            "or take away pixels of the mask with the eraser"
        )
    return _add_points(script, place, negative=at)


def _box(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    x0, y0, x1, y1 = gesture.get("corners").numbers(4)
    left, right = sorted((x0, x1))
    top, bottom = sorted((y0, y1))
    rest = without(script, place.object_id, place.frame, Mask)
    return _put(rest, Box(left, top, right, bottom, **place.common(script)))


def _polygon(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    ring = np.array(gesture.get("ring").pairs())
    drawn = _find(script, place, Polygon)
    rest = without(script, place.object_id, place.frame, Mask)
    if drawn is not None:
        return _put(rest, replace(drawn, rings=(*drawn.rings, ring)))
    return _put(rest, Polygon((ring,), **place.common(script)))


def _delete(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    return delete_mark(script, gesture, place.object_id, place.frame)


def _move(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    return move_mark(script, gesture, place.object_id, place.frame, place.size)


def _candidate(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    """The next reading of a click: the largest first, then smaller ones, then the program's own choice again."""
    drawn = _find(script, place, Points)
    if drawn is None or not len(drawn.positive):
        raise PromptError("what a click means can be chosen where there is one: add a point on the object first")
    return _put(script, replace(drawn, candidate=(drawn.candidate + 1) % (MOST_CANDIDATES + 1)))


def _clear(script: PromptScript, gesture: JsonNode, place: Place) -> PromptScript:
    cleared = without(script, place.object_id, place.frame)
    if cleared == script:
        raise PromptError(f"object {place.object_id} has no mark on frame {place.frame}")
    return cleared


_GESTURES: dict[str, Callable[[PromptScript, JsonNode, Place], PromptScript]] = {
    "stroke": _stroke,
    "eraser": _eraser,
    "point": _point,
    "box": _box,
    "polygon": _polygon,
    "candidate": _candidate,
    "clear": _clear,
    "delete-mark": _delete,
    "move-mark": _move,
}


def _add_points(
    script: PromptScript, place: Place, *, positive: np.ndarray | None = None, negative: np.ndarray | None = None
) -> PromptScript:
    none = np.zeros((0, 2))
    more_on, more_off = (none if points is None else points for points in (positive, negative))
    drawn = _find(script, place, Points)
    if drawn is None:
        return _put(script, Points(more_on, more_off, **place.common(script)))
    more = [(x, y, True) for x, y in more_on.tolist()] + [(x, y, False) for x, y in more_off.tolist()]
    return _put(script, drawn.with_clicks([*drawn.clicks, *more]))


def _put(script: PromptScript, prompt: Prompt) -> PromptScript:
    """The script with a prompt in place of the one of its kind, object and frame, if there is one."""
    key = (prompt.object_id, prompt.frame, prompt.kind)
    prompts = list(script.prompts)
    if isinstance(prompt, Mask):
        # A mask says everything about its frame; other marks there would not be looked at.
        prompts = [p for p in prompts if (p.object_id, p.frame) != key[:2]]
    slots = [i for i, p in enumerate(prompts) if (p.object_id, p.frame, p.kind) == key]
    if slots:
        prompts[slots[0]] = prompt
    else:
        prompts.append(prompt)
    # A mark on the frame where the object ends brings it back there.
    removals = tuple(r for r in script.removals if (r.object_id, r.frame) != key[:2])
    return replace(script, prompts=tuple(prompts), removals=removals)


def _find(script: PromptScript, place: Place, kind: type[P]) -> P | None:
    return next((prompt for prompt in script.prompts if _is_at(prompt, place) and isinstance(prompt, kind)), None)


def _is_at(prompt: Prompt, place: Place) -> bool:
    return (prompt.object_id, prompt.frame) == (place.object_id, place.frame)


def _line(gesture: JsonNode, place: Place) -> tuple[np.ndarray, float]:
    """(N, 2) points, moved onto the frame where a quick hand has left it, and the width of the brush."""
    pairs = gesture.get("points").pairs()
    if not 1 <= len(pairs) <= _MAX_LINE_POINTS:
        gesture.get("points").fail(f"expected 1 to {_MAX_LINE_POINTS} points, found {len(pairs)}")
    return np.clip(np.array(pairs), 0.0, np.array(place.size, float)), gesture.get("width").number()


def _painted(line: np.ndarray, width: float, size: tuple[int, int]) -> np.ndarray:
    canvas = np.zeros((size[1], size[0]), np.uint8)
    draw_lines(canvas, (line,), width, 1)
    return canvas.astype(bool)


def _along(line: np.ndarray, spacing: float) -> np.ndarray:
    """(N, 2) points on a polyline at most `spacing` pixels apart, its end included."""
    steps = np.hypot(*np.diff(line, axis=0).T) if len(line) > 1 else np.zeros(0)
    distance = np.concatenate([[0.0], np.cumsum(steps)])
    count = int(np.ceil(distance[-1] / spacing)) + 1
    wanted = np.linspace(0.0, distance[-1], count)
    return np.stack([np.interp(wanted, distance, line[:, axis]) for axis in (0, 1)], 1)
