"""From an object's prompts in one frame to the input of a model: drawn maps, words, or another picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seem_model.video_model import PromptKind, ReferencePicture
from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt
from vos.prompts.points import Points
from vos.prompts.reference import ReferenceImage
from vos.prompts.stroke import Stroke
from vos.prompts.text import Text

# Kinds of prompt, the most informative about the extent of the object first: it decides how a mixture is read.
_KINDS_BY_EXTENT = ("mask", "polygon", "box", "stroke", "points")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPrompt:
    """All that is drawn for one object on one frame: (H, W) bool maps at source size and how to read them.

    Attributes:
        positive, negative: What a model is shown; a point is a disc.
        kind: How to read them.
        inside, outside: Pixels that are certainly the object's, and certainly not: those under points and strokes.
            A pixel that is marked as both is outside: who erases, erases last.
        candidate: Which reading of a single click is meant, from 1 as the largest; 0 leaves it open.
    """

    positive: np.ndarray
    negative: np.ndarray
    kind: PromptKind
    inside: np.ndarray
    outside: np.ndarray
    candidate: int = 0

    @property
    def marked(self) -> np.ndarray:
        """(H, W) bool: pixels about which something is certain."""
        marked: np.ndarray = self.inside | self.outside
        return marked


def description_of(prompts: Sequence[Prompt]) -> str | ReferencePicture | None:
    """What describes an object that is not drawn in this frame: words, or another picture. None: it is drawn.

    Raises:
        PromptError: An object is described more than once, or described and drawn.
    """
    described = next((prompt for prompt in prompts if not isinstance(prompt, VisualPrompt)), None)
    if described is None:
        return None
    if len(prompts) > 1:
        raise PromptError(
            f"{described.where} must be the only prompt of its object in its frame; give the others another object id, "
            "or leave it out"
        )
    if isinstance(described, Text):
        return described.text
    if isinstance(described, ReferenceImage):
        kind = PromptKind[described.region.kind.upper()]
        return ReferencePicture(described.image, described.region_mask(), kind)
    raise PromptError(f"{described.where}: prompts of kind {described.kind} cannot be tracked")


# Beyond so many, the last clicks are looked at together.
_MOST_ROUNDS = 24


def draw_rounds(prompts: Sequence[VisualPrompt], width: int, height: int) -> list[DrawnPrompt]:
    """What is drawn for one object in one frame, round by round: each has all marks of the ones before and one more.

    Boxes, outlines and strokes are the first round; every click after them is one of its own.
    """
    first = [prompt for prompt in prompts if not isinstance(prompt, Points)]
    given = [prompt for prompt in prompts if isinstance(prompt, Points)]
    if not given:
        return [_draw(first, width, height)]
    points = given[0].with_clicks([click for prompt in given for click in prompt.clicks])
    counts = [0] if first else []
    signs = points.order
    # Nothing can be looked for by what it is not.
    start = 1 if first else min(next((i for i, sign in enumerate(signs) if sign), 0) + 1, len(signs))
    counts += list(range(start, len(signs)))[: _MOST_ROUNDS - len(counts)]
    counts.append(len(signs))
    clicks = points.clicks
    return [
        _draw([*first, points.with_clicks(clicks[:count])] if count else first, width, height)
        for count in dict.fromkeys(counts)
    ]


def _draw(prompts: Sequence[VisualPrompt], width: int, height: int) -> DrawnPrompt:
    positive, negative, inside, outside = (np.zeros((height, width), bool) for _ in range(4))
    for prompt in prompts:
        drawn = prompt.rasterise(width, height)
        positive |= drawn
        if isinstance(prompt, Points):
            negative |= prompt.rasterise_negative(width, height)
            for marked, points in ((inside, prompt.positive), (outside, prompt.negative)):
                columns, rows = points.astype(int).T
                marked[rows, columns] = True
        elif isinstance(prompt, Stroke):
            inside |= drawn
    kind = next(name for name in _KINDS_BY_EXTENT if any(prompt.kind == name for prompt in prompts))
    candidate = next((prompt.candidate for prompt in prompts if isinstance(prompt, Points)), 0)
    return DrawnPrompt(positive, negative, PromptKind[kind.upper()], inside & ~outside, outside, candidate)
