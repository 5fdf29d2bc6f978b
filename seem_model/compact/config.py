"""Sizes of the compact model. One frozen dataclass, stored beside the weights."""

from __future__ import annotations

from dataclasses import dataclass

# Normalisation of the EfficientNet-Lite trunk: (x - 127) / 128 on RGB 0..255.
PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0

# Channels of the trunk's features at each stride.
TAP_CHANNELS = {4: 24, 8: 40, 16: 112, 32: 320}

# The side of every input image must be divisible by the trunk's total stride.
SIZE_DIVISIBILITY = 32

# Input pixels per cell of the coarse grid, on which memory is read.
STRIDE = 16


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """Channel counts and depths of the compact model.

    Attributes:
        dim: Channels at stride 16: image features, tokens, queries.
        mid_dim: Channels at stride 8.
        mask_dim: Channels at stride 4; a mask is the dot product of a mask embedding with these.
        value_dim: Channels of the value that a memory frame stores per object and stride-16 cell.
        key_dim: Learned part of the stride-16 correspondence key.
        stride8_key_dim: Learned part of the stride-8 correspondence key.
        stride4_key_dim: Learned part of the stride-4 correspondence key.
        num_queries: Object queries per object.
        num_layers: Layers of the query decoder.
        num_heads: Attention heads.
        foreground_tokens: Visual sampler tokens inside the reference mask.
        background_tokens: Visual sampler tokens outside the reference mask.
        memory_tokens: Memory prompt tokens per remembered frame (the M_p of the SEEM paper).
        pinned_bonus: Added to the correspondence logits of annotated frames: theirs are the only masks that are
            certainly right, and what was once lost from a tracked mask must be able to come back.
        pinned_spread: Width of the prior on distance for annotated frames, in units of that for recent ones, where it
            is known how far their objects have moved since.
        candidates: Stride-16 cells kept per query cell for the stride-8 read-out.
        stride8_candidates: Stride-8 cells kept per stride-8 query cell for the stride-4 read-out.
    """

    dim: int = 96
    mid_dim: int = 64
    mask_dim: int = 32
    value_dim: int = 64
    key_dim: int = 48
    stride8_key_dim: int = 32
    stride4_key_dim: int = 8
    num_queries: int = 4
    num_layers: int = 2
    num_heads: int = 4
    foreground_tokens: int = 48
    background_tokens: int = 24
    memory_tokens: int = 4
    candidates: int = 8
    stride8_candidates: int = 4
    pinned_bonus: float = 0.5
    pinned_spread: float = 1.4

    @property
    def key_channels(self) -> int:
        """Of a stride-16 correspondence key: trunk features at strides 16 and 8, and the learned part."""
        return TAP_CHANNELS[16] + TAP_CHANNELS[8] + self.key_dim

    @property
    def stride8_key_channels(self) -> int:
        """Of a stride-8 correspondence key."""
        return TAP_CHANNELS[8] + self.stride8_key_dim

    @property
    def stride4_key_channels(self) -> int:
        """Of a stride-4 correspondence key."""
        return TAP_CHANNELS[4] + self.stride4_key_dim
