"""Image backbones of the SEEM models: (B, 3, H, W) -> four maps with strides 4, 8, 16, 32."""

from __future__ import annotations

from torch import nn

from seem_model.backbones.davit import DaViT
from seem_model.backbones.focalnet import FocalNet
from seem_model.backbones.sam_vit import SamViT
from seem_model.configs import BackboneConfig, DaViTConfig, FocalNetConfig


def build_backbone(config: BackboneConfig) -> nn.Module:
    """The backbone that a configuration describes, with untrained weights."""
    if isinstance(config, FocalNetConfig):
        return FocalNet(config)
    if isinstance(config, DaViTConfig):
        return DaViT(config)
    return SamViT(config)
