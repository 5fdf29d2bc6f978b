"""Small building blocks shared by the compact model's parts."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SeparableConv(nn.Module):
    """Depthwise kxk, pointwise 1x1, group norm and, unless told otherwise, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3, activate: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels_in, channels_in, kernel, padding=kernel // 2, groups=channels_in, bias=False
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.norm = nn.GroupNorm(8, channels_out)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        # Depthwise convolutions on a CPU are several times faster channels last, backward above all.
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.norm(self.pointwise(self.depthwise(x)))
        return F.relu(x) if self.activate else x


class ResidualBlock(nn.Module):
    """Two 5x5 separable convolutions with a skip: cheap, wide context."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = SeparableConv(channels, channels, 5)
        self.second = SeparableConv(channels, channels, 5, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Attention(nn.Module):
    """Multi-head attention with an additive bias on the keys."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
        """queries (N, Q, D), keys and values (N, K, D), bias (N, 1 or Q, K) or None -> (N, Q, D)."""

        def heads(x: Tensor) -> Tensor:
            result: Tensor = x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            return result

        attended = F.scaled_dot_product_attention(
            heads(self.query(queries)),
            heads(self.key(keys)),
            heads(self.value(values)),
            attn_mask=None if bias is None else bias[:, None],
        )
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result


def upsample_to(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize of (B, C, h, w) to the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def area_resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Average pooling of (B, C, h, w) to `size`; sizes of this model's maps divide each other."""
    if x.shape[-2:] == size:
        return x
    stride_h, stride_w = x.shape[-2] // size[0], x.shape[-1] // size[1]
    return F.avg_pool2d(x, (stride_h, stride_w))


def sine_position(height: int, width: int, dim: int) -> Tensor:
    """(1, height * width, dim) float32: sines and cosines of y and x, each in [0, 1], at log-spaced frequencies.

    Relative to the image rather than in cells, so that one set of weights serves every resolution.
    """
    frequencies = math.pi * torch.logspace(0, 1.3, dim // 4)
    y = (torch.arange(height) + 0.5)[:, None] / height * frequencies
    x = (torch.arange(width) + 0.5)[:, None] / width * frequencies
    rows = torch.cat([y.sin(), y.cos()], 1)[:, None].expand(-1, width, -1)
    columns = torch.cat([x.sin(), x.cos()], 1)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], -1).reshape(1, height * width, dim)
