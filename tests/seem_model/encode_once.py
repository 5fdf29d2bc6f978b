"""Each picture of the golden files is encoded once per backbone: behaviours share their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from seem_model.seem import EncodedImage, Seem

_cache: dict[tuple[object, bytes], Encoded] = {}
_MOST_PICTURES = 3


@dataclass(frozen=True)
class Encoded:
    """Maps of the backbone, and the image as the decoder sees it."""

    maps: tuple[Tensor, ...]
    image: EncodedImage


def encode_once(model: Seem, image: np.ndarray) -> Encoded:
    key = (model.config.backbone, image.tobytes())
    if key not in _cache:
        while len(_cache) >= _MOST_PICTURES:
            del _cache[next(iter(_cache))]
        prepared, size = model.prepare(image)
        maps = model.backbone_features(prepared)
        pixels = model.sem_seg_head.pixel_decoder(maps)
        _cache[key] = Encoded(maps, EncodedImage(pixels, size, (prepared.shape[-2], prepared.shape[-1])))
    return _cache[key]
