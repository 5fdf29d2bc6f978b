"""Video decoding the way the released code computes it: what the fast path is measured against and tested with.

Same parameters and, up to rounding, same answers as `Decoder`. It does all that the fast path leaves out: backbone
and pixel decoder once per object, full-size masks and class scores after every layer, attention with explicit
weights and a mask per head, and prompt tokens that are updated and then thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from seem_model.configs import DECODER_LAYERS, NUM_HEADS, NUM_LEVELS
from seem_model.decoder.decoder import Decoder
from seem_model.decoder.inputs import PointPrompts
from seem_model.decoder.layers import CrossAttention, SelfAttention
from seem_model.decoder.output import unit
from seem_model.layers import MultiheadAttention, sine_positions
from seem_model.pixel_decoders import PixelFeatures


@dataclass(frozen=True)
class PlainOutput:
    """Answers for one object.

    Attributes:
        masks: (Q, H/4, W/4) mask logits of all queries.
        classes: (Q, K + 1) class logits.
        scores: (Q,) how well each query fits the prompt.
    """

    masks: Tensor
    classes: Tensor
    scores: Tensor

    @property
    def selected(self) -> Tensor:
        """(H/4, W/4) mask logits of the best query."""
        return self.masks[int(self.scores.argmax())]


def plain_attention(attention: MultiheadAttention, q: Tensor, k: Tensor, v: Tensor, blocked: Tensor) -> Tensor:
    """Attention of (1, N, C) with explicit weights; blocked is (heads, N, M) bool."""
    dim = q.shape[-1] // NUM_HEADS
    weight, bias = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    heads = [
        F.linear(x, w, b).unflatten(-1, (NUM_HEADS, dim)).transpose(1, 2)[0]
        for x, w, b in zip((q, k, v), weight, bias, strict=True)
    ]
    logits = (heads[0] * dim**-0.5) @ heads[1].transpose(1, 2)
    weights = logits.masked_fill(blocked, -torch.inf).softmax(-1).nan_to_num()
    weights.mean(0)  # the released attention averages its weights over heads for nobody
    result: Tensor = attention.out_proj((weights @ heads[2]).transpose(0, 1).flatten(1)[None])
    return result


@torch.inference_mode()
def plain_decode(decoder: Decoder, features: PixelFeatures, prompt: PointPrompts, classes: Tensor) -> PlainOutput:
    """One object, prompted on another frame, in one image; demo behaviour.

    Args:
        decoder: The parameters.
        features: Of one image.
        prompt: One set with one object, no padding.
        classes: (K + 1, C) unit class embeddings.
    """
    full = features.mask_features.full
    sizes = [(m.shape[-2], m.shape[-1]) for m in features.levels]
    count = decoder.num_queries
    x, positions = decoder.query_feat.weight[None], decoder.query_embed.weight[None]

    def heads(x: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        normed = decoder.decoder_norm(x)
        logits = unit(normed @ decoder.class_embed) @ classes.t()
        embeddings = decoder.mask_embed(normed)
        masks = torch.einsum("bqc,bchw->bqhw", embeddings, full)
        resized = F.interpolate(masks, size, mode="bilinear", align_corners=False)
        blocked = (resized.sigmoid().flatten(2)[:, None].repeat(1, NUM_HEADS, 1, 1).flatten(0, 1) < 0.5).bool()
        return embeddings, masks, logits, blocked

    _, _, _, blocked = heads(x, sizes[0])
    for layer in range(DECODER_LAYERS):
        level = layer % NUM_LEVELS
        feature_map = features.levels[level]
        source = feature_map.flatten(2).transpose(1, 2) + decoder.level_embed.weight[level]
        located = source + sine_positions(feature_map).flatten(2).transpose(1, 2)
        blocked[blocked.all(-1)] = False
        cross = cast(CrossAttention, decoder.transformer_cross_attention_layers[layer])
        x = cross.norm(x + plain_attention(cross.multihead_attn, x + positions, located, source, blocked))

        tokens = prompt.tokens[level]
        rows = torch.cat((x, tokens), dim=1)
        row_positions = torch.cat((positions, tokens), dim=1)
        # Queries read everything, tokens read tokens.
        blocked = torch.zeros(NUM_HEADS, rows.shape[1], rows.shape[1], dtype=torch.bool, device=x.device)
        blocked[:, count:, :count] = True
        located = rows + row_positions
        self_layer = cast(SelfAttention, decoder.transformer_self_attention_layers[layer])
        rows = self_layer.norm(rows + plain_attention(self_layer.self_attn, located, located, rows, blocked))
        x = decoder.transformer_ffn_layers[layer](rows)[:, :count]
        embeddings, masks, logits, blocked = heads(x, sizes[(layer + 1) % NUM_LEVELS])
    return PlainOutput(masks[0], logits[0], embeddings[0] @ prompt.positive[0, 0])
