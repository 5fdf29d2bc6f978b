"""Encodes views: those of the frame in hand, and in a thread of its own those that the next frame will probably need.

Where a followed object is looked for is decided a frame ahead (`Target.ahead`), so the next frame can be encoded while
objects are decoded in this one. What is encoded in vain costs time; results never depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from seem_model.video_model import Features, VideoModel
from vos.tracking.view import View


class Lookahead:
    """Features of views, made now or before.

    Args:
        model: Encodes. Whether in a thread of its own too is its choice (`encodes_ahead`).
    """

    def __init__(self, model: VideoModel) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vos-encode") if model.encodes_ahead else None
        self._rgb: np.ndarray | None = None
        self._begun: dict[View, Future[Features]] = {}

    def encode(self, rgb: np.ndarray, views: Sequence[View]) -> list[Features]:
        """Features of views of a frame, (H, W, 3) uint8."""
        begun = self._begun if rgb is self._rgb else {}
        # What the thread has not taken up yet is done here, while it finishes the rest.
        started = {view: begun[view] for view in views if view in begun and not begun[view].cancel()}
        crops = {view: view.crop(rgb) for view in views if view not in started}
        features: dict[View, Features] = {}
        # Views of one size are encoded together.
        for shape in dict.fromkeys(crop.shape for crop in crops.values()):
            alike = [view for view, crop in crops.items() if crop.shape == shape]
            features |= zip(alike, self._model.encode_images([crops[view] for view in alike]), strict=True)
        features |= {view: future.result() for view, future in started.items()}
        self._drop()
        return [features[view] for view in views]

    def begin(self, rgb: np.ndarray, views: Sequence[View]) -> None:
        """Begins to encode views of the frame that comes next; it must not be changed before it has come."""
        self._drop()
        if self._thread is not None:
            self._rgb = rgb
            self._begun = {view: self._thread.submit(self._encode, view, rgb) for view in views}

    def _encode(self, view: View, rgb: np.ndarray) -> Features:
        return self._model.encode_images([view.crop(rgb)])[0]

    def _drop(self) -> None:
        for future in self._begun.values():
            future.cancel()
        self._rgb, self._begun = None, {}
