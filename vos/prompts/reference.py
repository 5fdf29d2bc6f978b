"""A referring image: the object as it looks in another picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vos.errors import PromptError
from vos.prompts.base import Prompt, VisualPrompt, set_field


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceImage(Prompt):
    """ "Track what this picture shows": an image and a visual prompt on it.

    Attributes:
        image: (H, W, 3) uint8 RGB, of any size.
        region: The object in `image`: a mask, stroke, box, polygon or points. Its own object id, frame and
            source are not used.

    Examples:
        >>> from vos import Box, ReferenceImage, open_source
        >>> with open_source("clip.mp4") as source:
        ...     picture = next(iter(source)).rgb
        >>> ReferenceImage(picture, Box(120, 80, 360, 400), object_id=3).where
        'reference of object 3'
    """

    kind: ClassVar[str] = "reference"

    image: np.ndarray
    region: VisualPrompt

    def __post_init__(self) -> None:
        Prompt.__post_init__(self)
        image = np.asarray(self.image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise PromptError(f"{self.where} needs an image of shape (height, width, 3) and type uint8")
        if not isinstance(self.region, VisualPrompt):
            raise PromptError(f"{self.where} needs a mask, stroke, box, polygon or points on its image")
        if self.size is not None:
            raise PromptError(f"{self.where} has no place in the frame, so it takes no size")
        image = image.copy()
        image.setflags(write=False)
        set_field(self, "image", image)
        self.region.check(image.shape[1], image.shape[0])

    def region_mask(self) -> np.ndarray:
        """(H, W) bool: the marked pixels of the reference image."""
        return self.region.rasterise(self.image.shape[1], self.image.shape[0])
