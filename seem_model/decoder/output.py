"""What comes out of a decoder pass; masks and class scores are computed when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seem_model.attention_table import AttentionTable, Group
from seem_model.mask_features import MaskFeatures


@dataclass(frozen=True)
class QueryOutput:
    """Final embeddings of one query group.

    Attributes:
        mask_embeddings: (S, Q, C): dotted with the mask features they give mask logits.
        class_embeddings: (S, Q, C): compared with text embeddings they give labels; not normalised.
    """

    mask_embeddings: Tensor
    class_embeddings: Tensor


@dataclass(frozen=True)
class DecoderOutput:
    """Answers of one pass over one image.

    Attributes:
        table: The behaviour that made them.
        queries: Per query group of the pass.
        mask_features: Of the image (batch 1).
    """

    table: AttentionTable
    queries: Mapping[Group, QueryOutput]
    mask_features: MaskFeatures

    def mask_logits(self, group: Group, rows: Tensor | None = None) -> Tensor:
        """Mask logits at 1/4 of the padded size.

        Args:
            group: Query group.
            rows: (S, k) int64 queries of each set; None for all.

        Returns:
            (S, k, H/4, W/4)
        """
        embeddings = self.queries[group].mask_embeddings
        if rows is not None:
            embeddings = embeddings.gather(1, rows[:, :, None].expand(-1, -1, embeddings.shape[2]))
        logits = self.mask_features.logits(embeddings.flatten(0, 1)[None])
        result: Tensor = logits[0].unflatten(0, embeddings.shape[:2])
        return result

    def point_scores(self, vectors: Tensor, group: Group | None = None) -> Tensor:
        """How well each query fits each object's prompt: its mean mask logit over the prompt's points.

        Args:
            vectors: (S, n, C) mean mask features at the points, on this or on a referring image.
            group: Query group; by default the one that answers spatial prompts.

        Returns:
            (S, n, Q); -inf where a query belongs to another object (v1).
        """
        embeddings = self.queries[group or self.table.spatial_queries].mask_embeddings
        scores = vectors @ embeddings.transpose(1, 2)
        rows_per_object = self.table.rows_per_object
        if rows_per_object is not None and group in (None, Group.SPATIAL_QUERIES):
            owners = torch.arange(scores.shape[2], device=scores.device) // rows_per_object
            objects = torch.arange(scores.shape[1], device=scores.device)
            scores = scores.masked_fill(owners[None] != objects[:, None], -torch.inf)
        return scores

    def text_scores(self, text_embeddings: Tensor, logit_scale: Tensor) -> Tensor:
        """Scaled cosine similarity of the queries that answer text to sentences.

        Args:
            text_embeddings: (S, t, C) or (t, C), one row per sentence.
            logit_scale: Scalar, logarithm of the factor, which is capped at 100.

        Returns:
            (S, t, Q)
        """
        embeddings = self.queries[self.table.text_queries].class_embeddings
        cosine = unit(text_embeddings) @ unit(embeddings).transpose(1, 2)
        return cosine * logit_scale.exp().clamp(max=100)

    def class_logits(self, text_embeddings: Tensor, logit_scale: Tensor, group: Group | None = None) -> Tensor:
        """Class scores before the softmax.

        Args:
            text_embeddings: (K + 1, C) unit rows: the classes, then "background".
            logit_scale: Scalar, logarithm of the factor; not capped here (parity).
            group: Query group; by default the object queries.

        Returns:
            (S, Q, K + 1)
        """
        embeddings = self.queries[group or Group.OBJECT_QUERIES].class_embeddings
        return logit_scale.exp() * unit(embeddings) @ text_embeddings.t()


def unit(x: Tensor) -> Tensor:
    """Rows divided by their length, which is enlarged by 1e-7 (parity)."""
    result: Tensor = x / (x.norm(dim=-1, keepdim=True) + 1e-7)
    return result
