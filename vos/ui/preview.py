"""The first mask: what the prompts of one frame give on that frame, within a moment of drawing them.

The picture is encoded once and its features are kept for the newest few frames, so that a further stroke on the same
frame costs only the decoder. The mask is the one that tracking will give for a frame on which every object is prompted;
beside objects that are only tracked there, prompted ones win every pixel, which tracking decides by probability.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vos.prompts import Prompt
from vos.tracking.load_model import VideoModel
from vos.tracking.tracker import VideoTracker

if TYPE_CHECKING:
    from seem_model.compact.pyramid import ImageFeatures

_KEPT_FRAMES = 6


class EncodedFrames:
    """Features of the newest few frames that were looked at; used by the one thread that owns the model."""

    def __init__(self, model: VideoModel) -> None:
        self.model = model
        self._kept: OrderedDict[int, ImageFeatures] = OrderedDict()

    def get(self, index: int, rgb: np.ndarray) -> ImageFeatures:
        """Features of frame `index`, which is (H, W, 3) uint8 `rgb`."""
        import torch

        found = self._kept.get(index)
        if found is None:
            with torch.inference_mode():
                found = self._kept[index] = self.model.encode_image(rgb)
            while len(self._kept) > _KEPT_FRAMES:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(index)
        return found


class _Encoded:
    """The model, but for one picture whose features are there already."""

    def __init__(self, model: VideoModel, features: ImageFeatures) -> None:
        self._model = model
        self._features = features

    def encode_image(self, rgb: np.ndarray) -> ImageFeatures:
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def first_mask(
    encoded: EncodedFrames, index: int, rgb: np.ndarray, prompts: Sequence[Prompt], tracked: np.ndarray | None
) -> np.ndarray:
    """Masks of a prompted frame.

    Args:
        encoded: The model and what it knows of pictures.
        index: Frame index.
        rgb: (H, W, 3) uint8, that frame.
        prompts: All prompts on it.
        tracked: (H, W) labels that tracking has found there before, or None.

    Returns:
        (H, W) uint16 labels: prompted objects by their prompts, the others as tracked.

    Raises:
        PromptError: A prompt does not fit the frame, or the model cannot read its kind.
    """
    tracker = VideoTracker(_Encoded(encoded.model, encoded.get(index, rgb)))
    labels = tracker.step(rgb, prompts).labels
    if tracked is None:
        return labels
    prompted = [prompt.object_id for prompt in prompts]
    others = np.where(np.isin(tracked, prompted), 0, tracked)
    return np.where(labels != 0, labels, others).astype(np.uint16)
