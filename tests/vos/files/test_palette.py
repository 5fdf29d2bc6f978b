"""Object colours and overlays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vos.files.palette import DAVIS_PALETTE, colour_of, davis_index_of, paint_overlay


def test_the_palette_has_the_published_colours() -> None:
    expected = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)]
    assert [colour_of(i) for i in range(7)] == expected
    assert colour_of(8) == (64, 0, 0)
    assert colour_of(255) == (224, 224, 192)
    assert len(np.unique(DAVIS_PALETTE, axis=0)) == 256


def test_colours_repeat_above_255_without_background() -> None:
    assert colour_of(256) == colour_of(1)
    assert colour_of(510) == colour_of(255)
    assert davis_index_of((128, 128, 0)) == 3
    assert davis_index_of((255, 0, 0)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_an_overlay_leaves_the_background_and_mixes_the_objects(dtype: type) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    labels = np.zeros((40, 60), dtype)
    labels[10:30, 10:30] = 2
    original = rgb.copy()
    painted = paint_overlay(rgb, labels, opacity=0.5)
    assert np.array_equal(rgb, original)
    assert np.array_equal(painted[labels == 0], rgb[labels == 0])
    assert (painted[10, 10:30] == colour_of(2)).all(), "the contour is drawn in the pure colour"
    inner = painted[15:25, 15:25].astype(float)
    assert np.abs(inner - (rgb[15:25, 15:25] / 2.0 + np.array(colour_of(2)) / 2.0)).max() <= 1
    plain = paint_overlay(rgb, labels, contour=False)
    assert not (plain[10, 10:30] == colour_of(2)).all()


def test_neighbours_of_the_same_colour_are_told_apart_by_a_contour() -> None:
    labels = np.full((20, 40), 1, np.uint16)
    labels[:, 20:] = 256
    painted = paint_overlay(np.zeros((20, 40, 3), np.uint8), labels)
    assert (painted[5, 18:22] == colour_of(1)).all()
    assert not (painted[5, 10] == colour_of(1)).all()


def test_an_empty_overlay_is_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    painted = paint_overlay(rgb, np.zeros((40, 60), np.uint16))
    assert np.array_equal(painted, rgb)
    assert painted is not rgb


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_an_overlay_follows_its_definition_pixel_by_pixel(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    labels = np.zeros((height, width), np.uint16)
    for object_id in rng.choice([1, 2, 255, 256, 300, 65535], size=3, replace=False):
        y, x = rng.integers(0, height), rng.integers(0, width)
        labels[y : y + rng.integers(1, 15), x : x + rng.integers(1, 15)] = object_id
    painted = paint_overlay(rgb, labels, opacity=0.25)
    for row, column in np.ndindex(height, width):
        object_id = int(labels[row, column])
        around = labels[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        if object_id == 0:
            expected = rgb[row, column].astype(float)
        elif (around != object_id).any():
            expected = np.array(colour_of(object_id), float)
        else:
            expected = 0.75 * rgb[row, column] + 0.25 * np.array(colour_of(object_id))
        assert np.abs(painted[row, column] - expected).max() <= 0.5
