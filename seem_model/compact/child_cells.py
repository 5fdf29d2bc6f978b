"""Read-out of masks at a finer level: cells compared only with the children of their parents' best matches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_EPS = 1e-6
# An object that less than this share of the attention may be read for takes its parent's answer.
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class CellMemory:
    """What N remembered parent cells hold about their four children.

    Attributes:
        keys: (B, N, 4, C), of any float type.
        masks: (B, O, N, 4) in [0, 1].
        valid: (B, O, N) 1 where an object may be read from the cell, else 0.
    """

    keys: Tensor
    masks: Tensor
    valid: Tensor


@dataclass(frozen=True, slots=True)
class Matches:
    """The n remembered parent cells that each of P parent cells looks into.

    Attributes:
        cells: (B, P, n) int64, numbers of parent cells.
        bias: (B, P, n) logits added to the correspondence with their children.
    """

    cells: Tensor
    bias: Tensor

    def best_children(self, weights: Tensor, count: int, scale: Tensor) -> Matches:
        """The matches of the children, for the next level.

        Args:
            weights: (B, P, 4, n*4) as `read_children` gives them.
            count: How many remembered children each child looks into.
            scale: Factor on the log of their weights, which becomes the bias.
        """
        batch, parents, _, candidates = weights.shape
        best = weights.topk(min(count, candidates), 3)
        owners = self.cells[:, :, None].expand(-1, -1, 4, -1).gather(3, best.indices // 4)
        children = owners * 4 + best.indices % 4
        bias = (best.values + _EPS).log() * scale
        return Matches(children.view(batch, parents * 4, -1), bias.view(batch, parents * 4, -1))


def read_children(query: Tensor, memory: CellMemory, matches: Matches, fallback: Tensor) -> tuple[Tensor, Tensor]:
    """Masks of the children of P parent cells.

    Args:
        query: (B, P, 4, C) keys of the children.
        memory: The remembered cells.
        matches: Where to look.
        fallback: (B, O, P) the parents' masks, for objects that cannot be read from any match.

    Returns:
        (B, O, P, 4) masks in [0, 1], and (B, P, 4, n*4) the attention, which sums to 1.
    """
    batch, parents, count = matches.cells.shape
    flat = matches.cells.flatten(1)
    # Row by row, because a gather along one dimension would write its index as large as the keys.
    candidates = torch.stack([memory.keys[b].flatten(1).index_select(0, flat[b]) for b in range(batch)])
    candidates = candidates.view(batch, parents, count * 4, -1).to(query.dtype)
    affinity = query @ candidates.transpose(2, 3)  # (B, P, 4, n*4)
    weights = (affinity + matches.bias.repeat_interleave(4, 2)[:, :, None]).softmax(3)

    valid = memory.valid[..., None].expand_as(memory.masks)
    stored = torch.stack([memory.masks * valid, valid], 2)  # (B, O, 2, N, 4)
    objects = stored.shape[1]
    stored = stored.movedim(3, 1).flatten(2)  # (B, N, O*2*4)
    gathered = torch.stack([stored[b].index_select(0, flat[b]) for b in range(batch)])
    gathered = gathered.view(batch, parents, count, objects * 2, 4).transpose(2, 3).flatten(3)  # (B, P, O*2, n*4)
    read = (weights @ gathered.transpose(2, 3)).view(batch, parents, 4, objects, 2)
    mask, share = read[..., 0], read[..., 1]
    parent = fallback.transpose(1, 2)[:, :, None]  # (B, P, 1, O)
    mask = torch.where(share > _LEAST_SHARE, mask / (share + _EPS), parent)
    return mask.permute(0, 3, 1, 2), weights
