"""From an object's prompts in one frame to the maps that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt
from vos.prompts.points import Points
from vos.prompts.reference import ReferenceImage
from vos.prompts.text import Text

if TYPE_CHECKING:
    from seem_model.compact.video import PromptMaps, ReferencePicture

# Kinds of prompt, the one that says most about the object's extent first: it decides how a mixture is read.
_KINDS_BY_EXTENT = ("mask", "polygon", "box", "stroke", "points")


def description_of(prompts: Sequence[Prompt]) -> str | ReferencePicture | None:
    """What describes an object that is not drawn in this frame: words, or another picture. None: it is drawn.

    Raises:
        PromptError: An object is described more than once, or described and drawn.
    """
    from seem_model.compact.prompting import PromptKind
    from seem_model.compact.video import ReferencePicture

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


def prompt_maps(prompts: Sequence[VisualPrompt], width: int, height: int) -> PromptMaps:
    """Joins all prompts of one object in one frame.

    Raises:
        PromptError: They only say what the object is not.
    """
    from seem_model.compact.prompting import PromptKind
    from seem_model.compact.video import PromptMaps

    positive = np.zeros((height, width), bool)
    negative = np.zeros((height, width), bool)
    for prompt in prompts:
        positive |= prompt.rasterise(width, height)
        if isinstance(prompt, Points):
            negative |= prompt.rasterise_negative(width, height)
    if not positive.any():
        raise PromptError(f"{prompts[0].where} say only what the object is not: add a point, a stroke or a box on it")
    kind = next(name for name in _KINDS_BY_EXTENT if any(prompt.kind == name for prompt in prompts))
    return PromptMaps(positive=positive, negative=negative, kind=PromptKind[kind.upper()])
