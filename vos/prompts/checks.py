"""Checks of a whole set of prompts, called by the tracker and the command line before work begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt
from vos.prompts.box import Box
from vos.prompts.points import Points
from vos.prompts.polygon import Polygon
from vos.prompts.stroke import Stroke


def check_prompts(prompts: Sequence[Prompt], width: int, height: int) -> None:
    """Raises PromptError unless every prompt fits a `width` x `height` frame and no two of them compete.

    An object may have several kinds of prompt on one frame (a box and points), but only one of each kind.
    """
    if not prompts:
        raise PromptError("no prompt is given: mark at least one object")
    check_duplicates(prompts)
    check_positive(prompts)
    for prompt in prompts:
        check_in_pixels(prompt, width, height)
        prompt.check(width, height)


def check_in_pixels(prompt: Prompt, width: int, height: int) -> None:
    """Raises PromptError when all coordinates of a prompt lie in 0..1, unless the picture is tiny.

    Label tools give coordinates as shares of the picture's size. As pixels they would mean its top left corner.
    """
    points = _coordinates_of(prompt)
    if min(width, height) <= 2 or not len(points) or points.min() < 0 or points.max() > 1:
        return
    # Whole numbers are a corner pixel, but for the box of the whole picture.
    if (points == np.round(points)).all() and not isinstance(prompt, Box):
        return
    pixels = ", ".join(f"{x * width:g},{y * height:g}" for x, y in points[:4])
    raise PromptError(
        f"{prompt.where}: all coordinates lie in 0..1: are they shares of the picture? Coordinates are pixels; for "
        f"this {width}x{height} frame they would be {pixels}"
    )


def _coordinates_of(prompt: Prompt) -> np.ndarray:
    """(N, 2) float64 of all points that a prompt is drawn by; N is 0 for painted pixels and words."""
    if isinstance(prompt, Box):
        return np.array([[prompt.x0, prompt.y0], [prompt.x1, prompt.y1]])
    if isinstance(prompt, Points):
        return np.concatenate([prompt.positive, prompt.negative])
    if isinstance(prompt, Polygon):
        return np.concatenate(prompt.rings)
    if isinstance(prompt, Stroke) and prompt.lines:
        return np.concatenate(prompt.lines)
    return np.zeros((0, 2))


def check_duplicates(prompts: Sequence[Prompt]) -> None:
    """Raises PromptError when an object has two prompts of one kind on one frame."""
    seen: dict[tuple[int, int, str], Prompt] = {}
    for prompt in prompts:
        first = seen.setdefault((prompt.object_id, prompt.frame, prompt.kind), prompt)
        if first is not prompt:
            raise PromptError(
                f"{prompt.where} on frame {prompt.frame} is given twice: give each object an id of its own, "
                f"or merge the two into one {prompt.kind}"
            )


def check_positive(prompts: Sequence[Prompt]) -> None:
    """Raises PromptError when there are only negative points on the frame on which an object is first seen.

    Later on they correct the mask that tracking finds; backwards in time nothing is known of the object yet.
    """
    marked = {(p.object_id, p.frame) for p in prompts if not isinstance(p, Points) or len(p.positive)}
    first = {object_id: min(frame for i, frame in marked if i == object_id) for object_id, _ in marked}
    for prompt in prompts:
        if (prompt.object_id, prompt.frame) in marked:
            continue
        is_known = prompt.frame > first.get(prompt.object_id, prompt.frame)
        if is_known and prompt.direction == "forward" and not prompt.replaces:
            continue
        raise PromptError(
            f"{prompt.where} on frame {prompt.frame} are all negative"
            + (
                f": with {'--replace' if prompt.replaces else 'direction ' + prompt.direction} the object starts there"
                if is_known
                else ""
            )
            + "; give at least one point on the object, or a stroke or a box"
        )


def require_frame(prompts: Sequence[Prompt], frame: int = 0) -> None:
    """Raises PromptError unless all prompts are on `frame`, for callers that support no other."""
    for prompt in prompts:
        if prompt.frame != frame:
            raise PromptError(f"{prompt.where} is on frame {prompt.frame}, but only frame {frame} can be prompted here")
