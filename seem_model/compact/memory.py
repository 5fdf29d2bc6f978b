"""What is kept of a remembered frame, and the encoders that make it.

A remembered frame has a part shared by all objects (its correspondence keys) and a part per object (value, masks,
memory prompts). An object that was not trusted in that frame is left out by `valid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from seem_model.compact.config import CompactConfig
from seem_model.compact.layers import Attention, ResidualBlock, area_resize, sine_position
from seem_model.compact.pyramid import ImageFeatures, group_stride4, group_stride8


@dataclass(frozen=True, slots=True, eq=False)
class FrameMemory:
    """One frame in memory, for B videos with O objects each (B is 1 outside training)."""

    key: Tensor  # (B, h*w, key channels)
    stride8_key: Tensor  # (B, h*w, 4, stride-8 key channels)
    stride4_key: Tensor  # (B, h*w, 4, 4, stride-4 key channels)
    value: Tensor  # (B, O, value_dim, h*w)
    mask: Tensor  # (B, O, h*w) share of each stride-16 cell that the object covers, in [0, 1]
    stride8_mask: Tensor  # (B, O, h*w, 4) the same for its four stride-8 cells
    stride4_mask: Tensor  # (B, O, h*w, 4, 4) the same for the four stride-4 cells of each of these
    prompts: Tensor  # (B, O, memory_tokens, dim) memory prompts of this frame
    valid: Tensor  # (B, O) float, 1 where the object may be read from this frame
    pinned: bool  # the annotated frame: no locality prior, never dropped
    grid: tuple[int, int]  # h, w

    def select(self, slots: Sequence[int | None]) -> FrameMemory:
        """The same frame for another list of objects; None is an object that this frame knows nothing of."""
        if list(slots) == list(range(self.valid.shape[1])):
            return self
        return FrameMemory(
            key=self.key,
            stride8_key=self.stride8_key,
            stride4_key=self.stride4_key,
            value=select_objects(self.value, slots),
            mask=select_objects(self.mask, slots),
            stride8_mask=select_objects(self.stride8_mask, slots),
            stride4_mask=select_objects(self.stride4_mask, slots),
            prompts=select_objects(self.prompts, slots),
            valid=select_objects(self.valid, slots),
            pinned=self.pinned,
            grid=self.grid,
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its tensors as numpy arrays, and its grid."""
        tensors = {name: getattr(self, name).cpu().numpy() for name in TENSORS}
        return {**tensors, "grid": np.array(self.grid, np.int64)}


# Fields of a `FrameMemory` that are tensors.
TENSORS = tuple(field.name for field in fields(FrameMemory) if field.name not in ("pinned", "grid"))


def select_objects(x: Tensor, slots: Sequence[int | None]) -> Tensor:
    """Picks objects along dimension 1; zeros where the slot is None."""
    known = torch.tensor([slot is not None for slot in slots], dtype=torch.bool, device=x.device)
    if x.shape[1] == 0:
        return x.new_zeros(x.shape[0], len(slots), *x.shape[2:])
    index = torch.tensor([slot or 0 for slot in slots], dtype=torch.long, device=x.device)
    picked = x.index_select(1, index)
    return picked * known.view(1, -1, *[1] * (x.dim() - 2)).to(x.dtype)


def _compact(keys: Tensor) -> Tensor:
    """Keys as they are kept: in half precision, which halves snapshots and traffic, unless a gradient is wanted."""
    return keys if torch.is_grad_enabled() else keys.half()


