"""Small models with pseudo-random weights: all parts of SEEM, few channels in the backbone, in a second or two.

Width 512 of the decoders is a constant of the architecture and stays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from seem_model.attention_table import BEHAVIOURS
from seem_model.configs import DaViTConfig, FocalNetConfig, SamViTConfig, SeemConfig
from seem_model.language.encoder import LanguageEncoder
from seem_model.pseudo_weights import pseudo_model, pseudo_weight
from seem_model.released_video import TrackableSeem
from seem_model.seem import Seem
from seem_model.variants import Variant

TINY_FOCAL_T = FocalNetConfig(embed_dim=16, depths=(1, 1, 2, 1), focal_levels=3, depthwise=True)
TINY_FOCAL_L = FocalNetConfig(embed_dim=16, depths=(1, 1, 2, 1), focal_levels=4, depthwise=False)
TINY_DAVIT_D3 = DaViTConfig(channels=(32, 64, 96, 128), patch_sizes=(7, 2, 2, 2), paddings=(3, 0, 0, 0))
TINY_DAVIT_D5 = DaViTConfig(channels=(32, 64, 96, 128), patch_sizes=(7, 3, 3, 3), paddings=(3, 1, 1, 1))
TINY_SAM = SamViTConfig(embed_dim=32, depth=2, num_heads=2, global_blocks=(1,), channels=(32, 32, 64, 64))


def tiny_config(behaviour: str) -> SeemConfig:
    return SeemConfig(
        name=f"tiny_{behaviour}",
        backbone=TINY_FOCAL_T,
        pixel_decoder="fpn",
        table=BEHAVIOURS[behaviour],
        num_queries=11,
        has_criterion=behaviour != "demo",
    )


@cache
def tiny_model(behaviour: str = "v1", *, with_text: bool = False) -> Seem:
    """A tiny Focal-T SEEM; all behaviours share their tensors."""
    known = {} if behaviour == "demo" and not with_text else tiny_model("demo").state_dict()
    return pseudo_model(tiny_config(behaviour), with_text=with_text, known=known)


def with_pseudo_weights(module: nn.Module) -> nn.Module:
    """The module with weights by name and shape, for inference."""
    state = {name: pseudo_weight(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()}
    module.load_state_dict(state)
    return module.eval().requires_grad_(False)


def noise(name: str, *shape: int) -> Tensor:
    """Standard normal numbers that depend on the name only."""
    return pseudo_weight(f"{name}.query_feat.weight", (1, *shape))[0]


def picture(height: int = 80, width: int = 112) -> np.ndarray:
    """(H, W, 3) uint8: smooth colours with two discs."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack((x * 2, y * 3, 255 - x - y), axis=-1) % 256
    rgb[disc(height, width, 0.35, 0.3)] = (220, 40, 60)
    rgb[disc(height, width, 0.6, 0.7)] = (30, 200, 90)
    return rgb.astype(np.uint8)


def disc(height: int, width: int, cy: float, cx: float, radius: float = 0.15) -> np.ndarray:
    """(H, W) bool; centre as a share of the sides, radius as a share of the height."""
    y, x = np.mgrid[:height, :width]
    return (y - cy * height) ** 2 + (x - cx * width) ** 2 <= (radius * height) ** 2


def two_discs() -> Tensor:
    """(2, 80, 112) bool: the discs of `picture()`."""
    return torch.from_numpy(np.stack([disc(80, 112, 0.35, 0.3), disc(80, 112, 0.6, 0.7)]))


def tiny_video_model(
    variant: Variant | None = None, *, load_language: Callable[[], LanguageEncoder] | None = None
) -> TrackableSeem:
    """A tiny model as a video model that sees frames with a shorter side of 64 pixels."""
    return TrackableSeem(
        tiny_model("v1"),
        name="tiny",
        weights_sha256="0" * 64,
        device=torch.device("cpu"),
        short_side=64,
        variant=variant or Variant(),
        load_language=load_language,
    )
