"""The compact SEEM: encode an image, remember a frame, decode objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from seem_model.compact.config import PIXEL_MEAN, PIXEL_SCALE, CompactConfig
from seem_model.compact.correspondence import MemoryReader
from seem_model.compact.decoder import Decoded, MaskDecoder, PromptTokens
from seem_model.compact.memory import FrameMemory, MemoryEncoder
from seem_model.compact.prompting import PromptEncoder, VisualSampler
from seem_model.compact.pyramid import FeaturePyramid, ImageFeatures
from seem_model.compact.trunk import EfficientNetLite0
from seem_model.memory_format import lay_out_channels_last


class CompactSEEM(nn.Module):
    """Stateless: everything that belongs to a video is passed in and handed back.

    Every method takes B videos with O objects each; outside training B is 1.
    """

    def __init__(self, config: CompactConfig | None = None) -> None:
        super().__init__()
        self.config = config or CompactConfig()
        self.trunk = EfficientNetLite0()
        self.pyramid = FeaturePyramid(self.config)
        self.memory_encoder = MemoryEncoder(self.config)
        self.prompt_encoder = PromptEncoder(self.config)
        self.sampler = VisualSampler(self.config)
        self.reader = MemoryReader(self.config)
        self.decoder = MaskDecoder(self.config)

    def to_device(self, device: torch.device) -> Self:
        """Moves the network and lays its weights out channels last, the order in which CPU convolutions are fastest."""
        self.to(device)
        lay_out_channels_last(self)
        return self

    def encode_image(self, images: Tensor) -> ImageFeatures:
        """images: (B, 3, H, W) uint8 or float RGB in 0..255, H and W divisible by 32."""
        x = (images.float() - PIXEL_MEAN) / PIXEL_SCALE
        result: ImageFeatures = self.pyramid(self.trunk(x.contiguous(memory_format=torch.channels_last)))
        return result

    def encode_memory(
        self, features: ImageFeatures, masks: Tensor, *, pinned: bool, valid: Tensor | None = None
    ) -> FrameMemory:
        """Encodes a frame with its masks (B, O, H/4, W/4) for later frames to read."""
        result: FrameMemory = self.memory_encoder(features, masks, pinned=pinned, valid=valid)
        return result

    def encode_reference(self, features: ImageFeatures, masks: Tensor) -> PromptTokens:
        """Visual sampler tokens of the annotated frame, kept for the whole video."""
        return PromptTokens(*self.sampler(features, masks))

    def decode(
        self,
        features: ImageFeatures,
        memory: Sequence[FrameMemory],
        reference: PromptTokens,
        previous: Tensor,
        *,
        local: bool = True,
        shifts: Sequence[tuple[float, float]] | None = None,
    ) -> Decoded:
        """Masks of all objects in a frame.

        Args:
            features: The frame.
            memory: Remembered frames, pinned ones first, then oldest to newest.
            reference: Tokens of the annotated frame; the memory prompts of `memory` are added to them.
            previous: (B, O, H/4, W/4) mask probabilities of the frame before.
            local, shifts: Where objects are expected; see `MemoryReader`.
        """
        read = self.reader(features, memory, local=local, shifts=shifts)
        prompts = torch.cat([reference.tokens, *(frame.prompts for frame in memory)], 2)
        bias = [reference.bias]
        for frame in memory:
            untrusted = (frame.valid.clamp(min=1e-4)).log()[..., None]
            bias.append(untrusted.expand(-1, -1, frame.prompts.shape[2]))
        result: Decoded = self.decoder(features, read, previous, PromptTokens(prompts, torch.cat(bias, 2)))
        return result

    def segment_prompt(
        self, features: ImageFeatures, positive: Tensor, negative: Tensor, kind: Tensor, passes: int = 2
    ) -> list[Decoded]:
        """Masks of prompted objects in the prompted frame itself; one result per refinement pass.

        Args:
            features: The annotated frame.
            positive: (B, O, H/4, W/4) in [0, 1], what the prompt marks as object.
            negative: The same for background.
            kind: (B, O) int64 of `PromptKind`.
            passes: Each pass after the first sees the mask of the one before.
        """
        estimate = torch.zeros_like(positive)
        results: list[Decoded] = []
        for _ in range(passes):
            others = (positive.sum(1, keepdim=True) - positive).clamp(0, 1)
            memory = self.prompt_encoder(features, positive, negative, estimate, others, kind)
            decoded = self.decode(features, [memory], self.encode_reference(features, positive), estimate)
            results.append(decoded)
            estimate = decoded.mask_logits.sigmoid().detach()
        return results

    def refine(
        self,
        features: ImageFeatures,
        positive: Tensor,
        negative: Tensor,
        kind: Tensor,
        estimate: Tensor,
        memory: Sequence[FrameMemory] = (),
        reference: PromptTokens | None = None,
    ) -> Decoded:
        """Corrects masks by marks: an interactive round that remembers the one before (SEEM section 3.2).

        Args:
            features: The frame that is corrected.
            positive: (B, O, H/4, W/4) in [0, 1], what the marks add.
            negative: The same, what they take away.
            kind: (B, O) int64 of `PromptKind`.
            estimate: (B, O, H/4, W/4) probabilities of the masks to correct.
            memory: Other frames that show the objects, as for `decode`.
            reference: Tokens of the annotated frame.
        """
        corrected = torch.maximum(estimate, positive) * (1 - negative)
        others = (estimate.sum(1, keepdim=True) - estimate).clamp(0, 1)
        own = self.prompt_encoder(features, positive, negative, estimate, others, kind, corrected)
        tokens = self.encode_reference(features, corrected)
        if reference is not None:
            tokens = PromptTokens(
                torch.cat([reference.tokens, tokens.tokens], 2), torch.cat([reference.bias, tokens.bias], 2)
            )
        return self.decode(features, [own, *memory], tokens, estimate, local=False)