class MaskEncoder(nn.Module):
    """Maps at stride 4 (own mask, other objects; or prompt maps) to the value grid at stride 16."""

    def __init__(self, channels_in: int, config: CompactConfig) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels_in, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.from_image = nn.Conv2d(config.dim, config.value_dim, 1)
        self.from_maps = nn.Conv2d(32, config.value_dim, 1)
        self.blocks = nn.Sequential(ResidualBlock(config.value_dim), ResidualBlock(config.value_dim))

    def forward(self, features: ImageFeatures, maps: Tensor, offset: Tensor | None = None) -> Tensor:
        """maps (B, O, C, H/4, W/4), offset (B, O, value_dim) or None -> (B, O, value_dim, h, w)."""
        batch, objects = maps.shape[:2]
        image = self.from_image(features.context)[:, None]
        x = self.from_maps(self.stem(maps.flatten(0, 1))).unflatten(0, (batch, objects)) + image
        if offset is not None:
            x = x + offset[..., None, None]
        result: Tensor = self.blocks(x.flatten(0, 1)).unflatten(0, (batch, objects))
        return result


class MemoryPrompter(nn.Module):
    """Memory prompts: learned tokens that attend to a frame's features inside the object's mask.

    SEEM section 3.2, P_m^l = MaskedCrossAtt(P_m^{l-1}; M_p | Z): P_m the prompts, M_p the remembered mask, Z the
    image features. One layer is enough at this size. The mask enters as a soft bias (its log) instead of a hard
    gate, so that an object smaller than a cell still has somewhere to look.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(config.memory_tokens, config.dim) * 0.1)
        self.attention = Attention(config.dim, config.num_heads)
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, features: ImageFeatures, mask: Tensor) -> Tensor:
        """mask (B, O, h*w) -> (B, O, memory_tokens, dim)."""
        batch, objects, _ = mask.shape
        height, width = features.grid
        dim = features.context.shape[1]
        image = features.context.flatten(2).transpose(1, 2)
        image = image[:, None].expand(-1, objects, -1, -1).flatten(0, 1)
        position = sine_position(height, width, dim).to(image)
        tokens = self.tokens.expand(batch * objects, -1, -1)
        bias = (mask.flatten(0, 1) + 1e-3).log()[:, None]
        attended = self.attention(tokens, image + position, image, bias)
        result: Tensor = self.norm(tokens + attended).unflatten(0, (batch, objects))
        return result


class MemoryEncoder(nn.Module):
    """Turns a frame and its masks into a `FrameMemory`."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.value = MaskEncoder(2, config)
        self.prompter = MemoryPrompter(config)

    def forward(
        self, features: ImageFeatures, masks: Tensor, *, pinned: bool, valid: Tensor | None = None
    ) -> FrameMemory:
        """masks (B, O, H/4, W/4) probabilities in [0, 1]; valid (B, O) or None for all."""
        others = (masks.sum(1, keepdim=True) - masks).clamp(0, 1)
        value = self.value(features, torch.stack([masks, others], 2))
        return make_frame_memory(features, self.prompter, value, masks, pinned=pinned, valid=valid)


def make_frame_memory(
    features: ImageFeatures,
    prompter: MemoryPrompter,
    value: Tensor,
    masks: Tensor,
    *,
    pinned: bool,
    valid: Tensor | None = None,
) -> FrameMemory:
    """Joins a value grid (B, O, value_dim, h, w) with masks (B, O, H/4, W/4) at the resolutions of the read-out."""
    height, width = features.grid
    batch, objects = masks.shape[:2]
    mask8 = area_resize(masks, (2 * height, 2 * width))
    mask16 = area_resize(mask8, (height, width)).flatten(2)
    children = group_stride8(mask8.flatten(0, 1)[:, None]).view(batch, objects, height * width, 4)
    grandchildren = group_stride4(masks.flatten(0, 1)[:, None]).view(batch, objects, height * width, 4, 4)
    return FrameMemory(
        key=features.key,
        stride8_key=_compact(features.stride8_key),
        stride4_key=_compact(features.stride4_key),
        value=value.flatten(3),
        mask=mask16,
        stride8_mask=children,
        stride4_mask=grandchildren,
        prompts=prompter(features, mask16),
        valid=masks.new_ones(batch, objects) if valid is None else valid,
        pinned=pinned,
        grid=(height, width),
    )
