"""Boundaries, dilation, J and F agree with their definitions, and behave as measures must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eval import baseline
from eval.bitplanes import boundary, count, count_pairs, dilate
from eval.counting import count_all_pairs, count_by_id
from eval.masks import LabelMap, MaskStack, window_of
from eval.measures import MaskCounts, boundary_measure, region_similarity, tolerance_radius

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def label_maps(draw: st.DrawFn, count: int = 2, objects: int = 3) -> list[np.ndarray]:
    """Label maps of one size: blocks (so that there are interiors) with some single pixels changed."""
    height, width = draw(sizes)
    block = draw(st.integers(1, 9))
    maps = []
    for _ in range(count):
        shape = (-(-height // block), -(-width // block))
        coarse = draw(arrays(np.uint8, shape, elements=st.integers(0, objects)))
        labels = np.kron(coarse, np.ones((block, block), np.uint8))[:height, :width]
        for y, x, value in draw(
            st.lists(
                st.tuples(st.integers(0, height - 1), st.integers(0, width - 1), st.integers(0, objects)), max_size=5
            )
        ):
            labels[y, x] = value
        maps.append(labels)
    return maps


def j_and_f(predicted: np.ndarray, true: np.ndarray, ids: tuple[int, ...] = (1,)) -> tuple[list[float], list[float]]:
    counts = MaskCounts(*count_by_id(LabelMap(predicted), LabelMap(true), ids))
    return region_similarity(counts).tolist(), boundary_measure(counts).tolist()


def brute_force_f(predicted: np.ndarray, true: np.ndarray) -> float:
    """F by comparing every boundary pixel with every other; the definition and nothing else."""

    def edge_points(mask: np.ndarray) -> list[tuple[int, int]]:
        h, w = mask.shape
        block = [(0, 0), (0, 1), (1, 0), (1, 1)]
        return [
            (y, x)
            for y in range(h)
            for x in range(w)
            if len({bool(mask[min(y + dy, h - 1), min(x + dx, w - 1)]) for dy, dx in block}) == 2
        ]

    radius = int(np.ceil(0.008 * np.linalg.norm(true.shape)))
    p, t = edge_points(predicted), edge_points(true)
    if not p or not t:
        return float(not p and not t)
    near = [[(a - c) ** 2 + (b - d) ** 2 <= radius**2 for c, d in t] for a, b in p]
    precision, recall = sum(map(any, near)) / len(p), sum(map(any, zip(*near, strict=True))) / len(t)
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


@settings(max_examples=60, deadline=None)
@given(label_maps())
def test_j_and_f_agree_with_the_definition_written_down_naively(maps: list[np.ndarray]) -> None:
    predicted, true = maps
    j, f = j_and_f(predicted, true, (1, 2, 3))
    for index in range(3):
        p, t = predicted == index + 1, true == index + 1
        assert j[index] == ((p & t).sum() / (p | t).sum() if (p | t).any() else 1.0)
        assert f[index] == brute_force_f(p, t)


@settings(max_examples=60, deadline=None)
@given(label_maps())
def test_j_and_f_do_not_care_which_side_is_the_prediction(maps: list[np.ndarray]) -> None:
    assert j_and_f(*maps, ids=(1, 2, 3)) == j_and_f(*maps[::-1], ids=(1, 2, 3))


@settings(max_examples=60, deadline=None)
@given(label_maps())
def test_j_and_f_lie_between_zero_and_one_and_are_one_for_a_perfect_mask(maps: list[np.ndarray]) -> None:
    predicted, true = maps
    assert all(0 <= value <= 1 for values in j_and_f(predicted, true, (1, 2, 3)) for value in values)
    assert j_and_f(true, true, (1, 2, 3)) == ([1.0] * 3, [1.0] * 3)


@settings(max_examples=40, deadline=None)
@given(label_maps(), st.tuples(*[st.integers(1, 9)] * 4))
def test_background_around_masks_changes_nothing(maps: list[np.ndarray], margins: tuple[int, ...]) -> None:
    """One pixel of background all around first: at the edge of the frame a mask has no boundary."""
    top, bottom, left, right = margins
    framed = [np.pad(labels, 1) for labels in maps]
    wider = [np.pad(labels, ((top, bottom), (left, right))) for labels in framed]
    assert tolerance_radius(*framed[0].shape) == tolerance_radius(*wider[0].shape) == 1
    assert j_and_f(*framed, ids=(1, 2, 3)) == j_and_f(*wider, ids=(1, 2, 3))


def test_empty_masks_follow_the_rules_of_the_protocol() -> None:
    empty, box, full = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.uint8), np.ones((30, 40), np.uint8)
    box[5:20, 5:20] = 1
    assert j_and_f(empty, empty) == ([1.0], [1.0])
    assert j_and_f(empty, box) == j_and_f(box, empty) == ([0.0], [0.0])
    assert j_and_f(empty, full) == ([0.0], [1.0]), "a full frame has no boundary either"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_dilation_reaches_exactly_the_disc(height: int, width: int, radius: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = np.where(rng.random((height, width)) < 0.02, rng.integers(1, 256, (height, width)), 0).astype(np.uint8)
    expected = np.zeros_like(planes)
    for y, x in np.argwhere(planes):
        yy, xx = np.mgrid[:height, :width]
        expected[(yy - y) ** 2 + (xx - x) ** 2 <= radius**2] |= planes[y, x]
    assert np.array_equal(dilate(planes, radius), expected)


@settings(max_examples=40, deadline=None)
@given(arrays(np.uint8, sizes))
def test_each_bit_has_the_boundary_of_its_own_mask(planes: np.ndarray) -> None:
    edges = boundary(planes)
    for bit in range(8):
        assert np.array_equal((edges >> bit) & 1, baseline.boundary((planes >> bit) & 1 == 1))


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: st.tuples(*[arrays(np.uint8, s)] * 2)))
def test_counts_are_pixel_counts(planes: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = planes
    bits_a, bits_b = ([(x >> bit) & 1 for bit in range(8)] for x in (a, b))
    assert count(a, 8).tolist() == [int(x.sum()) for x in bits_a]
    assert count_pairs(a, b, 8, 5).tolist() == [[int((x & y).sum()) for y in bits_b[:5]] for x in bits_a]


@settings(max_examples=25, deadline=None)
@given(label_maps(objects=19))
def test_all_pairs_contain_the_comparison_by_id(maps: list[np.ndarray]) -> None:
    """More than sixteen masks, so that they need three bytes a pixel."""
    predicted, true = LabelMap(maps[0]), LabelMap(maps[1])
    pairs = count_all_pairs(predicted, true, 20, 19)
    ids = tuple(range(1, 20))
    assert np.array_equal(pairs[:, range(19), range(19)], count_by_id(predicted, true, ids))
    swapped = count_all_pairs(true, predicted, 20, 20)
    assert np.array_equal(swapped[[0, 1]], count_all_pairs(predicted, true, 20, 20)[[0, 1]].transpose(0, 2, 1))


@settings(max_examples=25, deadline=None)
@given(label_maps())
def test_masks_given_one_by_one_count_like_a_label_map(maps: list[np.ndarray]) -> None:
    def stack(labels: np.ndarray) -> MaskStack:
        return MaskStack(labels.shape, {k: (labels == k).view(np.uint8) for k in (1, 2, 3) if (labels == k).any()})

    by_map = count_by_id(LabelMap(maps[0]), LabelMap(maps[1]), (1, 2, 3))
    assert np.array_equal(by_map, count_by_id(stack(maps[0]), stack(maps[1]), (1, 2, 3)))
    assert np.array_equal(
        count_all_pairs(LabelMap(maps[0]), LabelMap(maps[1]), 3, 3),
        count_all_pairs(stack(maps[0]), stack(maps[1]), 3, 3),
    )


def test_window_is_the_bounding_box_and_one_pixel_more_and_works_for_ids_above_255() -> None:
    labels = np.zeros((20, 30), np.uint16)
    assert window_of(labels) is None
    labels[5:8, 10:15] = 256
    assert window_of(labels) == (slice(4, 9), slice(9, 16))
    labels[0, 0] = 1
    assert window_of(labels) == (slice(0, 9), slice(0, 16))


@pytest.mark.parametrize(
    ("height", "width", "radius"),
    [(480, 854, 8), (480, 910, 9), (480, 1152, 10), (1080, 1920, 18), (600, 800, 8), (300, 400, 4), (75, 100, 1)],
)
def test_tolerance_grows_with_the_diagonal(height: int, width: int, radius: int) -> None:
    assert tolerance_radius(height, width) == tolerance_radius(width, height) == radius
