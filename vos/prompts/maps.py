"""From an object's prompts in one frame to the maps that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt
from vos.prompts.points import Points

if TYPE_CHECKING:
    from seem_model.compact.video import PromptMaps

# Kinds of prompt, the one that says most about the object's extent first: it decides how a mixture is read.
_KINDS_BY_EXTENT = ("mask", "polygon", "box", "stroke", "points")


def prompt_maps(prompts: Sequence[Prompt], width: int, height: int) -> PromptMaps:
    """Joins all prompts of one object in one frame.

    Raises:
        PromptError: They only say what the object is not, or a prompt is of a kind that marks no pixels (text,
            reference image), which this model cannot use.
    """
    from seem_model.compact.prompting import PromptKind
    from seem_model.compact.video import PromptMaps

    positive = np.zeros((height, width), bool)
    negative = np.zeros((height, width), bool)
    for prompt in prompts:
        if not isinstance(prompt, VisualPrompt):
            raise PromptError(
                f"{prompt.where}: the compact model reads masks, strokes, points, boxes and polygons only; "
                f"a {prompt.kind} prompt needs a SEEM checkpoint"
            )
        positive |= prompt.rasterise(width, height)
        if isinstance(prompt, Points):
            negative |= prompt.rasterise_negative(width, height)
    if not positive.any():
        raise PromptError(f"{prompts[0].where} say only what the object is not: add a point, a stroke or a box on it")
    kind = next(name for name in _KINDS_BY_EXTENT if any(prompt.kind == name for prompt in prompts))
    return PromptMaps(positive=positive, negative=negative, kind=PromptKind[kind.upper()])
