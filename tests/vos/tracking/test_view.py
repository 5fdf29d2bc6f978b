"""Views: the same points in the source, in the network's input, and on mask grids."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vos.tracking.view import View, resize_area, whole_frame


def test_a_view_that_changes_no_size_is_a_plain_cut() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    view = View(7, 5, 32, 24, columns=32, rows=24)
    assert np.array_equal(view.crop(frame), frame[5:29, 7:39])


def test_area_is_averaged_where_a_side_shrinks_and_kept_where_it_does_not() -> None:
    image = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert np.array_equal(resize_area(image, (2, 2)), [[0.5, 2.5], [4.5, 6.5]])
    tall = resize_area(image, (4, 2))
    assert np.allclose(tall[[0, -1]], [[0.5, 2.5], [4.5, 6.5]])


def test_a_map_of_the_source_comes_to_the_grid_by_the_share_of_each_cell() -> None:
    mask = np.zeros((16, 16), bool)
    mask[4:9, 4:8] = True
    grid = View(4, 4, 8, 8, columns=32, rows=32).crop_map(mask, (2, 2))
    assert np.allclose(grid, [[1, 0], [0.25, 0]])


@given(
    x=st.integers(0, 40),
    y=st.integers(0, 30),
    width=st.integers(24, 60),
    height=st.integers(18, 45),
    other_x=st.integers(0, 40),
    other_y=st.integers(0, 30),
)
@settings(max_examples=40, deadline=None)
def test_a_blob_keeps_its_place_in_the_source_from_view_to_view(
    x: int, y: int, width: int, height: int, other_x: int, other_y: int
) -> None:
    """The centre of mass, in source pixels, is the same on both grids, to a fraction of a cell."""
    view = View(x, y, width, height, columns=64, rows=48)
    target = View(min(x, other_x), min(y, other_y), width + 30, height + 20, columns=64, rows=48)
    size = (48, 64)
    rows, columns = np.mgrid[0:48, 0:64]
    blob = np.exp(-((rows - 22.0) ** 2 + (columns - 30.0) ** 2) / 30).astype(np.float32)
    moved = view.transfer(blob[None], target, size)[0]
    if blob_is_inside(view, target):
        here = centre(blob, view)
        there = centre(moved, target)
        cell = target.width / size[1]
        assert abs(here[0] - there[0]) < 0.35 * cell and abs(here[1] - there[1]) < 0.35 * cell


def blob_is_inside(view: View, target: View) -> bool:
    return view.x + view.width <= target.x + target.width and view.y + view.height <= target.y + target.height


def centre(grid: np.ndarray, view: View) -> tuple[float, float]:
    rows, columns = np.mgrid[0 : grid.shape[0], 0 : grid.shape[1]]
    total = grid.sum()
    x = ((columns + 0.5) * grid).sum() / total * view.width / grid.shape[1] + view.x
    y = ((rows + 0.5) * grid).sum() / total * view.height / grid.shape[0] + view.y
    return float(x), float(y)


def test_a_transfer_to_the_same_view_changes_nothing_and_beyond_the_view_is_nothing() -> None:
    view = View(0, 0, 20, 20, columns=40, rows=40)
    grid = np.ones((1, 10, 10), np.float32)
    assert view.transfer(grid, view, (10, 10)) is grid
    beside = View(20, 0, 20, 20, columns=40, rows=40)
    assert not view.overlaps(beside)
    assert view.transfer(grid, beside, (10, 10))[0, :, 1:].max() == 0
    assert view.transfer(grid, beside, (10, 10), outside=-5.0)[0, :, 1:].max() == -5


def test_the_whole_frame_is_enlarged_to_its_own_size() -> None:
    view = whole_frame(30, 50, (32, 64))
    assert view.box == (slice(0, 30), slice(0, 50))
    assert view.enlarge(np.zeros((8, 16), np.float32)).shape == (30, 50)
