"""The simulated user of training: marks lie in the error that they are about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.training.corrections import correct
from seem_model.video_model import PromptKind

SIDE = 64


def corrected(predicted: np.ndarray, wanted: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The two maps (SIDE, SIDE), and the kind, for one object."""
    logits = torch.from_numpy(np.where(predicted, 5.0, -5.0).astype(np.float32))[None, None]
    blank = torch.zeros(1, 1, SIDE, SIDE)
    truth = torch.from_numpy(wanted)[None, None]
    positive, negative, kind = correct(logits, truth, blank, blank, torch.tensor([seed]))
    return positive[0, 0].numpy(), negative[0, 0].numpy(), int(kind)


def block(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_a_part_that_is_missing_gets_a_positive_mark_on_it(seed: int) -> None:
    wanted = block(10, 50, 10, 50)
    positive, negative, _ = corrected(wanted & ~block(10, 50, 32, 50), wanted, seed)
    assert not negative.any()
    assert positive.any()
    assert (positive > 0)[wanted & block(0, 64, 32, 64)].sum() == (positive > 0).sum()


@pytest.mark.parametrize("seed", range(12))
def test_the_larger_error_is_marked(seed: int) -> None:
    wanted = block(10, 50, 10, 30)
    predicted = block(16, 50, 10, 30) | block(10, 60, 40, 60)
    positive, negative, kind = corrected(predicted, wanted, seed)
    assert not positive.any()
    assert (negative > 0)[block(10, 60, 40, 60)].sum() == (negative > 0).sum() > 0
    assert kind in (PromptKind.POINTS, PromptKind.STROKE)


def test_what_is_right_gets_no_mark() -> None:
    wanted = block(10, 50, 10, 30)
    positive, negative, _ = corrected(wanted, wanted, 0)
    assert not positive.any() and not negative.any()


def test_the_same_seed_makes_the_same_marks() -> None:
    wanted = block(10, 50, 10, 50)
    one, two = (corrected(block(10, 30, 10, 50), wanted, 5)[0] for _ in range(2))
    assert np.array_equal(one, two)
