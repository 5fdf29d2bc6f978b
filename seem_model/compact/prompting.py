"""Prompts of the compact model: maps of where the user pointed, and visual sampler tokens.

The visual sampler follows SEEM section 3.2: points inside the prompted region are sampled on the image features and
become tokens that the object queries read. Sampling is deterministic and spatially uniform.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seem_model.compact.config import CompactConfig
from seem_model.compact.layers import area_resize, sine_position
from seem_model.compact.memory import FrameMemory, MaskEncoder, MemoryPrompter, make_frame_memory
from seem_model.compact.pyramid import ImageFeatures
from seem_model.video_model import PromptKind


class PromptEncoder(nn.Module):
    """A prompted frame as its own memory: `decode` then reads it like any remembered frame.

    Maps, each (H/4, W/4) in [0, 1]: region the prompt marks as object, region it marks as background, the current
    estimate of the mask (zero in the first pass), other objects.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.kinds = nn.Embedding(len(PromptKind), config.value_dim)
        self.encoder = MaskEncoder(4, config)
        self.prompter = MemoryPrompter(config)

    def forward(
        self,
        features: ImageFeatures,
        positive: Tensor,
        negative: Tensor,
        estimate: Tensor,
        others: Tensor,
        kind: Tensor,
        masks: Tensor | None = None,
    ) -> FrameMemory:
        """Maps (B, O, H/4, W/4), kind (B, O) int64 of `PromptKind` -> a pinned memory of this very frame.

        `masks` is what is remembered as the object: what the prompt marks, unless more is known.
        """
        maps = torch.stack([positive, negative, estimate, others], 2)
        value = self.encoder(features, maps, self.kinds(kind))
        return make_frame_memory(features, self.prompter, value, positive if masks is None else masks, pinned=True)


class VisualSampler(nn.Module):
    """Tokens of a reference: features under the mask and around it, with their position in the image."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.counts = (config.foreground_tokens, config.background_tokens)
        self.projection = nn.Linear(config.dim, config.dim)
        self.sides = nn.Parameter(torch.randn(2, config.dim) * 0.1)

    def forward(self, features: ImageFeatures, masks: Tensor) -> tuple[Tensor, Tensor]:
        """masks (B, O, H/4, W/4) -> tokens (B, O, P, dim) and their log-confidence (B, O, P).

        Confidence is the share of the cell that the mask covers (foreground) or leaves (background).
        """
        height, width = features.grid
        cover = area_resize(masks, (height, width)).flatten(2)
        image = features.context.flatten(2).transpose(1, 2)
        position = sine_position(height, width, image.shape[-1]).to(image)
        projected = self.projection(image + position)
        order = _spread(height * width).to(cover)
        tokens, confidences = [], []
        for side, count in enumerate(self.counts):
            share = cover if side == 0 else 1 - cover
            # Fully covered cells first, in an order that spreads over the image; partly covered ones after them.
            chosen = ((share > 0.5) * 1.0 + share * 0.5 + order * 0.4).topk(min(count, height * width), 2).indices
            picked = projected[:, None].expand(-1, masks.shape[1], -1, -1)
            picked = picked.gather(2, chosen[..., None].expand(-1, -1, -1, projected.shape[-1]))
            tokens.append(picked + self.sides[side])
            confidences.append(share.gather(2, chosen).clamp(min=1e-4).log())
        return torch.cat(tokens, 2), torch.cat(confidences, 2)


def _spread(count: int) -> Tensor:
    """(count,) pseudo-random but fixed numbers in [0, 1): the fractional parts of multiples of an irrational."""
    return torch.frac(torch.arange(count, dtype=torch.float64) * 0.7548776662466927).float()
