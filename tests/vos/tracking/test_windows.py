"""Windows: where objects are looked for, and who shares a view."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seem_model.compact.view_sizes import input_sizes
from vos.tracking.cuts import is_cut, signature_of
from vos.tracking.sharing import share_views
from vos.tracking.view import View
from vos.tracking.windows import (
    Box,
    Frame,
    Window,
    WindowPolicy,
    around,
    box_of,
    box_of_pixels,
    follow,
    is_near,
    search,
)

FRAME = Frame(480, 854, tuple(input_sizes(480, 854, 256)))
POLICY = WindowPolicy()


def frame_of(height: int, width: int) -> Frame:
    return Frame(height, width, tuple(input_sizes(height, width, 256)))


def test_a_window_leaves_room_around_its_object_and_is_centred_on_it() -> None:
    view = FRAME.view(around(Box(300, 200, 400, 260), FRAME, POLICY))
    assert view.x <= 300 - 20 and view.x + view.width >= 400 + 20
    assert abs(view.x + view.width / 2 - 350) <= 1 and abs(view.y + view.height / 2 - 230) <= 1


def test_a_tall_object_gets_a_tall_window() -> None:
    tall = around(Box(400, 20, 480, 460), FRAME, POLICY)
    wide = around(Box(100, 200, 700, 300), FRAME, POLICY)
    assert tall.rows > tall.columns and wide.columns > wide.rows
    assert tall.zoom < FRAME.everything.zoom


def test_a_window_zooms_slowly_and_a_tiny_object_is_not_magnified_without_end() -> None:
    big = around(Box(100, 50, 700, 450), FRAME, POLICY)
    following = follow(big, Box(400, 200, 410, 210), FRAME, POLICY)
    assert following.zoom == pytest.approx(big.zoom / POLICY.narrow_rate)
    for _ in range(120):
        following = follow(following, Box(400, 200, 410, 210), FRAME, POLICY)
    assert following.zoom == pytest.approx(1 / POLICY.max_magnification)


def test_only_a_window_that_hardly_moved_serves_a_frame_later() -> None:
    window = Window(100, 80, 0.5, rows=96, columns=160)
    assert is_near(window, window)
    assert is_near(window, replace(window, x=103.5, y=76.5))
    assert not is_near(window, replace(window, x=104.5))
    assert not is_near(window, replace(window, y=75.5))


def test_a_lost_object_is_looked_for_in_all_of_the_frame_and_in_every_tile() -> None:
    seen = around(Box(400, 200, 430, 230), FRAME, POLICY)
    searched = np.zeros((480, 854), bool)
    whole = zoomed = 0
    sizes = []
    for missing in range(1, 40):
        view = FRAME.view(search(seen, missing, FRAME, POLICY))
        sizes.append(view.width)
        whole += view.width == 854
        if view.width < 854 and missing > 12:
            zoomed += 1
            searched[view.box] = True
    assert sizes[:4] == sorted(sizes[:4]) and max(sizes) == 854
    assert whole > 10 and zoomed > 10 and searched.all()


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
    zoom=st.floats(1e-3, 1e3),
    size=st.integers(0, 5),
)
def test_a_view_lies_within_its_frame(height: int, width: int, x: float, y: float, zoom: float, size: int) -> None:
    frame = frame_of(height, width)
    rows, columns = frame.sizes[size % len(frame.sizes)]
    view = frame.view(Window(x, y, zoom, rows, columns))
    assert view.x >= 0 and view.x + view.width <= width and view.width >= 1
    assert view.y >= 0 and view.y + view.height <= height and view.height >= 1


@pytest.mark.parametrize(("height", "width"), [(2, 4000), (480, 4), (2000, 2), (1, 1), (4320, 7680)])
def test_the_cost_of_a_view_does_not_depend_on_how_long_or_large_a_frame_is(height: int, width: int) -> None:
    frame = frame_of(height, width)
    assert all(rows * columns <= 256 * 256 * 2.5 and rows % 32 == columns % 32 == 0 for rows, columns in frame.sizes)
    whole = frame.view(frame.everything)
    assert (whole.width, whole.height) == (width, height)


def test_the_box_of_a_mask_is_in_source_pixels_and_forgets_specks() -> None:
    grid = np.zeros((40, 60), np.float32)
    grid[10:20, 20:40] = 1
    grid[0, 0] = 1
    box = box_of(grid, View(100, 50, 120, 80, columns=240, rows=160))
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == (140, 70, 180, 90)
    assert box_of(grid * 0.4, View(0, 0, 60, 40, columns=240, rows=160)) is None
    mask = np.zeros((30, 30), bool)
    mask[3:9, 5:11] = True
    assert box_of_pixels(mask) == Box(5, 3, 11, 9)


def windows(*boxes: Box) -> dict[int, Window]:
    return {i: around(box, FRAME, POLICY) for i, box in enumerate(boxes, 1)}


def test_near_objects_share_a_view_and_far_ones_do_not() -> None:
    near = share_views(windows(Box(100, 100, 200, 200), Box(150, 110, 250, 210)), FRAME, POLICY)
    assert [shared.object_ids for shared in near] == [(1, 2)]
    far = share_views(windows(Box(50, 50, 120, 120), Box(700, 380, 780, 440)), FRAME, POLICY)
    assert [shared.object_ids for shared in far] == [(1,), (2,)]


def test_there_are_never_more_views_than_allowed_and_every_object_is_in_one() -> None:
    rng = np.random.default_rng(3)
    boxes = [Box(x, y, x + 40, y + 30) for x, y in zip(rng.uniform(0, 800, 20), rng.uniform(0, 440, 20), strict=True)]
    shared = share_views(windows(*boxes), FRAME, POLICY)
    assert len(shared) <= POLICY.max_views
    assert sorted(i for own in shared for i in own.object_ids) == list(range(1, 21))
    for own in shared:
        for object_id in own.object_ids:
            box = boxes[object_id - 1]
            assert own.view.x <= box.left + 1 and own.view.x + own.view.width >= box.right - 1
    assert len(share_views(windows(*boxes * 5), FRAME, POLICY)) <= POLICY.max_views


def test_who_shared_a_view_stays_together_a_little_longer() -> None:
    boxes = (Box(100, 100, 200, 200), Box(258, 100, 358, 200))
    apart = share_views(windows(*boxes), FRAME, POLICY)
    together = share_views(windows(*boxes), FRAME, POLICY, together=[(1, 2)])
    assert len(apart) == 2 and len(together) == 1


def test_a_cut_is_another_picture_and_motion_is_none() -> None:
    rng = np.random.default_rng(0)
    first = np.clip(rng.normal((200, 90, 40), 20, (120, 160, 3)), 0, 255).astype(np.uint8)
    other = np.clip(rng.normal((40, 90, 200), 20, (120, 160, 3)), 0, 255).astype(np.uint8)
    assert is_cut(signature_of(first), signature_of(other))
    assert not is_cut(signature_of(first), signature_of(np.roll(first, 9, axis=1)))
