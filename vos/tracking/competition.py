"""How objects share pixels: soft aggregation (Oh et al., ICCV 2019, eq. 5), on numpy arrays."""

from __future__ import annotations

import numpy as np

_LEAST = 1e-5


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), float32, without overflow."""
    probability: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    return probability


def logit(probability: np.ndarray, least: float = 1e-4) -> np.ndarray:
    """Inverse of `sigmoid`; probabilities are kept away from 0 and 1 by `least`."""
    p = np.clip(probability, least, 1 - least)
    value: np.ndarray = np.log(p / (1 - p))
    return value


def aggregate(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (N, h, w) of objects alone -> (N, h, w) after they and the background have competed."""
    p = np.clip(probabilities, _LEAST, 1 - _LEAST)
    background = np.clip((1 - p).prod(0, keepdims=True), _LEAST, 1 - _LEAST)
    odds = p / (1 - p)
    shared: np.ndarray = odds / (odds.sum(0, keepdims=True) + background / (1 - background))
    return shared


def margins(logits: np.ndarray) -> np.ndarray:
    """Logits (N, h, w) of objects alone -> how far each lies above the background, as a difference of logits.

    The background has the odds of the product of the complements: log p = -sum of softplus(logit).
    """
    log_background = np.minimum(-np.log1p(np.exp(np.clip(logits, -30, 30))).sum(0), -1e-7)
    background = log_background - np.log1p(-np.exp(log_background))
    margin: np.ndarray = logits - background
    return margin.astype(np.float32)


def soft_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) overlap in [0, 1] of two (N, h, w) stacks of mask probabilities: sum of minima over sum of maxima."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    overlap: np.ndarray = np.minimum(a, b).sum(1) / np.clip(np.maximum(a, b).sum(1), 1e-3, None)
    return overlap
