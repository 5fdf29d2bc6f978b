"""Drawings of the simulated user are inside the object and locate it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.datasets.simulated_user import box_around, central_stroke, deepest_point

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24))).filter(lambda mask: bool(mask.any()))


def bar() -> np.ndarray:
    """A bar of 9 rows and 41 columns."""
    mask = np.zeros((40, 60), bool)
    mask[12:21, 8:49] = True
    return mask


def test_the_box_of_a_bar_is_its_outline() -> None:
    assert box_around(bar()) == (8, 12, 49, 21)


def test_the_point_of_a_bar_is_on_its_middle_line() -> None:
    x, y = deepest_point(bar())
    assert y == 16.5
    assert 12 < x < 45


def test_the_point_of_an_object_at_the_border_keeps_away_from_the_border() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:, :15] = True
    assert deepest_point(mask) == pytest.approx((7.5, 15), abs=8)
    assert 5 < deepest_point(mask)[0] < 10


def test_the_stroke_of_a_bar_runs_along_its_middle() -> None:
    stroke = central_stroke(bar())
    rows, columns = np.nonzero(stroke)
    inner = (columns >= 18) & (columns < 39)
    assert rows[inner].min() == 14 and rows[inner].max() == 18
    assert columns.max() - columns.min() >= 28
    assert stroke.sum() < 0.65 * bar().sum()


def test_the_stroke_leaves_thin_tails_out() -> None:
    mask = np.zeros((60, 60), bool)
    mask[10:40, 10:40] = True
    mask[24, 40:58] = True
    assert not central_stroke(mask)[24, 45:].any()


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_strokes_and_points_lie_in_the_object_and_boxes_hold_it(mask: np.ndarray) -> None:
    stroke = central_stroke(mask)
    assert stroke.any()
    assert not (stroke & ~mask).any()
    x, y = deepest_point(mask)
    assert mask[int(y), int(x)]
    x0, y0, x1, y1 = box_around(mask)
    assert mask.sum() == mask[y0:y1, x0:x1].sum()
    assert mask[y0, x0:x1].any() and mask[y1 - 1, x0:x1].any()
    assert mask[y0:y1, x0].any() and mask[y0:y1, x1 - 1].any()
