"""Prompts as values: what they accept, which pixels they mark, how they scale."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vos.errors import PromptError
from vos.prompts import (
    Box,
    Mask,
    Points,
    Polygon,
    Prompt,
    ReferenceImage,
    Stroke,
    Text,
    check_positive,
    check_prompts,
    object_ids_of,
    require_frame,
)

SQUARE = np.zeros((40, 60), dtype=bool)
SQUARE[10:20, 15:30] = True

sides = st.integers(1, 80)


def test_a_mask_knows_its_size_and_cannot_be_changed() -> None:
    pixels = SQUARE.copy()
    mask = Mask(pixels, object_id=3)
    pixels[:] = True
    assert mask.size == (60, 40)
    assert np.array_equal(mask.rasterise(60, 40), SQUARE)
    with pytest.raises(ValueError, match="read-only"):
        mask.pixels[0, 0] = True
    with pytest.raises(FrozenInstanceError):
        mask.object_id = 4  # type: ignore[misc]


def test_prompts_compare_by_value_and_ignore_where_they_came_from() -> None:
    assert Mask(SQUARE, source="a.png") == Mask(SQUARE.copy(), source="b.png")
    assert Mask(SQUARE) != Mask(~SQUARE)
    assert Mask(SQUARE) != Mask(SQUARE, object_id=2)
    assert Mask(SQUARE) != Stroke.painted(SQUARE)
    assert len({Box(0, 0, 1, 1), Box(0, 0, 1, 1), Box(0, 0, 1, 2)}) == 2


@pytest.mark.parametrize("bad", [0, -1, 65536, 1.5, True, "1"])
def test_object_ids_outside_1_to_65535_are_refused(bad: object) -> None:
    with pytest.raises(PromptError, match="object id"):
        Box(0, 0, 1, 1, object_id=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1, 0.5, True])
def test_frames_are_whole_numbers_from_zero(bad: object) -> None:
    with pytest.raises(PromptError, match="frame"):
        Box(0, 0, 1, 1, frame=bad)  # type: ignore[arg-type]


def test_a_prompt_for_another_size_names_both_sizes() -> None:
    with pytest.raises(PromptError, match=r"60x40.*frame has 640x480"):
        Mask(SQUARE, source="m.png").check(640, 480)
    with pytest.raises(PromptError, match=r"m\.png.*100x50.*64x48"):
        Box(1, 1, 5, 5, size=(100, 50), source="m.png").check(64, 48)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mask(np.zeros((4, 4), bool)),
        lambda: Stroke.painted(np.zeros((4, 4), bool)),
        lambda: Stroke((np.zeros((0, 2)),)),
        lambda: Points(np.zeros((0, 2))),
        lambda: Box(5, 5, 5, 9),
        lambda: Polygon(()),
        lambda: Text("   "),
    ],
)
def test_an_empty_prompt_is_refused_when_it_is_made(make: object) -> None:
    with pytest.raises(PromptError, match="empty"):
        make()  # type: ignore[operator]


def test_a_polygon_between_pixel_centres_is_refused_for_the_frame() -> None:
    sliver = Polygon((np.array([[2.1, 2.1], [2.3, 2.1], [2.3, 2.3]]),))
    with pytest.raises(PromptError, match="marks no pixel"):
        sliver.check(10, 10)


@pytest.mark.parametrize(
    "prompt",
    [
        Points(np.array([[64.0, 3.0]])),
        Points(np.array([[3.0, 3.0]]), np.array([[-1.0, 3.0]])),
        Box(64, 10, 70, 20),
        Polygon((np.array([[0, 0], [70, 0], [0, 40]]),)),
        Stroke((np.array([[5, 5], [5, 49.0]]),)),
    ],
)
def test_a_prompt_outside_the_image_names_the_point(prompt: Prompt) -> None:
    with pytest.raises(PromptError, match=r"outside the image: \(.*\) is not within 64x48"):
        prompt.check(64, 48)


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(PromptError, match="index map holds several objects"):
        Mask(np.arange(12).reshape(3, 4))
    with pytest.raises(PromptError, match="shape"):
        Mask(np.ones((3, 4, 3), bool))
    with pytest.raises(PromptError, match="pairs"):
        Points(np.ones((2, 3)))
    with pytest.raises(PromptError, match="finite"):
        Points(np.array([[np.nan, 1.0]]))
    with pytest.raises(PromptError, match="lines or painted"):
        Stroke()
    with pytest.raises(PromptError, match="width"):
        Stroke((np.array([[1.0, 1.0]]),), width=0)
    with pytest.raises(PromptError, match="no point"):
        Points(np.zeros((0, 2)))
    with pytest.raises(PromptError, match="at least 3 points"):
        Polygon((np.array([[0, 0], [4, 4]]),))
    with pytest.raises(PromptError, match="says that its size"):
        Mask(SQUARE, size=(10, 10))


@settings(deadline=None, max_examples=40)
@given(st.data(), sides, sides)
def test_a_box_and_the_polygon_of_its_corners_mark_the_same_pixels(
    data: st.DataObject, width: int, height: int
) -> None:
    x0, x1 = sorted(data.draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y0, y1 = sorted(data.draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    box = Box(x0, y0, x1, y1).rasterise(width, height)
    polygon = Polygon((np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]),)).rasterise(width, height)
    assert np.array_equal(box, polygon)
    assert box.sum() == (x1 - x0) * (y1 - y0)


def test_a_ring_inside_a_polygon_is_a_hole() -> None:
    outer, inner = (np.array([[a, a], [b, a], [b, b], [a, b]]) for a, b in ((2, 18), (6, 12)))
    marked = Polygon((outer, inner)).rasterise(20, 20)
    assert marked.sum() == 16 * 16 - 6 * 6
    assert not marked[8, 8]
    assert marked[3, 3]


@settings(deadline=None, max_examples=40)
@given(st.data(), sides, sides)
def test_points_and_strokes_mark_the_pixels_they_lie_in(data: st.DataObject, width: int, height: int) -> None:
    columns = st.integers(0, width - 1)
    rows = st.integers(0, height - 1)
    pixels = data.draw(st.lists(st.tuples(columns, rows), min_size=1, max_size=5))
    centres = np.array(pixels) + 0.5
    brush = data.draw(st.sampled_from([1.0, 2.0, 3.0, 5.0, 7.0]))
    for prompt in (Points(centres), Stroke((centres,), width=brush)):
        marked = prompt.rasterise(width, height)
        assert marked.shape == (height, width)
        assert marked.dtype == np.bool_
        assert all(marked[row, column] for column, row in pixels)
        assert np.array_equal(marked, prompt.rasterise(width, height))


def test_a_stroke_is_about_as_wide_as_its_brush() -> None:
    for brush in (1, 3, 5, 9):
        marked = Stroke((np.array([[10.5, 30.5], [90.5, 30.5]]),), width=brush).rasterise(100, 60)
        assert marked[:, 50].sum() == brush
        assert marked[30, 50]


def test_positive_and_negative_points_are_kept_apart() -> None:
    points = Points(np.array([[10.0, 10.0]]), np.array([[50.0, 30.0]]))
    positive, negative = points.rasterise(60, 40), points.rasterise_negative(60, 40)
    assert positive[10, 10]
    assert negative[30, 50]
    assert not (positive & negative).any()
    assert not Points(np.array([[1.0, 1.0]])).rasterise_negative(60, 40).any()


def test_discs_of_points_grow_with_the_picture() -> None:
    centre = np.array([[0.5, 0.5]])
    small = Points(centre * (160, 120)).rasterise(160, 120).sum()
    large = Points(centre * (1280, 960)).rasterise(1280, 960).sum()
    assert large > 20 * small > 0


@pytest.mark.parametrize(
    "prompt",
    [
        Mask(SQUARE),
        Stroke.painted(SQUARE),
        Stroke((np.array([[10.0, 10.0], [50.0, 30.0]]),), width=6, size=(60, 40)),
        Points(np.array([[20.5, 15.5]]), np.array([[5.0, 5.0]]), size=(60, 40)),
        Box(10, 12, 30, 36, size=(60, 40)),
        Polygon((np.array([[10, 10], [50, 10], [30, 36]]),), size=(60, 40)),
    ],
)
def test_a_rescaled_prompt_marks_the_rescaled_pixels(prompt: Prompt) -> None:
    doubled = prompt.rescaled(120, 80)
    doubled.check(120, 80)
    assert doubled.size == (120, 80)
    assert (doubled.object_id, doubled.frame) == (prompt.object_id, prompt.frame)
    small = prompt.rasterise(60, 40)  # type: ignore[attr-defined]
    large = doubled.rasterise(120, 80)  # type: ignore[attr-defined]
    rows, columns = np.nonzero(small)
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    rows, columns = np.nonzero(large)
    assert np.allclose([columns.mean() + 0.5, rows.mean() + 0.5], 2 * centre, atol=1.0)
    if not isinstance(prompt, Points):  # their discs follow the picture, with a smallest radius
        assert large.sum() == pytest.approx(4 * small.sum(), rel=0.25)


def test_a_prompt_without_a_size_cannot_be_rescaled() -> None:
    with pytest.raises(PromptError, match="does not say which size"):
        Box(0, 0, 4, 4).rescaled(10, 10)


def test_a_reference_image_checks_its_region_against_its_own_image() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    reference = ReferenceImage(image, Mask(SQUARE), object_id=2)
    assert np.array_equal(reference.region_mask(), SQUARE)
    reference.check(1920, 1080)
    with pytest.raises(PromptError, match="60x40"):
        ReferenceImage(np.zeros((80, 60, 3), np.uint8), Mask(SQUARE))
    with pytest.raises(PromptError, match="uint8"):
        ReferenceImage(image.astype(np.float32), Mask(SQUARE))


def test_text_is_kept_without_the_space_around_it() -> None:
    assert Text("  the rabbit ").text == "the rabbit"
    with pytest.raises(PromptError, match="at most 1000"):
        Text("a" * 1001)


def test_one_kind_of_prompt_per_object_and_frame() -> None:
    box, points = Box(1, 1, 5, 5), Points(np.array([[2.0, 2.0]]))
    check_prompts([box, points, Box(1, 1, 5, 5, object_id=2), Box(1, 1, 5, 5, frame=3)], 10, 10)
    with pytest.raises(PromptError, match=r"box of object 1 on frame 0 is given twice"):
        check_prompts([box, points, Box(2, 2, 6, 6)], 10, 10)
    with pytest.raises(PromptError, match="no prompt"):
        check_prompts([], 10, 10)
    with pytest.raises(PromptError, match="outside"):
        check_prompts([Box(11, 1, 50, 5)], 10, 10)


def test_negative_points_need_a_mark_on_the_object_in_the_same_frame() -> None:
    beside = Points(np.zeros((0, 2)), np.array([[1.0, 1.0]]), frame=3)
    check_positive([beside, Box(0, 0, 5, 5, frame=3)])
    with pytest.raises(PromptError, match="points of object 1 on frame 3 are all negative"):
        check_positive([beside, Box(0, 0, 5, 5, frame=4), Box(0, 0, 5, 5, frame=3, object_id=2)])


def test_prompts_on_later_frames_are_refused_where_only_the_first_is_supported() -> None:
    require_frame([Box(1, 1, 5, 5)])
    with pytest.raises(PromptError, match=r"is on frame 7, but only frame 0"):
        require_frame([Box(1, 1, 5, 5), Box(1, 1, 5, 5, frame=7)])


def test_object_ids_are_listed_once_in_order() -> None:
    assert object_ids_of([Box(0, 0, 1, 1, object_id=i) for i in (7, 2, 7, 65535)]) == (2, 7, 65535)
