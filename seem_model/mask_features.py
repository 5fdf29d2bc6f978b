"""Per-pixel mask embeddings, computed only where and as coarsely as they are needed.

A mask logit is the dot product of a query's mask embedding e with the mask feature at a pixel, and the mask
features are a convolution W of the finest decoder map y (Mask2Former). Three facts about linear maps save most of
that convolution, which is the second largest cost of a frame, without changing results beyond rounding:

* e . (W * y) = (e W) * y: the masks of a few chosen queries are a convolution with a few output channels;
* bilinear reduction by 2, 4 or 8 (align_corners False, no antialias) is the mean of the 2x2 centre pixels of each
  cell, and a mean commutes with the convolution: the coarse mask features, which give the attention masks inside
  the decoder, are a strided convolution of a box-filtered y;
* the full-resolution features themselves are needed only where a prompt is sampled, on prompted frames.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.layers import precise_conv2d


class MaskFeatureConv(nn.Conv2d):
    """The convolution that makes mask features of the finest decoder map; odd kernel, same size, with bias."""

    bias: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)


class MaskFeatures:
    """The mask features of a batch of images.

    Args:
        fine: (B, C, H/4, W/4) finest map of the pixel decoder.
        conv: The convolution that makes (B, M, H/4, W/4) mask features of it.
    """

    def __init__(self, fine: Tensor, conv: MaskFeatureConv) -> None:
        self._fine = fine
        self._weight = conv.weight
        self._bias = conv.bias
        self._padding = conv.kernel_size[0] // 2
        self._full: Tensor | None = None
        self._reduced: dict[tuple[int, int], Tensor] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the full resolution, 1/4 of the padded image."""
        return self._fine.shape[-2], self._fine.shape[-1]

    @property
    def full(self) -> Tensor:
        """(B, M, H/4, W/4), computed on first use and kept."""
        if self._full is None:
            self._full = precise_conv2d(self._fine, self._weight, self._bias, padding=self._padding)
        return self._full

    def reduced(self, size: tuple[int, int]) -> Tensor:
        """(B, M, *size): `full` resized bilinearly, computed on first use and kept.

        Sizes that divide the full size by 2, 4 or 8 do not need `full`; others do.
        """
        if size not in self._reduced:
            self._reduced[size] = self._reduce(size)
        return self._reduced[size]

    def _reduce(self, size: tuple[int, int]) -> Tensor:
        height, width = self.size
        factor = height // size[0]
        if factor not in (2, 4, 8) or (height, width) != (size[0] * factor, size[1] * factor):
            return F.interpolate(self.full, size, mode="bilinear", align_corners=False)
        padding = self._padding
        # Cell i averages full-resolution pixels factor * i + factor / 2 - 1 and the one after it.
        padded = F.pad(self._fine, (padding,) * 4)
        boxed = F.avg_pool2d(padded, 2, stride=1)
        first = factor // 2 - 1
        return precise_conv2d(boxed[..., first:, first:], self._weight, self._bias, stride=factor)

    def logits(self, embeddings: Tensor) -> Tensor:
        """Mask logits of mask embeddings at full resolution.

        Args:
            embeddings: (B, Q, M)

        Returns:
            (B, Q, H/4, W/4)
        """
        batch, count, channels = embeddings.shape
        # Folding the convolution into the embeddings pays for few queries; for many, the features are cheaper.
        if self._full is not None or batch > 1 or count > channels // 8:
            return torch.einsum("bqc,bchw->bqhw", embeddings, self.full)
        weight = torch.einsum("qm,mcij->qcij", embeddings[0], self._weight)
        return F.conv2d(self._fine, weight, embeddings[0] @ self._bias, padding=self._padding)
