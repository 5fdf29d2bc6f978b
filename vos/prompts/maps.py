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
from vos.prompts.text import Text

# Kinds of prompt, the most informative about the extent of the object first: it decides how a mixture is read.
_KINDS_BY_EXTENT = ("mask", "polygon", "box", "stroke", "points")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPrompt:
    """All that is drawn for one object on one frame: (H, W) bool maps at source size and how to read them."""

    positive: np.ndarray
    negative: np.ndarray
    kind: PromptKind


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


def draw_prompts(prompts: Sequence[VisualPrompt], width: int, height: int) -> DrawnPrompt:
    """Joins all prompts of one object in one frame.

    Raises:
        PromptError: They are all negative.
    """
    positive = np.zeros((height, width), bool)
    negative = np.zeros((height, width), bool)
    for prompt in prompts:
        positive |= prompt.rasterise(width, height)
        if isinstance(prompt, Points):
            negative |= prompt.rasterise_negative(width, height)
    if not positive.any():
        raise PromptError(f"{prompts[0].where} say only what the object is not: add a point, a stroke or a box on it")
    kind = next(name for name in _KINDS_BY_EXTENT if any(prompt.kind == name for prompt in prompts))
    return DrawnPrompt(positive=positive, negative=negative, kind=PromptKind[kind.upper()])
