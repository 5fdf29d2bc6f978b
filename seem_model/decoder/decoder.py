"""The SEEM decoder (SEEM section 3, after Mask2Former and X-Decoder).

Nine layers of masked cross-attention to the image, self-attention among queries and prompt tokens, and a
feed-forward layer. Against the released code this one leaves out work that cannot change the answer: prompt tokens
that read only themselves are not updated, the mask inside the decoder is predicted at the resolution at which it is
used, masks and class scores at full size are computed for the final layer and on demand, and several objects share
the projections of the image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.attention_table import AttentionTable, Group
from seem_model.configs import DECODER_LAYERS, HIDDEN_DIM, MEMORY_SLOTS, NUM_LEVELS
from seem_model.decoder.inputs import DecoderInputs, PointPrompts
from seem_model.decoder.layers import CrossAttention, FeedForwardLayer, SelfAttention
from seem_model.decoder.output import DecoderOutput, QueryOutput
from seem_model.decoder.sampling import Draws, EvenDraws
from seem_model.decoder.token_layout import RowGroup, Rows, fixed_tokens, text_rows
from seem_model.decoder.visual_sampler import SamplerWeights, sample_points
from seem_model.errors import ModelInputError
from seem_model.layers import MLP, sine_positions
from seem_model.pixel_decoders import PixelFeatures

QUERY_GROUPS = (Group.OBJECT_QUERIES, Group.GROUNDING_QUERIES, Group.SPATIAL_QUERIES)
Keys = tuple[Tensor, Tensor]


class Decoder(nn.Module):
    """Queries, layers and heads. Names of parameters are the release's ("sptial" is its spelling).

    Args:
        table: The behaviour that passes follow unless they are given another: all share their parameters.
        num_queries: Learned object queries.
        lang_encoder: Kept here because the release stores it here; the decoder itself does not run it.
    """

    def __init__(self, table: AttentionTable, num_queries: int, lang_encoder: nn.Module | None) -> None:
        super().__init__()
        self.table = table
        self.class_embed = nn.Parameter(torch.zeros(HIDDEN_DIM, HIDDEN_DIM))
        self.transformer_self_attention_layers = nn.ModuleList(SelfAttention() for _ in range(DECODER_LAYERS))
        self.transformer_cross_attention_layers = nn.ModuleList(CrossAttention() for _ in range(DECODER_LAYERS))
        self.transformer_ffn_layers = nn.ModuleList(FeedForwardLayer() for _ in range(DECODER_LAYERS))
        self.decoder_norm = nn.LayerNorm(HIDDEN_DIM)
        self.query_feat = nn.Embedding(num_queries, HIDDEN_DIM)
        self.query_embed = nn.Embedding(num_queries, HIDDEN_DIM)
        self.level_embed = nn.Embedding(NUM_LEVELS, HIDDEN_DIM)
        self.lang_encoder = lang_encoder
        self.mask_embed = MLP((HIDDEN_DIM,) * 4)
        self.mask_sptial_embed = nn.ParameterList(torch.zeros(HIDDEN_DIM, HIDDEN_DIM) for _ in range(NUM_LEVELS))
        self.spatial_embed = nn.Embedding(MEMORY_SLOTS, HIDDEN_DIM)
        self.spatial_featured = nn.Embedding(MEMORY_SLOTS, HIDDEN_DIM)
        self.pn_indicator = nn.Embedding(2, HIDDEN_DIM)

    @property
    def cross_attention(self) -> Sequence[CrossAttention]:
        return cast("Sequence[CrossAttention]", self.transformer_cross_attention_layers)

    @property
    def self_attention(self) -> Sequence[SelfAttention]:
        return cast("Sequence[SelfAttention]", self.transformer_self_attention_layers)

    @property
    def num_queries(self) -> int:
        return self.query_feat.num_embeddings

    def sample_points(
        self,
        features: PixelFeatures,
        positive: Tensor,
        negative: Tensor | None = None,
        *,
        draws: Draws | None = None,
        table: AttentionTable | None = None,
    ) -> PointPrompts:
        """Point features of n objects on one image; see `visual_sampler.sample_points`."""
        table = table or self.table
        weights = SamplerWeights(self.level_embed.weight, tuple(self.mask_sptial_embed), self.pn_indicator.weight)
        return sample_points(
            features,
            positive,
            negative,
            weights=weights,
            shared_rows=table.rows_per_object is not None,
            empty_value=table.empty_prompt_value,
            draws=draws or EvenDraws(),
        )

    def with_keys(self, prompts: PointPrompts) -> PointPrompts:
        """The same prompts with their keys and values projected for every layer, for use on many frames."""
        keys = tuple(self._token_keys(prompts, layer) for layer in range(DECODER_LAYERS))
        return dataclasses.replace(prompts, keys=keys)

    def forward(
        self,
        features: PixelFeatures,
        inputs: DecoderInputs | None = None,
        *,
        groups: frozenset[Group] | None = None,
        draws: Draws | None = None,
        table: AttentionTable | None = None,
    ) -> DecoderOutput:
        """Runs all layers on one image.

        Args:
            features: Of one image (batch 1).
            inputs: Prompts; None for generic segmentation.
            groups: Query groups whose answers are wanted; others are left out where nothing reads them. None
                for all that the prompts call for.
            draws: The choices of v1; even and seeded by default.
            table: Behaviour, if another than the configured one.

        Raises:
            ModelInputError: If the behaviour has no place for a given prompt.
        """
        table = table or self.table
        inputs = inputs or DecoderInputs()
        draws = draws or EvenDraws()
        rows = self._rows(inputs, table, groups, draws)
        memory_masks = inputs.previous_masks if Group.SPATIAL_MEMORIES in rows.slices else None
        x = rows.content
        positions = rows.positions
        image_rows = rows.num_image_rows
        sizes = [(m.shape[-2], m.shape[-1]) for m in features.levels]
        coarse = [features.mask_features.reduced(size) for size in sizes]
        images = self._images(features)
        for layer in range(DECODER_LAYERS):
            level = layer % NUM_LEVELS
            readable = self.readable_pixels(x[:, :image_rows], coarse[level])
            memory_owners = None
            if memory_masks is not None:
                memory_owners = self._memory_owners(memory_masks.shape[1], table, draws)
                open_pixels = _memory_pixels(memory_masks, sizes[level], memory_owners)
                readable[:, rows.slices[Group.SPATIAL_MEMORIES]] = open_pixels
            readable |= ~readable.any(dim=2, keepdim=True)
            cross = self.cross_attention[layer]
            image_keys = cross.multihead_attn.project_keys(*images[level])
            read = cross(x[:, :image_rows], positions[:, :image_rows], image_keys, readable)
            x = torch.cat((read, x[:, image_rows:]), dim=1) if image_rows < x.shape[1] else read

            tokens = fixed_tokens(inputs, level, shared_rows=table.rows_per_object is not None)
            token_keys = [self._token_keys(prompts, layer) for prompts, _ in tokens]
            who_reads = rows.readable([readable_ for _, readable_ in tokens], memory_owners)
            x = self.self_attention[layer](x, positions, token_keys, who_reads)
            x = self.transformer_ffn_layers[layer](x)
        normed = self.decoder_norm(x)
        queries = {
            group: QueryOutput(self.mask_embed(normed[:, part]), normed[:, part] @ self.class_embed)
            for group, part in rows.slices.items()
            if group in QUERY_GROUPS
        }
        return DecoderOutput(table, queries, features.mask_features)

    def _rows(
        self, inputs: DecoderInputs, table: AttentionTable, groups: frozenset[Group] | None, draws: Draws
    ) -> Rows:
        """The rows that this pass has to hold."""
        given = {
            Group.SPATIAL_TOKENS: inputs.spatial,
            Group.VISUAL_TOKENS: inputs.visual,
            Group.GROUNDING_TOKENS: inputs.grounding,
            Group.AUDIO_TOKENS: inputs.audio,
            Group.SPATIAL_MEMORIES: inputs.previous_masks if inputs.spatial is not None else None,
        }
        for group, value in given.items():
            if value is not None and group not in table.reads:
                raise ModelInputError(f"this behaviour of the decoder has no {group.value.replace('_', ' ')}")
        sets = inputs.num_sets
        available = {group for group, value in given.items() if value is not None} | {Group.OBJECT_QUERIES}
        if inputs.grounding is not None:
            available.add(Group.GROUNDING_QUERIES)
        if inputs.spatial is not None:
            available.add(Group.SPATIAL_QUERIES)
        wanted = groups if groups is not None else frozenset(QUERY_GROUPS)
        present = table.reachable(wanted & table.reads.keys()) & available
        content = self.query_feat.weight.expand(sets, -1, -1)
        positions = self.query_embed.weight.expand(sets, -1, -1)
        result = [
            RowGroup(group, content, positions)
            for group in (Group.OBJECT_QUERIES, Group.GROUNDING_QUERIES)
            if group in present
        ]
        if Group.SPATIAL_QUERIES in present and inputs.spatial is not None:
            result.append(self._spatial_queries(inputs.spatial, content, positions, table, draws))
        if Group.SPATIAL_MEMORIES in present:
            slots = (self.spatial_featured.weight, self.spatial_embed.weight)
            result.append(RowGroup(Group.SPATIAL_MEMORIES, *(w.expand(sets, -1, -1) for w in slots)))
        for group, text in ((Group.GROUNDING_TOKENS, inputs.grounding), (Group.AUDIO_TOKENS, inputs.audio)):
            if text is not None and group in present:
                result.append(text_rows(group, text))
        return Rows(result, table)

    def _spatial_queries(
        self, spatial: PointPrompts, content: Tensor, positions: Tensor, table: AttentionTable, draws: Draws
    ) -> RowGroup:
        if table.rows_per_object is None:
            return RowGroup(Group.SPATIAL_QUERIES, content, positions)
        count = spatial.objects_per_set
        index = draws.query_rows(count, table.rows_per_object, self.num_queries).to(content.device)
        owners = torch.arange(count, device=content.device).repeat_interleave(table.rows_per_object)
        return RowGroup(Group.SPATIAL_QUERIES, content[:, index], positions[:, index], owners=owners[None])

    @staticmethod
    def _memory_owners(num_objects: int, table: AttentionTable, draws: Draws) -> Tensor | None:
        return draws.memory_owners(num_objects, MEMORY_SLOTS) if table.rows_per_object is not None else None

    def _images(self, features: PixelFeatures) -> list[Keys]:
        """Per level, what keys and values are projected from: (1, h * w, C) each."""
        result = []
        for feature_map, embed in zip(features.levels, self.level_embed.weight, strict=True):
            values = feature_map.flatten(2).transpose(1, 2) + embed
            result.append((values + sine_positions(feature_map).flatten(2).transpose(1, 2), values))
        return result

    def _token_keys(self, prompts: PointPrompts, layer: int) -> Keys:
        """Keys and values of prompt tokens; their position is the token itself, so the key's input is twice it."""
        if prompts.keys is not None:
            return prompts.keys[layer]
        tokens = prompts.tokens[layer % NUM_LEVELS]
        attention = self.self_attention[layer].self_attn
        keys: Keys = attention.project_keys(2 * tokens, tokens)
        return keys

    def attention_logits(self, x: Tensor, coarse: Tensor) -> Tensor:
        """(S, R, h * w): the mask logits of rows (S, R, C) on mask features (1, C, h, w)."""
        return torch.matmul(self.mask_embed(self.decoder_norm(x)), coarse[0].flatten(1))

    def readable_pixels(self, x: Tensor, coarse: Tensor) -> Tensor:
        """(S, R, h * w) bool: the pixels inside each row's current mask, at one level's resolution."""
        return self.attention_logits(x, coarse) >= 0


def _memory_pixels(masks: Tensor, size: tuple[int, int], owners: Tensor | None) -> Tensor:
    """(S, slots or 1, h * w) bool: pixels inside the previous masks (S, n, H/4, W/4)."""
    inside = F.interpolate(masks, size, mode="bilinear", align_corners=False).flatten(2) >= 0
    return inside if owners is None else inside[:, owners.to(inside.device)]
