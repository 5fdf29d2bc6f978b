"""Query decoder and mask head of the compact model.

A SEEM decoder in small: object queries read the prompt tokens (visual sampler, memory prompts), then the image, and
become mask embeddings that are multiplied with the mask features. Here the embedding has a local part too, from the
pixel read-out of memory, so that the same dot product serves appearance (which object) and correspondence (where it
was). All objects of a frame are decoded in one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.compact.config import CompactConfig
from seem_model.compact.correspondence import ReadOut
from seem_model.compact.layers import Attention, ResidualBlock, SeparableConv, area_resize, sine_position
from seem_model.compact.memory import select_objects
from seem_model.compact.pyramid import ImageFeatures

# Propagated masks are turned into logits; certainty is capped so that the image can still overrule memory.
_PRIOR_RANGE = (0.02, 0.98)


@dataclass(frozen=True, slots=True, eq=False)
class PromptTokens:
    """Tokens that the queries of each object read: reference tokens first, then memory prompts."""

    tokens: Tensor  # (B, O, P, dim)
    bias: Tensor  # (B, O, P) log-confidence

    def select(self, slots: Sequence[int | None]) -> PromptTokens:
        """The same tokens for another list of objects; zeros for None."""
        return PromptTokens(select_objects(self.tokens, slots), select_objects(self.bias, slots))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its tensors as numpy arrays."""
        return {"tokens": self.tokens.cpu().numpy(), "bias": self.bias.cpu().numpy()}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Answer for O objects in one frame, before objects compete for pixels."""

    mask_logits: Tensor  # (B, O, H/4, W/4)
    presence_logits: Tensor  # (B, O)
    early_logits: Tensor  # (B, O, H/4, W/4) without the queries' part; an auxiliary output for training
    propagated: Tensor  # (B, O, H/8, W/8) what correspondence alone says, in [0, 1]


def _certainty_capped(probability: Tensor) -> Tensor:
    """Logits of propagated masks."""
    return torch.logit(probability.clamp(*_PRIOR_RANGE))


class DecoderLayer(nn.Module):
    """Queries read prompt tokens, then the image, then each other."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        dim, heads = config.dim, config.num_heads
        self.to_prompts = Attention(dim, heads)
        self.to_image = Attention(dim, heads)
        self.to_queries = Attention(dim, heads)
        self.feed_forward = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))

    def forward(
        self, queries: Tensor, prompts: Tensor, prompt_bias: Tensor, image: Tensor, position: Tensor, mask_bias: Tensor
    ) -> Tensor:
        x = self.norms[0](queries + self.to_prompts(queries, prompts, prompts, prompt_bias))
        x = self.norms[1](x + self.to_image(x, image + position, image, mask_bias))
        x = self.norms[2](x + self.to_queries(x, x, x))
        result: Tensor = self.norms[3](x + self.feed_forward(x))
        return result


class BoundaryHead(nn.Module):
    """Corrects a mask at stride 4, where object borders are decided.

    The dot product of embedding and mask features is linear in features that know nothing of the object; this head
    looks at them together with the object's own answer. Its last layer starts at zero: no correction.
    """

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        dim = config.mask_dim
        self.from_mid = nn.Conv2d(config.mid_dim, dim, 1)
        self.from_hints = nn.Conv2d(3, dim, 3, padding=1)
        self.blocks = nn.Sequential(SeparableConv(dim, dim), SeparableConv(dim, dim))
        self.out = nn.Conv2d(dim, 1, 1)
        self.finest_weight = nn.Parameter(torch.tensor(0.0))
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, mid: Tensor, mask_features: Tensor, logits: Tensor, previous: Tensor, stride4_mask: Tensor
    ) -> Tensor:
        """What to add to the logits, (B, O, H/4, W/4).

        Args:
            mid: (B*O, mid_dim, H/8, W/8).
            mask_features: (B, mask_dim, H/4, W/4).
            logits, previous, stride4_mask: (B, O, H/4, W/4); what correspondence says at stride 4 is the last.
        """
        batch, objects = logits.shape[:2]
        finest = _certainty_capped(stride4_mask)
        hints = torch.stack([logits.clamp(-8, 8) * 0.25, previous * 2 - 1, finest * 0.25], 2).flatten(0, 1)
        x = F.interpolate(self.from_mid(mid), scale_factor=2, mode="bilinear", align_corners=False)
        x = (x + self.from_hints(hints)).unflatten(0, (batch, objects)) + mask_features[:, None]
        result: Tensor = self.out(self.blocks(F.relu(x.flatten(0, 1)))).view_as(logits) + self.finest_weight * finest
        return result


