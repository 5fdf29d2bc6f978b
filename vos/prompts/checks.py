"""Checks of a whole set of prompts, called by the tracker and the command line before work begins."""

from __future__ import annotations

from collections.abc import Sequence

from vos.errors import PromptError
from vos.prompts.base import Prompt
from vos.prompts.points import Points


def check_prompts(prompts: Sequence[Prompt], width: int, height: int) -> None:
    """Raises PromptError unless every prompt fits a `width` x `height` frame and no two of them compete.

    An object may have several kinds of prompt on one frame (a box and points), but only one of each kind.
    """
    if not prompts:
        raise PromptError("no prompt is given: mark at least one object")
    check_duplicates(prompts)
    check_positive(prompts)
    for prompt in prompts:
        prompt.check(width, height)


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
    """Raises PromptError when an object has only negative points on a frame: they say what it is not."""
    marked = {(p.object_id, p.frame) for p in prompts if not isinstance(p, Points) or len(p.positive)}
    for prompt in prompts:
        if (prompt.object_id, prompt.frame) not in marked:
            raise PromptError(
                f"{prompt.where} on frame {prompt.frame} are all negative: "
                "give at least one point on the object, or a stroke or a box"
            )


def require_frame(prompts: Sequence[Prompt], frame: int = 0) -> None:
    """Raises PromptError unless all prompts are on `frame`, for callers that support no other."""
    for prompt in prompts:
        if prompt.frame != frame:
            raise PromptError(f"{prompt.where} is on frame {prompt.frame}, but only frame {frame} can be prompted here")
