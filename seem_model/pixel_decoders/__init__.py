"""Pixel decoders: backbone maps -> mask features at 1/4 and three maps at 1/32, 1/16, 1/8 for the decoder."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seem_model.mask_features import MaskFeatures


@dataclass(frozen=True)
class PixelFeatures:
    """What the decoder reads of a batch of images.

    Attributes:
        mask_features: Per-pixel mask embeddings at 1/4 of the padded size.
        levels: Three maps (B, 512, h, w) at 1/32, 1/16 and 1/8, in that order.
        encoded: The map at 1/32 as the encoder gives it.
    """

    mask_features: MaskFeatures
    levels: tuple[Tensor, Tensor, Tensor]
    encoded: Tensor
