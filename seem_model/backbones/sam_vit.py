"""The image encoder of SAM (Kirillov et al., "Segment Anything", 2023) with a simple feature pyramid.

Plain ViT with patch 16, window attention but for a few global blocks, and decomposed relative positions
(Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection", 2022). Maps are (B, H, W, C).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import SamViTConfig

PATCH = 16
WINDOW = 14
GRID = 64


class _PatchEmbed(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.proj(image).permute(0, 2, 3, 1)
        return result


class _MLP(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, 4 * dim)
        self.lin2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.lin2(F.gelu(self.lin1(x)))
        return result


def _relative(table: Tensor, size: int) -> Tensor:
    """(2 size - 1, D) table of offsets -> (size, size, D): row i, column j holds offset i - j."""
    index = torch.arange(size, device=table.device)
    return table[index[:, None] - index[None] + size - 1]


class RelativeAttention(nn.Module):
    """Multi-head attention with decomposed relative positions.

    Parity: the positions are multiplied by the query before it is scaled, as in SAM.
    """

    def __init__(self, dim: int, num_heads: int, size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * size - 1, dim // num_heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * size - 1, dim // num_heads))

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, dim = x.shape
        qkv = self.qkv(x).view(batch, height * width, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        map_query = query.unflatten(2, (height, width))
        along_y = torch.einsum("bnhwc,hkc->bnhwk", map_query, _relative(self.rel_pos_h, height))
        along_x = torch.einsum("bnhwc,wkc->bnhwk", map_query, _relative(self.rel_pos_w, width))
        bias = (along_y[..., :, None] + along_x[..., None, :]).flatten(4).flatten(2, 3)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        result: Tensor = self.proj(attended.transpose(1, 2).reshape(batch, height, width, dim))
        return result


class SamBlock(nn.Module):
    """Pre-norm transformer block; window attention unless `is_global`."""

    def __init__(self, dim: int, num_heads: int, *, is_global: bool) -> None:
        super().__init__()
        self.is_global = is_global
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = RelativeAttention(dim, num_heads, GRID if is_global else WINDOW)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = _MLP(dim)

    def _attend_windows(self, x: Tensor) -> Tensor:
        batch, height, width, dim = x.shape
        # Parity: the padding is zeros after the norm and takes part in the attention.
        x = F.pad(x, (0, 0, 0, -width % WINDOW, 0, -height % WINDOW))
        rows, columns = x.shape[1] // WINDOW, x.shape[2] // WINDOW
        windows = x.view(batch, rows, WINDOW, columns, WINDOW, dim).transpose(2, 3)
        windows = self.attn(windows.reshape(-1, WINDOW, WINDOW, dim))
        x = windows.view(batch, rows, columns, WINDOW, WINDOW, dim).transpose(2, 3)
        return x.reshape(batch, rows * WINDOW, columns * WINDOW, dim)[:, :height, :width]

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        x = x + (self.attn(normed) if self.is_global else self._attend_windows(normed))
        result: Tensor = x + self.mlp(self.norm2(x))
        return result


class FeaturePyramid(nn.Module):
    """Four maps from the last block's one: strides 4, 8, 16 and 32. GroupNorm(1) spans all of C, H, W."""

    def __init__(self, dim: int, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        c4, c8, c16, c32 = channels
        up8 = max(c8, dim // 2)
        up4 = up8 // 2
        down32 = max(c32, 2 * dim)
        self.down_4 = nn.Sequential(
            nn.ConvTranspose2d(dim, up8, 2, stride=2),
            nn.GroupNorm(1, up8),
            nn.GELU(),
            nn.ConvTranspose2d(up8, up4, 2, stride=2),
            nn.GroupNorm(1, up4),
            nn.Conv2d(up4, c4, 1),
            nn.GroupNorm(1, c4),
            nn.GELU(),
        )
        self.down_8 = nn.Sequential(
            nn.ConvTranspose2d(dim, up8, 2, stride=2),
            nn.GroupNorm(1, up8),
            nn.Conv2d(up8, c8, 1),
            nn.GroupNorm(1, c8),
            nn.GELU(),
        )
        self.down_16 = nn.Sequential(nn.Conv2d(dim, c16, 1), nn.GroupNorm(1, c16), nn.GELU())
        self.down_32 = nn.Sequential(
            nn.Conv2d(dim, down32, 2, stride=2),
            nn.GroupNorm(1, down32),
            nn.Conv2d(down32, c32, 1),
            nn.GroupNorm(1, c32),
            nn.GELU(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.down_4(x), self.down_8(x), self.down_16(x), self.down_32(x)


class SamViT(nn.Module):
    """(B, 3, 1024, 1024) normalised image -> res2..res5 with strides 4, 8, 16, 32."""

    def __init__(self, config: SamViTConfig) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, GRID, GRID, config.embed_dim))
        self.patch_embed = _PatchEmbed(config.embed_dim)
        self.blocks = nn.ModuleList(
            SamBlock(config.embed_dim, config.num_heads, is_global=i in config.global_blocks)
            for i in range(config.depth)
        )
        self.neck = FeaturePyramid(config.embed_dim, config.channels)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        outputs: tuple[Tensor, ...] = self.neck(x.permute(0, 3, 1, 2))
        return outputs
