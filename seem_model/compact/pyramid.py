"""Light feature pyramid over the trunk, and the correspondence keys of an image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.compact.config import TAP_CHANNELS, CompactConfig
from seem_model.compact.layers import SeparableConv, area_resize, upsample_to
from seem_model.compact.trunk import TrunkFeatures


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What the model knows about B images; everything later reads this and never the pixels again.

    Keys have a constant norm, so that the dot product of two keys is a correspondence logit.
    """

    mask_features: Tensor  # (B, mask_dim, H/4, W/4)
    mid: Tensor  # (B, mid_dim, H/8, W/8)
    context: Tensor  # (B, dim, H/16, W/16)
    key: Tensor  # (B, h*w, key channels), h = H/16, w = W/16
    stride8_key: Tensor  # (B, h*w, 4, stride-8 key channels): the four stride-8 cells of each stride-16 cell
    stride4_key: Tensor  # (B, h*w, 4, 4, stride-4 key channels): the four stride-4 cells of each of these

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the stride-16 grid."""
        return self.context.shape[-2], self.context.shape[-1]

    @property
    def mask_size(self) -> tuple[int, int]:
        """Height and width of the stride-4 grid, on which masks are."""
        return self.mask_features.shape[-2], self.mask_features.shape[-1]


def group_stride8(x: Tensor) -> Tensor:
    """(B, C, 2h, 2w) -> (B, h*w, 4, C): the four children of each coarse cell, row by row."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // 2, 2, width // 2, 2)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(batch, height * width // 4, 4, channels)


def group_stride4(x: Tensor) -> Tensor:
    """(B, C, 4h, 4w) -> (B, h*w, 4, 4, C): the children of each child of each coarse cell."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // 4, 2, 2, width // 4, 2, 2)
    return x.permute(0, 2, 5, 3, 6, 4, 7, 1).reshape(batch, height * width // 16, 4, 4, channels)


def ungroup_stride8(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, O, h*w, 4) -> (B, O, 2h, 2w): inverse of `group_stride8` for maps of O objects."""
    batch, objects = x.shape[:2]
    x = x.view(batch, objects, grid[0], grid[1], 2, 2)
    return x.permute(0, 1, 2, 4, 3, 5).reshape(batch, objects, 2 * grid[0], 2 * grid[1])


def ungroup_stride4(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, O, h*w, 4, 4) -> (B, O, 4h, 4w): inverse of `group_stride4` for maps of O objects."""
    batch, objects = x.shape[:2]
    x = x.view(batch, objects, grid[0], grid[1], 2, 2, 2, 2)
    return x.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(batch, objects, 4 * grid[0], 4 * grid[1])


def _direction(x: Tensor) -> Tensor:
    """Unit vectors along channels, after removing the mean over the image: only what differs within it can match."""
    return F.normalize(x - x.mean((2, 3), keepdim=True), dim=1)


class FeaturePyramid(nn.Module):
    """Top-down pyramid to stride 4 plus correspondence keys at strides 16, 8 and 4.

    The keys join the trunk's own ImageNet features (which match parts across frames without any training) with a
    learned part; the scales are inverse temperatures.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        dim, mid, mask_dim = config.dim, config.mid_dim, config.mask_dim
        self.lateral32 = nn.Conv2d(TAP_CHANNELS[32], dim, 1)
        self.lateral16 = nn.Conv2d(TAP_CHANNELS[16], dim, 1)
        self.lateral8 = nn.Conv2d(TAP_CHANNELS[8], mid, 1)
        self.lateral4 = nn.Conv2d(TAP_CHANNELS[4], mask_dim, 1)
        self.smooth32 = SeparableConv(dim, dim, 5)
        self.smooth16 = SeparableConv(dim, dim)
        self.smooth8 = SeparableConv(mid, mid)
        self.smooth4 = SeparableConv(mask_dim, mask_dim)
        self.down_to_mid = nn.Conv2d(dim, mid, 1)
        self.down_to_mask = nn.Conv2d(mid, mask_dim, 1)
        self.mask_projection = nn.Conv2d(mask_dim, mask_dim, 1)
        self.key_trunk = nn.Conv2d(TAP_CHANNELS[16], config.key_dim, 3, padding=1)
        self.key_context = nn.Conv2d(dim, config.key_dim, 1)
        self.fine_key = nn.Conv2d(mid, config.stride8_key_dim, 1)
        self.finest_key = nn.Conv2d(mask_dim, config.stride4_key_dim, 1)
        # sqrt of the inverse temperatures of the parts of the keys: coarse (stride-16, stride-8 features,
        # learned) and fine (stride-8 features, learned). Start values: label propagation alone works well there.
        self.coarse_scale = nn.Parameter(torch.tensor([2.8, 2.8, 1.0]))
        self.fine_scale = nn.Parameter(torch.tensor([4.0, 1.0]))
        self.finest_scale = nn.Parameter(torch.tensor([4.0, 1.0]))

    def forward(self, trunk: TrunkFeatures) -> ImageFeatures:
        top = self.smooth32(self.lateral32(trunk.stride32))
        lateral16 = self.lateral16(trunk.stride16)
        context = self.smooth16(lateral16 + upsample_to(top, lateral16))
        lateral8 = self.lateral8(trunk.stride8)
        mid = self.smooth8(lateral8 + upsample_to(self.down_to_mid(context), lateral8))
        lateral4 = self.lateral4(trunk.stride4)
        stride4 = self.smooth4(lateral4 + upsample_to(self.down_to_mask(mid), lateral4))

        grid = (context.shape[-2], context.shape[-1])
        learned = self.key_trunk(trunk.stride16) + self.key_context(context)
        scale = self.coarse_scale
        key = torch.cat(
            [
                _direction(trunk.stride16) * scale[0],
                _direction(area_resize(trunk.stride8, grid)) * scale[1],
                _direction(learned) * scale[2],
            ],
            1,
        )
        fine = torch.cat(
            [
                _direction(trunk.stride8) * self.fine_scale[0],
                _direction(self.fine_key(mid)) * self.fine_scale[1],
            ],
            1,
        )
        finest = torch.cat(
            [
                _direction(trunk.stride4) * self.finest_scale[0],
                _direction(self.finest_key(stride4)) * self.finest_scale[1],
            ],
            1,
        )
        return ImageFeatures(
            mask_features=self.mask_projection(stride4),
            mid=mid,
            context=context,
            key=key.flatten(2).transpose(1, 2),
            stride8_key=group_stride8(fine),
            stride4_key=group_stride4(finest),
        )
