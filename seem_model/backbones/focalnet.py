"""FocalNet (Yang et al., "Focal Modulation Networks", 2022), in the two variants that SEEM's release uses.

Maps are kept channels last, (B, H, W, C). The two variants differ in the stem's padding, in depthwise
convolutions inside the block and in where the post-norms sit; they are not interchangeable.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import FocalNetConfig
from seem_model.layers import FeedForward, precise_conv2d


def _conv(convolution: nn.Module, x: Tensor) -> Tensor:
    """Applies a convolution to a channels-last map without moving its memory."""
    result: Tensor = convolution(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return result


class PatchEmbed(nn.Module):
    """Strided convolution, then LayerNorm over channels. (B, H, W, C) -> (B, H/s, W/s, D)."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=padding)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        stride = self.proj.stride[0]
        if height % stride or width % stride:
            x = F.pad(x, (0, 0, 0, -width % stride, 0, -height % stride))
        weight, bias = self.proj.weight, self.proj.bias
        x = precise_conv2d(x.permute(0, 3, 1, 2), weight, bias, stride=stride, padding=int(self.proj.padding[0]))
        result: Tensor = self.norm(x.permute(0, 2, 3, 1))
        return result


class FocalModulation(nn.Module):
    """Query times a gated sum of contexts of growing size (FocalNet eq. 4 to 6), divided by the number of sums."""

    def __init__(self, dim: int, focal_levels: int) -> None:
        super().__init__()
        self.dim = dim
        self.focal_levels = focal_levels
        self.f = nn.Linear(dim, 2 * dim + focal_levels + 1)
        self.h = nn.Conv2d(dim, dim, 1)
        self.proj = nn.Linear(dim, dim)
        kernels = [3 + 2 * level for level in range(focal_levels)]
        # One-element sequences, because the keys of the release are `focal_layers.<level>.0.weight`.
        self.focal_layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(dim, dim, kernel, padding=kernel // 2, groups=dim, bias=False))
            for kernel in kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        query, context, gates = self.f(x).split((self.dim, self.dim, self.focal_levels + 1), dim=-1)
        total: Tensor | None = None
        for level, layer in enumerate(self.focal_layers):
            context = F.gelu(_conv(layer.get_submodule("0"), context))
            gated = context * gates[..., level : level + 1]
            total = gated if total is None else total + gated
        summary = F.gelu(context.mean(dim=(1, 2), keepdim=True))
        modulator = (summary * gates[..., -1:] + total) / (self.focal_levels + 1)
        result: Tensor = self.proj(query * F.linear(modulator, self.h.weight[:, :, 0, 0], self.h.bias))
        return result


class FocalBlock(nn.Module):
    """Modulation and MLP with layer scale; see the module docstring for the two variants."""

    def __init__(self, dim: int, focal_levels: int, *, depthwise: bool) -> None:
        super().__init__()
        self.depthwise = depthwise
        self.gamma_1 = nn.Parameter(torch.full((dim,), 1e-4))
        self.gamma_2 = nn.Parameter(torch.full((dim,), 1e-4))
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.modulation = FocalModulation(dim, focal_levels)
        self.mlp = FeedForward(dim, 4 * dim)
        if depthwise:
            self.dw1 = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
            self.dw2 = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        if self.depthwise:
            x = x + _conv(self.dw1, x)
            x = self.norm1(x + self.gamma_1 * self.modulation(x))
            x = x + _conv(self.dw2, x)
            x = self.norm2(x + self.gamma_2 * self.mlp(x))
        else:
            x = x + self.gamma_1 * self.norm1(self.modulation(x))
            x = x + self.gamma_2 * self.norm2(self.mlp(x))
        return x


class FocalStage(nn.Module):
    """Blocks of one resolution and, but for the last stage, the way down to the next."""

    def __init__(self, dim: int, depth: int, config: FocalNetConfig, *, downsample: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            FocalBlock(dim, config.focal_levels, depthwise=config.depthwise) for _ in range(depth)
        )
        self.downsample = PatchEmbed(dim, 2 * dim, kernel=3, stride=2, padding=1) if downsample else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map at this stage's resolution, and the input of the next stage."""
        for block in self.blocks:
            x = block(x)
        return x, self.downsample(x) if self.downsample is not None else x


class FocalNet(nn.Module):
    """(B, 3, H, W) normalised image -> res2..res5, each (B, C_i, H/s, W/s) with s = 4, 8, 16, 32."""

    def __init__(self, config: FocalNetConfig) -> None:
        super().__init__()
        padding = 3 if config.depthwise else 2
        self.patch_embed = PatchEmbed(3, config.embed_dim, kernel=7, stride=4, padding=padding)
        last = len(config.depths) - 1
        self.layers = nn.ModuleList(
            FocalStage(dim, depth, config, downsample=i < last)
            for i, (dim, depth) in enumerate(zip(config.channels, config.depths, strict=True))
        )
        # Each output has a norm of its own; the next stage continues from the map before it.
        self.norm0, self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for dim in config.channels)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.patch_embed(image.permute(0, 2, 3, 1))
        outputs = []
        for stage, norm in zip(self.layers, (self.norm0, self.norm1, self.norm2, self.norm3), strict=True):
            here, x = stage(x)
            outputs.append(norm(here).permute(0, 3, 1, 2))
        return tuple(outputs)
