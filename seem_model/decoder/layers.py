"""The three sub-layers of a decoder layer; post-norm, keys as in the release."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seem_model.configs import HIDDEN_DIM, NUM_HEADS
from seem_model.layers import MultiheadAttention


class CrossAttention(nn.Module):
    """Rows read the image."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = MultiheadAttention(HIDDEN_DIM, NUM_HEADS)
        self.norm = nn.LayerNorm(HIDDEN_DIM)

    def forward(self, x: Tensor, positions: Tensor, keys: tuple[Tensor, Tensor], readable: Tensor) -> Tensor:
        """
        Args:
            x: (S, R, C)
            positions: (S, R, C)
            keys: Keys and values of the image, (1, heads, N, C / heads) each.
            readable: (S, R, N) bool; every row reads something.

        Returns:
            (S, R, C)
        """
        # Rows do not see each other here, so the rows of all sets form one batch element and share the keys.
        flat = (x + positions).flatten(0, 1)[None]
        read = self.multihead_attn.attend(flat, *keys, readable.flatten(0, 1)[None, None])
        result: Tensor = self.norm(x + read.view_as(x))
        return result


class SelfAttention(nn.Module):
    """Rows read each other and the prompt tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(HIDDEN_DIM, NUM_HEADS)
        self.norm = nn.LayerNorm(HIDDEN_DIM)

    def forward(
        self, x: Tensor, positions: Tensor, token_keys: list[tuple[Tensor, Tensor]], readable: Tensor | None
    ) -> Tensor:
        """
        Args:
            x: (S, R, C)
            positions: (S, R, C)
            token_keys: Projected keys and values of further tokens, (S, heads, T, C / heads) each.
            readable: (S, R, R + sum T) bool, or None if everything is readable.

        Returns:
            (S, R, C)
        """
        located = x + positions
        own_keys, own_values = self.self_attn.project_keys(located, x)
        keys = _join([own_keys, *(k for k, _ in token_keys)])
        values = _join([own_values, *(v for _, v in token_keys)])
        read = self.self_attn.attend(located, keys, values, None if readable is None else readable[:, None])
        result: Tensor = self.norm(x + read)
        return result


class FeedForwardLayer(nn.Module):
    """Two linear layers with ReLU, residual and norm."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(HIDDEN_DIM, 4 * HIDDEN_DIM)
        self.linear2 = nn.Linear(4 * HIDDEN_DIM, HIDDEN_DIM)
        self.norm = nn.LayerNorm(HIDDEN_DIM)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x))))
        return result


def _join(parts: list[Tensor]) -> Tensor:
    """Concatenation along the token axis of (S, heads, T_i, d)."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
