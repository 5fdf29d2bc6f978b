"""Visual sampler tokens of an annotated view (SEEM section 3.2); the PyTorch side is `VisualSampler`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from seem_model.compact.config import CompactConfig
from seem_model.compact_onnx.geometry import sine_position


@dataclass(frozen=True, slots=True, eq=False)
class OnnxReference:
    """Tokens of annotated views: (O, P, dim) float32, and (O, P) float32 log-confidence."""

    tokens: np.ndarray
    bias: np.ndarray

    def select(self, slots: Sequence[int | None]) -> Self:
        """The same tokens for another list of objects; zeros for None."""
        if list(slots) == list(range(len(self.tokens))):
            return self
        tokens = np.zeros((len(slots), *self.tokens.shape[1:]), np.float32)
        bias = np.zeros((len(slots), *self.bias.shape[1:]), np.float32)
        for row, slot in enumerate(slots):
            if slot is not None:
                tokens[row], bias[row] = self.tokens[slot], self.bias[slot]
        return type(self)(tokens, bias)

    def to_arrays(self) -> dict[str, np.ndarray]:
        return {"tokens": self.tokens, "bias": self.bias}


def sample_tokens(
    weights: Mapping[str, np.ndarray], config: CompactConfig, context: np.ndarray, masks: np.ndarray
) -> OnnxReference:
    """Features under the masks and around them, with their position in the image.

    Args:
        weights: The network's, by name.
        config: Its sizes.
        context: (1, dim, h, w) float32 image features.
        masks: (O, 4h, 4w) float32 in [0, 1].
    """
    dim, height, width = context.shape[1:]
    cells = height * width
    cover = masks.reshape(len(masks), height, 4, width, 4).mean((2, 4), dtype=np.float32).reshape(-1, cells)
    image = (context.reshape(dim, cells) + sine_position((height, width), dim)[0]).T
    projected = image @ weights["sampler.projection.weight"].T + weights["sampler.projection.bias"]
    order = _spread(cells)
    tokens, confidences = [], []
    for side, count in enumerate((config.foreground_tokens, config.background_tokens)):
        share = cover if side == 0 else 1 - cover
        # Fully covered cells first, in an order that spreads over the image; partly covered ones after them.
        score = (share > 0.5) * np.float32(1) + share * np.float32(0.5) + order * np.float32(0.4)
        chosen = np.argsort(-score, 1, kind="stable")[:, :count]
        tokens.append(projected[chosen] + weights["sampler.sides"][side])
        confidences.append(np.log(np.take_along_axis(share, chosen, 1).clip(1e-4, None)))
    return OnnxReference(
        np.concatenate(tokens, 1).astype(np.float32), np.concatenate(confidences, 1).astype(np.float32)
    )


def _spread(count: int) -> np.ndarray:
    """(count,) pseudo-random but fixed numbers in [0, 1): the fractional parts of multiples of an irrational."""
    fractions: np.ndarray = np.modf(np.arange(count) * 0.7548776662466927)[0]
    return fractions.astype(np.float32)
