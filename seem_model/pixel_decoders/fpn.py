"""Transformer encoder on the coarsest map, then a feature pyramid (MaskFormer's pixel decoder)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import ENCODER_LAYERS, HIDDEN_DIM, NUM_HEADS
from seem_model.layers import ConvNorm, MultiheadAttention, sine_positions
from seem_model.mask_features import MaskFeatureConv, MaskFeatures
from seem_model.pixel_decoders import PixelFeatures


class EncoderLayer(nn.Module):
    """Post-norm transformer encoder layer; positions are added to queries and keys only."""

    def __init__(self, dim: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(dim, num_heads)
        self.linear1 = nn.Linear(dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        located = x + positions
        x = self.norm1(x + self.self_attn(located, located, x))
        result: Tensor = self.norm2(x + self.linear2(F.relu(self.linear1(x))))
        return result


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(HIDDEN_DIM, NUM_HEADS, 2048) for _ in range(ENCODER_LAYERS))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Encoder()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)"""
        size = x.shape[-2:]
        positions = sine_positions(x).flatten(2).transpose(1, 2)
        tokens = x.flatten(2).transpose(1, 2)
        for layer in self.encoder.layers:
            tokens = layer(tokens, positions)
        result: Tensor = tokens.transpose(1, 2).unflatten(2, size)
        return result


class FpnPixelDecoder(nn.Module):
    """res2..res5 -> `PixelFeatures`; coarse to fine by nearest upsampling."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.adapter_1, self.adapter_2, self.adapter_3 = (ConvNorm(c, HIDDEN_DIM, 1, relu=False) for c in channels[:3])
        self.layer_1, self.layer_2, self.layer_3, self.layer_4 = (
            ConvNorm(HIDDEN_DIM, HIDDEN_DIM, 3, relu=True) for _ in range(4)
        )
        self.input_proj = nn.Conv2d(channels[3], HIDDEN_DIM, 1)
        self.transformer = _Transformer()
        self.mask_features = MaskFeatureConv(HIDDEN_DIM, HIDDEN_DIM, 3)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor, Tensor]) -> PixelFeatures:
        res2, res3, res4, res5 = maps
        encoded = self.transformer(self.input_proj(res5))
        y5 = self.layer_4(encoded)
        y4 = self.layer_3(self._merge(self.adapter_3(res4), y5))
        y3 = self.layer_2(self._merge(self.adapter_2(res3), y4))
        y2 = self.layer_1(self._merge(self.adapter_1(res2), y3))
        return PixelFeatures(MaskFeatures(y2, self.mask_features), (y5, y4, y3), encoded)

    @staticmethod
    def _merge(lateral: Tensor, coarse: Tensor) -> Tensor:
        return lateral + F.interpolate(coarse, size=lateral.shape[-2:], mode="nearest")
