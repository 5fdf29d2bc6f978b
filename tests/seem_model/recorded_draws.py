"""What the golden files were made with besides weights: random draws of the released code, fake class names."""

from __future__ import annotations

import re
import zlib

import numpy as np
import torch
from torch import Tensor


class RecordedDraws:
    """The recorded draws in call order. To repeat a pass, put `next` back to what it was before.

    Args:
        golden: Holds `rand_<k>_<function>` arrays; none if nothing was drawn.
        sort_points: v1 draws points even if all are taken, and sorts them; the others draw only from more than
            the limit, and use the first of a permutation in its order.
    """

    def __init__(self, golden, *, sort_points: bool) -> None:
        names = sorted(name for name in golden.names if re.match(r"rand_\d+", name))
        self.next = 0
        self._draws = [torch.from_numpy(golden[name]) for name in names]
        self._sort_points = sort_points and bool(self._draws)

    @property
    def left(self) -> int:
        """How many recorded draws have not been asked for."""
        return len(self._draws) - self.next

    def _pop(self) -> Tensor:
        self.next += 1
        return self._draws[self.next - 1]

    def points(self, yx: Tensor, owners: Tensor, limit: int) -> Tensor:
        if self._sort_points:
            return self._pop().sort().values
        return torch.arange(len(yx)) if len(yx) <= limit else self._pop()[:limit]

    def query_rows(self, num_objects: int, rows_per_object: int, num_queries: int) -> Tensor:
        rows = self._pop()
        assert len(rows) == num_objects * rows_per_object
        return rows

    def memory_owners(self, num_objects: int, num_slots: int) -> Tensor:
        owners = self._pop().sort().values
        assert len(owners) == num_slots
        return owners


def fake_classes() -> Tensor:
    """(134, 512) unit rows in place of the class embeddings, which take 10854 sentences to compute."""
    rows = np.random.default_rng(zlib.crc32(b"default_text_embeddings")).standard_normal((134, 512))
    return torch.from_numpy((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
