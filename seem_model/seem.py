"""The SEEM model as released: backbone, pixel decoder, decoder; state-dict keys equal the checkpoints'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.backbones import build_backbone
from seem_model.configs import NUM_CLASSES, PIXEL_MEAN, PIXEL_STD, SeemConfig
from seem_model.decoder.decoder import Decoder
from seem_model.errors import ModelInputError
from seem_model.language.encoder import LanguageEncoder
from seem_model.pixel_decoders import PixelFeatures
from seem_model.pixel_decoders.deformable import DeformablePixelDecoder
from seem_model.pixel_decoders.fpn import FpnPixelDecoder

_PIXEL_DECODERS = {"fpn": FpnPixelDecoder, "deformable": DeformablePixelDecoder}


MIN_SIDE = 4


def check_picture_size(height: int, width: int) -> None:
    """Raises ModelInputError for a picture in which there is nothing to segment."""
    if min(height, width) < MIN_SIDE:
        raise ModelInputError(
            f"a picture of {width}x{height} pixels is too small to segment; both sides must have at least {MIN_SIDE}"
        )


@dataclass(frozen=True)
class EncodedImage:
    """An image as the decoder sees it.

    Attributes:
        pixels: What backbone and pixel decoder made of it.
        size: Height and width that went in, before padding.
        padded_size: Height and width after padding; pixels outside `size` carry no picture.
    """

    pixels: PixelFeatures
    size: tuple[int, int]
    padded_size: tuple[int, int]

    def pad_mask(self, masks: Tensor) -> Tensor:
        """(n, H, W) masks of the image -> the padded size, nothing in the padding."""
        if tuple(masks.shape[-2:]) != self.size:
            raise ModelInputError(
                f"the mask is {masks.shape[-2]} x {masks.shape[-1]}, the image {self.size[0]} x {self.size[1]}"
            )
        height, width = self.padded_size
        return F.pad(masks, (0, width - self.size[1], 0, height - self.size[0]))

    def upsample(self, logits: Tensor) -> Tensor:
        """(n, H/4, W/4) mask logits -> (n, H, W): bilinear to the padded size, then the padding is cut."""
        full = F.interpolate(logits[None], self.padded_size, mode="bilinear", align_corners=False)[0]
        return full[:, : self.size[0], : self.size[1]]


class _SemSegHead(nn.Module):
    def __init__(self, config: SeemConfig, lang_encoder: nn.Module | None) -> None:
        super().__init__()
        self.pixel_decoder = _PIXEL_DECODERS[config.pixel_decoder](config.backbone.channels)
        self.predictor = Decoder(config.table, config.num_queries, lang_encoder)


class _Criterion(nn.Module):
    empty_weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("empty_weight", torch.ones(NUM_CLASSES + 1))


class Seem(nn.Module):
    """A SEEM model of one of the released configurations.

    Args:
        config: Which.
        with_text: False leaves out the text encoder (254 MB), which mask-only work does not need.
    """

    dilation_kernel: Tensor

    def __init__(self, config: SeemConfig, *, with_text: bool = True) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.sem_seg_head = _SemSegHead(config, LanguageEncoder() if with_text else None)
        # Two buffers that the released files carry; nothing here reads them.
        self.register_buffer("dilation_kernel", torch.ones(1, 1, 3, 3))
        if config.has_criterion:
            self.criterion = _Criterion()

    @property
    def decoder(self) -> Decoder:
        return self.sem_seg_head.predictor

    @property
    def device(self) -> torch.device:
        return self.dilation_kernel.device

    @property
    def language(self) -> LanguageEncoder:
        """The text encoder.

        Raises:
            ModelInputError: If the model was built without it.
        """
        encoder = self.decoder.lang_encoder
        if not isinstance(encoder, LanguageEncoder):
            raise ModelInputError("this model was loaded without its text encoder; load it with text")
        return encoder

    def backbone_features(self, image: Tensor) -> tuple[Tensor, ...]:
        """res2..res5 of a normalised, padded (1, 3, H, W) image."""
        maps: tuple[Tensor, ...] = self.backbone(image)
        return maps

    def encode_image(self, image: np.ndarray | Tensor) -> EncodedImage:
        """Backbone and pixel decoder on one image, at the size it has.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            ModelInputError: If the image is not of that form, has a side under `MIN_SIDE` pixels, or is larger than
                the model's fixed size.
        """
        prepared, size = self.prepare(image)
        pixels: PixelFeatures = self.sem_seg_head.pixel_decoder(self.backbone_features(prepared))
        return EncodedImage(pixels, size, (prepared.shape[-2], prepared.shape[-1]))

    def prepare(self, image: np.ndarray | Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Normalised, padded (1, 3, H', W') image and its size before padding."""
        tensor = torch.as_tensor(image)
        if tensor.ndim != 3 or tensor.shape[2] != 3 or tensor.dtype != torch.uint8 or 0 in tensor.shape:
            raise ModelInputError(
                f"an image must be (height, width, 3) uint8 RGB, this one is {tuple(tensor.shape)} {tensor.dtype}"
            )
        height, width = tensor.shape[:2]
        check_picture_size(height, width)
        fixed = self.config.fixed_size
        if fixed is not None and max(height, width) > fixed:
            raise ModelInputError(
                f"{self.config.name} takes images up to {fixed} x {fixed}, this one is {height} x {width}; resize it"
            )
        mean, std = (torch.tensor(values, device=self.device) for values in (PIXEL_MEAN, PIXEL_STD))
        normalised = ((tensor.to(self.device) - mean) / std).permute(2, 0, 1)
        multiple = self.config.size_divisibility
        # Parity: padding comes after normalisation, so that it equals the mean colour.
        padded = F.pad(normalised, (0, -width % multiple, 0, -height % multiple))
        return padded[None], (height, width)
