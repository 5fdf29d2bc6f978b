"""The visual sampler (SEEM section 3.2): strokes and masks, on this or another image, become point features.

Any shape a user draws is a set of pixels. Each sampled pixel gives one token per level, and the mean mask feature
over the pixels is the vector that selects the answer among the queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seem_model.decoder.inputs import PointPrompts
from seem_model.decoder.sampling import Draws
from seem_model.errors import ModelInputError
from seem_model.pixel_decoders import PixelFeatures

MAX_POINTS = 512


@dataclass(frozen=True)
class SamplerWeights:
    """Learned parts of the sampler.

    Attributes:
        level_embed: (levels, C) added to the maps of each level.
        level_projections: Per level, (C, C).
        polarity: (2, C): added to positive and to negative tokens.
    """

    level_embed: Tensor
    level_projections: tuple[Tensor, ...]
    polarity: Tensor


@dataclass(frozen=True)
class _Points:
    """Points of one set of rows: (N, 2) y, x as fractions of the padded size, and their objects (N,)."""

    yx: Tensor
    owners: Tensor


def _draw(masks: Tensor, draws: Draws) -> _Points:
    """Up to `MAX_POINTS` points of (n, H, W) masks.

    Parity: coordinates are divided by the size without half a pixel, and sampled with align_corners=True.
    """
    found = masks.nonzero()
    owners, pixels = found[:, 0], found[:, 1:]
    if len(found):
        index = draws.points(pixels, owners, MAX_POINTS).to(found.device)
        owners, pixels = owners[index], pixels[index]
    size = torch.tensor(masks.shape[1:], device=masks.device)
    return _Points(pixels / size, owners)


def _sample(feature_map: Tensor, points: _Points) -> Tensor:
    """(1, C, h, w) and N points -> (N, C), bilinear."""
    grid = (2 * points.yx.flip(1) - 1).to(feature_map.dtype)[None, :, None]
    return F.grid_sample(feature_map, grid, align_corners=True)[0, :, :, 0].t()


def _mean_vectors(feature_map: Tensor, points: _Points, num_objects: int, empty_value: float) -> Tensor:
    """(n, C): the mean feature over the points of each object; `empty_value` where there are none."""
    sampled = _sample(feature_map, points)
    vectors = []
    for index in range(num_objects):
        mine = sampled[points.owners == index]
        vectors.append(mine.mean(0) if len(mine) else torch.full_like(feature_map[0, :, 0, 0], empty_value))
    return torch.stack(vectors)


def sample_points(
    features: PixelFeatures,
    positive: Tensor,
    negative: Tensor | None,
    *,
    weights: SamplerWeights,
    shared_rows: bool,
    empty_value: float,
    draws: Draws,
) -> PointPrompts:
    """Point features of n objects on one image.

    Args:
        features: Of one image (batch 1), the one that was drawn on.
        positive: (n, H, W) bool at the padded size: what each object's prompt covers.
        negative: (n, H, W) bool: what it must not cover; None for nothing.
        weights: Learned parameters.
        shared_rows: True puts all objects into one set (v1), False gives each a set of its own.
        empty_value: Component value of the mean vector of an object without points.
        draws: How points are chosen where there are more than `MAX_POINTS`.

    Raises:
        ModelInputError: If the masks are not (n, H, W) of the size that the features were made of.
    """
    size = features.mask_features.size
    if negative is None:
        negative = torch.zeros_like(positive)
    if positive.shape != negative.shape or tuple(positive.shape[1:]) != (4 * size[0], 4 * size[1]):
        raise ModelInputError(
            f"prompt masks are {tuple(positive.shape)} and {tuple(negative.shape)}, "
            f"but the padded image is {4 * size[0]} x {4 * size[1]}"
        )
    sets_positive = [positive] if shared_rows else list(positive[:, None])
    sets_negative = [negative] if shared_rows else list(negative[:, None])
    full = features.mask_features.full

    def mean_of(sets: list[Tensor]) -> Tensor:
        drawn = [_draw(masks, draws) for masks in sets]
        return torch.stack([_mean_vectors(full, p, len(m), empty_value) for p, m in zip(drawn, sets, strict=True)])

    positive_means, negative_means = mean_of(sets_positive), mean_of(sets_negative)
    tokens, owners = [], []
    for level, feature_map in enumerate(features.levels):
        level_points = zip(
            [_draw(masks, draws) for masks in sets_positive],
            [_draw(masks, draws) for masks in sets_negative],
            strict=True,
        )
        level_tokens, level_owners = [], []
        for pos, neg in level_points:
            # Sampling and projection are linear and commute; sampling first projects points instead of maps.
            both = torch.cat((_sample(feature_map, pos), _sample(feature_map, neg)))
            polarity = torch.cat(
                (weights.polarity[:1].expand(len(pos.yx), -1), weights.polarity[1:].expand(len(neg.yx), -1))
            )
            level_tokens.append((both + weights.level_embed[level]) @ weights.level_projections[level] + polarity)
            level_owners.append(torch.cat((pos.owners, neg.owners)))
        tokens.append(pad_sequence(level_tokens, batch_first=True))
        owners.append(pad_sequence(level_owners, batch_first=True, padding_value=-1))
    return PointPrompts(
        tokens=tuple(tokens),
        padding=owners[0] < 0,
        owners=tuple(owners),
        positive=positive_means,
        negative=negative_means,
    )