class MaskDecoder(nn.Module):
    """From image features, memory read-out and prompt tokens to masks and presence."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        dim, mid, mask_dim = config.dim, config.mid_dim, config.mask_dim
        self.from_context = nn.Conv2d(dim, dim, 1)
        # Value, propagated mask at stride 16, previous mask, mask from annotated frames and their share.
        self.from_memory = nn.Conv2d(config.value_dim + 4, dim, 1)
        self.blocks = nn.Sequential(ResidualBlock(dim), ResidualBlock(dim))
        self.to_mid = nn.Conv2d(dim, mid, 1)
        self.prior_to_mid = nn.Conv2d(5, mid, 3, padding=1)
        self.smooth = SeparableConv(mid, mid, 5)
        self.mid_block = ResidualBlock(mid)
        self.local_embedding = nn.Conv2d(mid, mask_dim + 1, 1)
        self.prior_weight = nn.Parameter(torch.tensor(1.0))
        self.pinned_prior_weight = nn.Parameter(torch.tensor(0.0))

        self.queries = nn.Parameter(torch.randn(config.num_queries, dim) * 0.1)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_layers))
        to_mask = nn.Linear(dim, mask_dim)
        self.mask_embedding = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), to_mask)
        self.boundary = BoundaryHead(config)
        self.presence = nn.Sequential(nn.Linear(2 * dim + 2, dim), nn.ReLU(), nn.Linear(dim, 1))
        # Both embeddings start at zero, so that the untrained model is plain label propagation.
        for parameter in (*self.local_embedding.parameters(), *to_mask.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, features: ImageFeatures, read: ReadOut, previous: Tensor, prompts: PromptTokens) -> Decoded:
        """previous: (B, O, H/4, W/4) probabilities of the last frame's mask (zeros if there is none)."""
        batch, objects = previous.shape[:2]
        height, width = features.grid
        previous8 = area_resize(previous, (2 * height, 2 * width))
        previous16 = area_resize(previous8, (height, width))

        share = read.pinned_share.expand_as(read.mask)
        masks = torch.stack([read.mask, previous16, read.pinned_mask, share], 2)
        memory = torch.cat([read.value, masks], 2)
        x = self.from_memory(memory.flatten(0, 1)).unflatten(0, (batch, objects))
        x = F.relu(x + self.from_context(features.context)[:, None])
        x = self.blocks(x.flatten(0, 1))  # (B*O, dim, h, w)

        prior = _certainty_capped(read.stride8_mask)
        pinned_prior = _certainty_capped(read.pinned_stride8_mask)
        coarse = torch.cat([_certainty_capped(read.mask), share * 4 - 2], 1)
        coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        coarse_prior, share8 = coarse.chunk(2, 1)
        hints = torch.stack([prior, coarse_prior, previous8 * 4 - 2, pinned_prior, share8], 2).flatten(0, 1) * 0.25
        y = F.interpolate(self.to_mid(x), scale_factor=2, mode="bilinear", align_corners=False)
        y = (y + self.prior_to_mid(hints)).unflatten(0, (batch, objects)) + features.mid[:, None]
        y = self.mid_block(self.smooth(F.relu(y.flatten(0, 1))))
        local = self.local_embedding(y)
        prior = self.prior_weight * prior + self.pinned_prior_weight * pinned_prior
        offset = local[:, -1:] + prior.flatten(0, 1)[:, None]
        local = torch.cat([local[:, :-1], offset], 1)
        local = F.interpolate(local, scale_factor=2, mode="bilinear", align_corners=False)
        local = local.unflatten(0, (batch, objects))
        mask_features = features.mask_features[:, None]
        early = (local[:, :, :-1] * mask_features).sum(2) + local[:, :, -1]

        tokens = self._decode_queries(x, early, prompts, (height, width))
        embedding = self.mask_embedding(tokens[:, 0]).unflatten(0, (batch, objects))
        mask_logits = early + (embedding @ features.mask_features.flatten(2)).unflatten(2, early.shape[-2:])
        mask_logits = mask_logits + self.boundary(y, features.mask_features, mask_logits, previous, read.stride4_mask)

        # Presence reads the answer itself: the strongest evidence, and the mean feature under the mask.
        weight = area_resize(mask_logits.sigmoid(), (height, width)).flatten(0, 1).flatten(1)
        pooled = (x.flatten(2) @ weight[..., None]).squeeze(2) / (weight.sum(1, keepdim=True) + 1.0)
        strongest = torch.stack([weight.amax(1), read.mask.flatten(0, 1).flatten(1).amax(1)], 1)
        presence = self.presence(torch.cat([tokens[:, 1], pooled, strongest], 1))
        return Decoded(mask_logits, presence.view(batch, objects), early, read.stride8_mask)

    def _decode_queries(self, x: Tensor, logits: Tensor, prompts: PromptTokens, grid: tuple[int, int]) -> Tensor:
        """(B*O, dim, h, w) -> (B*O, num_queries, dim); query 0 gives the mask, query 1 presence."""
        image = x.flatten(2).transpose(1, 2)
        position = sine_position(*grid, x.shape[1]).to(image)
        tokens = prompts.tokens.flatten(0, 1)
        prompt_bias = prompts.bias.flatten(0, 1)[:, None]
        # Masked attention (SEEM, after Mask2Former), soft: look where the early mask is.
        cover = area_resize(logits.detach().sigmoid(), grid).flatten(0, 1).flatten(1)
        mask_bias = (cover + 1e-2).log()[:, None]
        queries = self.queries.expand(image.shape[0], -1, -1)
        for layer in self.layers:
            queries = layer(queries, tokens, prompt_bias, image, position, mask_bias)
        return queries
