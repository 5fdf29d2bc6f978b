"""The choices that the released code leaves to an unseeded random generator, made deterministic.

Released SEEM draws at inference: up to 512 points of a mask, three queries per object (v1) and the distribution of
memory slots over objects (v1). Here the points are spread evenly over the mask, the slots evenly over the objects,
and the queries come from a seed, so that the same input gives the same output. Tests inject recorded draws.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """The choices of one decoder pass."""

    def points(self, yx: Tensor, owners: Tensor, limit: int) -> Tensor:
        """Indices of at most `limit` of N > 0 points.

        Args:
            yx: (N, 2) int64 pixel coordinates.
            owners: (N,) int64: the object of each point, ascending.
            limit: Greatest number of points.

        Returns:
            (min(N, limit),) int64, in the order in which the points are to be used.
        """
        ...

    def query_rows(self, num_objects: int, rows_per_object: int, num_queries: int) -> Tensor:
        """(num_objects * rows_per_object,) int64 in [0, num_queries): the learned queries of each object (v1)."""
        ...

    def memory_owners(self, num_objects: int, num_slots: int) -> Tensor:
        """(num_slots,) int64, ascending, in [0, num_objects): the object of each memory slot (v1)."""
        ...


class EvenDraws:
    """Deterministic draws: even in space and over objects; queries from a seed.

    Args:
        seed: Chooses the queries in v1, nothing else.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def points(self, yx: Tensor, owners: Tensor, limit: int) -> Tensor:
        count = len(yx)
        if count <= limit:
            return torch.arange(count, device=yx.device)
        objects, counts = owners.unique(return_counts=True)
        chosen = []
        for owner, quota in zip(objects, fair_quotas(counts.tolist(), limit), strict=True):
            indices = (owners == owner).nonzero()[:, 0]
            along_curve = indices[morton_order(yx[indices])]
            step = torch.arange(quota, device=yx.device, dtype=torch.float64)
            chosen.append(along_curve[((step + 0.5) * (len(indices) / quota)).long()])
        return torch.cat(chosen).sort().values

    def query_rows(self, num_objects: int, rows_per_object: int, num_queries: int) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        return torch.cat(
            [torch.randperm(num_queries, generator=generator)[:rows_per_object] for _ in range(num_objects)]
        )

    def memory_owners(self, num_objects: int, num_slots: int) -> Tensor:
        return torch.arange(num_slots) * num_objects // num_slots


def fair_quotas(counts: list[int], limit: int) -> list[int]:
    """Shares `limit` among objects with so many points each, as evenly as their points allow.

    >>> fair_quotas([10, 500, 500], 300)
    [10, 145, 145]
    """
    quotas = [0] * len(counts)
    left = limit
    by_size = sorted(range(len(counts)), key=lambda i: counts[i])
    for position, index in enumerate(by_size):
        quotas[index] = min(counts[index], left // (len(counts) - position))
        left -= quotas[index]
    return quotas


def morton_order(yx: Tensor) -> Tensor:
    """Order of points along a Z-order curve: neighbours on the curve are neighbours in the image.

    Args:
        yx: (N, 2) int64, each in [0, 65536).

    Returns:
        (N,) int64 indices.
    """
    code = torch.zeros(len(yx), dtype=torch.int64, device=yx.device)
    for bit in range(16):
        code |= ((yx[:, 1] >> bit) & 1) << (2 * bit)
        code |= ((yx[:, 0] >> bit) & 1) << (2 * bit + 1)
    return code.argsort(stable=True)
