"""The ten released configurations of SEEM, as frozen dataclasses.

Names follow the release: `<backbone>_unicl_lang_<behaviour>`. Every number comes from the released YAML files;
those that never vary (width 512, 8 heads, ...) are constants here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from seem_model.attention_table import BEHAVIOURS, AttentionTable
from seem_model.errors import ModelInputError

HIDDEN_DIM = 512
NUM_HEADS = 8
NUM_LEVELS = 3
DECODER_LAYERS = 9
ENCODER_LAYERS = 6
MEMORY_SLOTS = 32
NUM_CLASSES = 133

# Mean and standard deviation of ImageNet in 0..255, RGB.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class FocalNetConfig:
    """FocalNet (Yang et al. 2022) in the two variants of the release.

    `depthwise=True` ("focal_dw", Focal-T): 3x3 depthwise convolutions before modulation and MLP, post-norm after
    the residual sum, stem padding 3. False ("focal", Focal-L): no such convolutions, post-norm before the sum,
    stem padding 2.
    """

    embed_dim: int
    depths: tuple[int, int, int, int]
    focal_levels: int
    depthwise: bool

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of res2..res5."""
        d = self.embed_dim
        return d, 2 * d, 4 * d, 8 * d


@dataclass(frozen=True)
class DaViTConfig:
    """DaViT (Ding et al. 2022): alternating window attention and channel attention, head dimension 32."""

    channels: tuple[int, int, int, int]
    patch_sizes: tuple[int, int, int, int]
    paddings: tuple[int, int, int, int]
    depths: tuple[int, int, int, int] = (1, 1, 9, 1)


@dataclass(frozen=True)
class SamViTConfig:
    """The image encoder of SAM (Kirillov et al. 2023) with a simple feature pyramid in place of its neck."""

    embed_dim: int
    depth: int
    num_heads: int
    global_blocks: tuple[int, ...]
    channels: tuple[int, int, int, int] = (128, 256, 512, 1024)


BackboneConfig = FocalNetConfig | DaViTConfig | SamViTConfig


@dataclass(frozen=True)
class SeemConfig:
    """Everything that is needed to build one SEEM model.

    Attributes:
        name: Name of the released configuration.
        backbone: The image backbone.
        pixel_decoder: "fpn" (transformer encoder + FPN) or "deformable" (multi-scale deformable attention).
        table: Who reads whom in the decoder.
        num_queries: Learned object queries; 101 in the released files, read from the file when loading.
        size_divisibility: Images are zero-padded right and bottom to a multiple of this.
        fixed_size: Side of the only padded size the backbone takes (absolute positions), or None.
        has_criterion: The training loss of v0 and v1 left a buffer `criterion.empty_weight` in their files.
    """

    name: str
    backbone: BackboneConfig
    pixel_decoder: Literal["fpn", "deformable"]
    table: AttentionTable
    num_queries: int = 101
    size_divisibility: int = 32
    fixed_size: int | None = None
    has_criterion: bool = True


_FOCAL_T = FocalNetConfig(embed_dim=96, depths=(2, 2, 6, 2), focal_levels=3, depthwise=True)
_FOCAL_L = FocalNetConfig(embed_dim=192, depths=(2, 2, 18, 2), focal_levels=4, depthwise=False)
_DAVIT_D3 = DaViTConfig(channels=(128, 256, 512, 1024), patch_sizes=(7, 2, 2, 2), paddings=(3, 0, 0, 0))
_DAVIT_D5 = DaViTConfig(channels=(256, 512, 1024, 2048), patch_sizes=(7, 3, 3, 3), paddings=(3, 1, 1, 1))
_SAM_B = SamViTConfig(embed_dim=768, depth=12, num_heads=12, global_blocks=(2, 5, 8, 11))
_SAM_L = SamViTConfig(embed_dim=1024, depth=24, num_heads=16, global_blocks=(5, 11, 17, 23))


def _config(backbone_name: str, backbone: BackboneConfig, behaviour: str) -> SeemConfig:
    is_sam = isinstance(backbone, SamViTConfig)
    return SeemConfig(
        name=f"{backbone_name}_unicl_lang_{behaviour}",
        backbone=backbone,
        pixel_decoder="deformable" if is_sam else "fpn",
        table=BEHAVIOURS[behaviour],
        size_divisibility=1024 if is_sam else 32,
        fixed_size=1024 if is_sam else None,
        has_criterion=behaviour != "demo",
    )


_ALL = (
    *(_config("focalt", _FOCAL_T, behaviour) for behaviour in BEHAVIOURS),
    *(_config("focall", _FOCAL_L, behaviour) for behaviour in BEHAVIOURS),
    _config("davitd3", _DAVIT_D3, "v1"),
    _config("davitd5", _DAVIT_D5, "v1"),
    _config("samvitb", _SAM_B, "v1"),
    _config("samvitl", _SAM_L, "v1"),
)

CONFIGS: Mapping[str, SeemConfig] = MappingProxyType({config.name: config for config in _ALL})


def config_named(name: str) -> SeemConfig:
    """The configuration of that name. Raises `ModelInputError` that lists the known names."""
    try:
        return CONFIGS[name]
    except KeyError:
        raise ModelInputError(f"unknown SEEM configuration {name!r}; known: {', '.join(CONFIGS)}") from None
