"""Multi-scale deformable attention encoder (Zhu et al., "Deformable DETR", 2021), in plain PyTorch.

Used with the SAM-ViT backbones. Sampling is `grid_sample`; no custom operator. Always float32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import ENCODER_LAYERS, HIDDEN_DIM, NUM_HEADS, NUM_LEVELS
from seem_model.layers import ConvNorm, sine_positions
from seem_model.mask_features import MaskFeatureConv, MaskFeatures
from seem_model.pixel_decoders import PixelFeatures

NUM_POINTS = 4
Sizes = tuple[tuple[int, int], ...]


class DeformableAttention(nn.Module):
    """Each query reads 4 points on each of 3 levels with each of 8 heads, at learned offsets."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        samples = NUM_HEADS * NUM_LEVELS * NUM_POINTS
        self.sampling_offsets = nn.Linear(dim, samples * 2)
        self.attention_weights = nn.Linear(dim, samples)
        self.value_proj = nn.Linear(dim, dim)
        self.output_proj = nn.Linear(dim, dim)

    def forward(self, queries: Tensor, values: Tensor, references: Tensor, sizes: Sizes) -> Tensor:
        """
        Args:
            queries: (B, N, C)
            values: (B, N, C), the levels one after the other.
            references: (N, 2) x, y in [0, 1] of each query.
            sizes: Height and width of each level.

        Returns:
            (B, N, C)
        """
        batch, count, dim = queries.shape
        shape = (batch, count, NUM_HEADS, NUM_LEVELS, NUM_POINTS)
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        weights = self.attention_weights(queries).view(*shape[:3], -1).softmax(-1).view(shape)
        # (B * heads, C / heads, N): heads are independent, so they join the batch.
        split = self.value_proj(values).view(batch, -1, NUM_HEADS, dim // NUM_HEADS).permute(0, 2, 3, 1).flatten(0, 1)
        result = torch.zeros_like(split)
        start = 0
        for level, (height, width) in enumerate(sizes):
            level_map = split[..., start : start + height * width].unflatten(-1, (height, width))
            start += height * width
            scale = torch.tensor((width, height), dtype=queries.dtype, device=queries.device)
            locations = references[None, :, None, None] + offsets[:, :, :, level] / scale
            grid = (2 * locations - 1).transpose(1, 2).flatten(0, 1)  # (B * heads, N, points, 2)
            sampled = F.grid_sample(level_map, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            level_weights = weights[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]
            result += (sampled * level_weights).sum(-1)
        merged = result.view(batch, dim, count).transpose(1, 2)
        output: Tensor = self.output_proj(merged)
        return output


class DeformableLayer(nn.Module):
    """Post-norm encoder layer around `DeformableAttention`."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(dim)
        self.norm1 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, positions: Tensor, references: Tensor, sizes: Sizes) -> Tensor:
        x = self.norm1(x + self.self_attn(x + positions, x, references, sizes))
        result: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return result


def _references(height: int, width: int, like: Tensor) -> Tensor:
    """(h * w, 2): x, y of the cell centres in [0, 1]."""
    y = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) / height
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) / width
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((grid_x, grid_y), dim=-1).flatten(0, 1)


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DeformableLayer(HIDDEN_DIM, 1024) for _ in range(ENCODER_LAYERS))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.zeros(NUM_LEVELS, HIDDEN_DIM))
        self.encoder = _Encoder()

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps (B, C, h, w) of all levels -> the same, encoded together."""
        sizes = tuple((m.shape[-2], m.shape[-1]) for m in maps)
        tokens = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)
        positions = torch.cat(
            [
                sine_positions(m).flatten(2).transpose(1, 2) + level
                for m, level in zip(maps, self.level_embed, strict=True)
            ],
            dim=1,
        )
        references = torch.cat([_references(height, width, tokens) for height, width in sizes])
        for layer in self.encoder.layers:
            tokens = layer(tokens, positions, references, sizes)
        counts = [height * width for height, width in sizes]
        return [
            part.transpose(1, 2).unflatten(2, size)
            for part, size in zip(tokens.split(counts, dim=1), sizes, strict=True)
        ]


class DeformablePixelDecoder(nn.Module):
    """res2..res5 -> `PixelFeatures`: deformable encoder on 1/32, 1/16, 1/8, one pyramid step to 1/4."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, HIDDEN_DIM, 1), nn.GroupNorm(32, HIDDEN_DIM)) for c in reversed(channels[1:])
        )
        self.transformer = _Transformer()
        self.mask_features = MaskFeatureConv(HIDDEN_DIM, HIDDEN_DIM, 1)
        self.adapter_1 = ConvNorm(channels[0], HIDDEN_DIM, 1, relu=False)
        self.layer_1 = ConvNorm(HIDDEN_DIM, HIDDEN_DIM, 3, relu=True)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor, Tensor]) -> PixelFeatures:
        res2, res3, res4, res5 = maps
        with torch.autocast(res2.device.type, enabled=False):
            projected = [proj(m.float()) for proj, m in zip(self.input_proj, (res5, res4, res3), strict=True)]
            y5, y4, y3 = self.transformer(projected)
        lateral = self.adapter_1(res2)
        upsampled = F.interpolate(y3, size=lateral.shape[-2:], mode="bilinear", align_corners=False)
        y2 = self.layer_1(lateral + upsampled)
        return PixelFeatures(MaskFeatures(y2, self.mask_features), (y5, y4, y3), y5)
