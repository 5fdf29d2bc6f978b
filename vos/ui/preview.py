"""The first mask: what the prompts of one frame give on that frame, within a moment of drawing them.

Views are encoded once and their features are kept for the newest few, so that a further stroke on the same frame costs
only the decoder. The mask is the one that tracking will give for a frame on which every object is prompted. Marks on an
object that tracking has found there correct that mask, as in tracking, which remembers more of the object than is known
here; objects that are only tracked keep their pixels but for those that prompted ones take.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from seem_model.video_model import Features, VideoModel
from vos.prompts import Mask, Prompt, object_ids_of
from vos.tracking.tracker import VideoTracker
from vos.tracking.view import whole_frame

_KEPT_VIEWS = 12


class EncodeCache:
    """A model that keeps the features of the newest few views it has seen; used by the one thread that owns it."""

    def __init__(self, model: VideoModel) -> None:
        self._model = model
        self._kept: OrderedDict[bytes, Features] = OrderedDict()

    def encode_images(self, views: Sequence[np.ndarray]) -> list[Features]:
        """As the model's own, from memory where possible."""
        return [self._encode(view) for view in views]

    def encode_whole(self, rgb: np.ndarray) -> None:
        """Encodes all of a (H, W, 3) uint8 frame ahead of time: the first look of a point."""
        height, width = rgb.shape[:2]
        self._encode(whole_frame(height, width, self._model.input_sizes(height, width)[0]).crop(rgb))

    def _encode(self, view: np.ndarray) -> Features:
        key = hashlib.blake2b(view.tobytes(), digest_size=16).digest() + str(view.shape).encode()
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._kept[key] = self._model.encode_images([view])[0]
            while len(self._kept) > _KEPT_VIEWS:
                self._kept.popitem(last=False)
        return self._kept[key]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def first_mask(model: VideoModel, rgb: np.ndarray, prompts: Sequence[Prompt], tracked: np.ndarray | None) -> np.ndarray:
    """Masks of a prompted frame.

    Args:
        model: The model; an `EncodeCache` answers further strokes faster.
        rgb: (H, W, 3) uint8, the frame.
        prompts: All prompts on it.
        tracked: (H, W) labels that tracking has found there before, or None.

    Returns:
        (H, W) uint16 labels: prompted objects by their prompts, the others as tracked.

    Raises:
        PromptError: A prompt does not fit the frame, or the model cannot read its kind.
    """
    tracker = VideoTracker(model)
    prompted = object_ids_of(prompts)
    if tracked is not None:
        known = [int(i) for i in np.unique(tracked) if i]
        if not set(prompted).isdisjoint(known):
            tracker.step(rgb, [Mask(tracked == i, object_id=i) for i in known])
    labels = tracker.step(rgb, prompts).labels
    if tracked is None:
        return labels
    others = np.where(np.isin(tracked, prompted), 0, tracked)
    return np.where(labels != 0, labels, others).astype(np.uint16)
