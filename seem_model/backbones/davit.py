"""DaViT (Ding et al., "Dual Attention Vision Transformers", 2022): window attention, then channel attention.

Tokens are kept as (B, H, W, C). The wrappers named `fn`, `dw` and `net` are the release's and give its keys.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import DaViTConfig
from seem_model.layers import FeedForward

HEAD_DIM = 32
WINDOW = 7


class ConvEmbed(nn.Module):
    """Strided convolution with a LayerNorm: after it in the stem, before it between stages."""

    def __init__(self, in_channels: int, out_channels: int, patch: int, stride: int, padding: int) -> None:
        super().__init__()
        self.is_stem = stride == 4
        self.proj = nn.Conv2d(in_channels, out_channels, patch, stride=stride, padding=padding)
        self.norm = nn.LayerNorm(out_channels if self.is_stem else in_channels)

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_stem:
            x = self.norm(x)
        x = self.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.norm(x) if self.is_stem else x


class _DepthwiseConv(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return result


class _FeedForward(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.net = FeedForward(dim, 4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.net(x)
        return result


class WindowAttention(nn.Module):
    """Attention inside 7x7 windows. Parity: padding tokens are zeros after the norm and are not masked."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_heads = dim // HEAD_DIM
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, dim = x.shape
        x = F.pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
        rows, columns = x.shape[1] // WINDOW, x.shape[2] // WINDOW
        windows = x.view(batch, rows, WINDOW, columns, WINDOW, dim).transpose(2, 3).reshape(-1, WINDOW**2, dim)
        query, key, value = self.qkv(windows).unflatten(-1, (3, self.num_heads, HEAD_DIM)).permute(2, 0, 3, 1, 4)
        windows = self.proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        x = windows.view(batch, rows, columns, WINDOW, WINDOW, dim).transpose(2, 3)
        return x.reshape(batch, rows * WINDOW, columns * WINDOW, dim)[:, :height, :width]


class ChannelAttention(nn.Module):
    """Attention between the channels of a group of 32; tokens play the part of features."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_groups = dim // HEAD_DIM
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, dim = x.shape
        tokens = height * width
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.num_groups, HEAD_DIM)
        query, key, value = qkv.permute(2, 0, 3, 4, 1)  # each (B, groups, channels, tokens)
        # softmax(q^T k / sqrt(N)) v^T with N tokens: the default scale of attention over features of length N.
        mixed = F.scaled_dot_product_attention(query, key, value, scale=tokens**-0.5)
        result: Tensor = self.proj(mixed.permute(0, 3, 1, 2).reshape(batch, height, width, dim))
        return result


class _PreNorm(nn.Module):
    """x + fn(norm(x)), or x + fn(x) without a norm."""

    def __init__(self, fn: nn.Module, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.fn = fn
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.fn(x if self.norm is None else self.norm(x))
        return result


class SpatialBlock(nn.Module):
    """Local mixing, window attention, local mixing, MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = _PreNorm(_DepthwiseConv(dim))
        self.window_attn = _PreNorm(WindowAttention(dim), nn.LayerNorm(dim))
        self.conv2 = _PreNorm(_DepthwiseConv(dim))
        self.ffn = _PreNorm(_FeedForward(dim), nn.LayerNorm(dim))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.ffn(self.conv2(self.window_attn(self.conv1(x))))
        return result


class ChannelBlock(nn.Module):
    """Local mixing, channel attention, local mixing, MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = _PreNorm(_DepthwiseConv(dim))
        self.channel_attn = _PreNorm(ChannelAttention(dim), nn.LayerNorm(dim))
        self.conv2 = _PreNorm(_DepthwiseConv(dim))
        self.ffn = _PreNorm(_FeedForward(dim), nn.LayerNorm(dim))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.ffn(self.conv2(self.channel_attn(self.conv1(x))))
        return result


class DualBlock(nn.Module):
    """One spatial block, then one channel block."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.spatial_block = SpatialBlock(dim)
        self.channel_block = ChannelBlock(dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.channel_block(self.spatial_block(x))
        return result


class DaViT(nn.Module):
    """(B, 3, H, W) normalised image -> res2..res5, each (B, C_i, H/s, W/s) with s = 4, 8, 16, 32; no output norm."""

    def __init__(self, config: DaViTConfig) -> None:
        super().__init__()
        inputs = (3, *config.channels[:-1])
        self.convs = nn.ModuleList(
            ConvEmbed(before, after, patch, 4 if i == 0 else 2, padding)
            for i, (before, after, patch, padding) in enumerate(
                zip(inputs, config.channels, config.patch_sizes, config.paddings, strict=True)
            )
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(DualBlock(dim) for _ in range(depth)))
            for dim, depth in zip(config.channels, config.depths, strict=True)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = image.permute(0, 2, 3, 1)
        outputs = []
        for embed, stage in zip(self.convs, self.blocks, strict=True):
            x = stage(embed(x))
            outputs.append(x.permute(0, 3, 1, 2))
        return tuple(outputs)
