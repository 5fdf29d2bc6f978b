"""Cleaning of masks: what goes, what stays, and that runs of it can be repeated."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from vos.results import FrameResult
from vos.tracking.cleaning import CleanPolicy, clean_labels, grow_labels
from vos.tracking.steady import steady_masks
from vos.video import Frame

HEIGHT, WIDTH = 240, 320


def body(object_id: int = 1) -> np.ndarray:
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    cv2.circle(labels, (110, 120), 60, object_id, -1)
    return labels


def parts(labels: np.ndarray) -> int:
    return int(cv2.connectedComponents((labels > 0).astype(np.uint8), connectivity=8)[0]) - 1


def test_an_island_far_from_its_object_goes() -> None:
    labels = body()
    labels[20:23, 290:293] = 1
    assert np.array_equal(clean_labels(labels, CleanPolicy("light")), body())


def test_off_leaves_everything() -> None:
    labels = body()
    labels[20:23, 290:293] = 1
    assert clean_labels(labels, CleanPolicy("off")) is labels


@pytest.mark.parametrize("level", ["light", "strong"])
def test_a_second_part_that_is_large_stays(level: str) -> None:
    labels = body()
    labels[20:40, 270:290] = 1
    assert np.array_equal(clean_labels(labels, CleanPolicy(level)), labels)


def test_a_string_of_dots_that_leads_to_a_kite_stays_and_is_tied() -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    labels[100:180, 20:100] = 1
    labels[10:30, 270:300] = 1
    for step in range(1, 18):
        labels[140 - 6 * step : 143 - 6 * step, 100 + 10 * step : 103 + 10 * step] = 1
    light = clean_labels(labels, CleanPolicy("light"))
    assert np.array_equal(light, labels)
    assert parts(labels) > 15
    strong = clean_labels(labels, CleanPolicy("strong"))
    assert parts(strong) == 1
    assert np.all(strong[labels == 1] == 1)


def test_strong_fills_a_pinhole_and_leaves_a_gap_at_the_border() -> None:
    labels = body()
    labels[118:121, 108:111] = 0
    labels[118:121, 165:168] = 0
    strong = clean_labels(labels, CleanPolicy("strong"))
    assert strong[119, 109] == 1
    assert strong[119, 166] == 0


def test_filling_takes_no_pixel_of_another_object() -> None:
    labels = body()
    labels[118:121, 108:111] = 2
    assert np.all(clean_labels(labels, CleanPolicy("strong"), exact=[2])[118:121, 108:111] == 2)


def test_what_the_user_drew_is_not_cleaned() -> None:
    labels = body(7)
    labels[20:23, 290:293] = 7
    assert clean_labels(labels, CleanPolicy("strong", min_area=50), exact=[7]) is labels


def test_min_area_counts_pixels() -> None:
    labels = body()
    labels[20:30, 290:300] = 1
    assert np.array_equal(clean_labels(labels, CleanPolicy("off", min_area=100)), labels)
    assert np.array_equal(clean_labels(labels, CleanPolicy("off", min_area=101)), body())


def test_borders_move_by_whole_pixels_and_stop_at_other_objects() -> None:
    labels = np.zeros((40, 60), np.uint16)
    labels[10:20, 10:20] = 1
    labels[10:20, 23:33] = 2
    grown = grow_labels(labels, 2)
    assert np.all(grown[15, 8:21] == 1)
    assert np.all(grown[15, 22:35] == 2)
    assert not grown[15, :8].any()
    assert np.array_equal(np.flatnonzero(grown[:, 15] == 1), np.arange(8, 22))
    shrunk = grow_labels(labels, -2)
    assert np.array_equal(np.flatnonzero(shrunk[15] == 1), np.arange(12, 18))


def test_the_edge_of_the_picture_is_no_border() -> None:
    labels = np.zeros((40, 60), np.uint16)
    labels[:10] = 1
    assert np.array_equal(np.flatnonzero(grow_labels(labels, -3)[:, 5]), np.arange(7))


def test_an_object_without_pixels_is_nothing_to_clean() -> None:
    empty = np.zeros((HEIGHT, WIDTH), np.uint16)
    for policy in (CleanPolicy("strong", 5, 3), CleanPolicy("light", 0, -3)):
        assert not clean_labels(empty, policy).any()


def moving(flicker: int | None = None, count: int = 7) -> list[tuple[Frame, FrameResult]]:
    """A disc that moves fast; in one frame a hole is torn into it."""
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    items = []
    for index in range(count):
        labels = np.zeros((HEIGHT, WIDTH), np.uint16)
        cv2.circle(labels, (40 + 40 * index, 120), 18, 1, -1)
        if index == flicker:
            labels[110:125, 40 + 40 * index : 50 + 40 * index] = 0
            labels[0:4, 0:4] = 1
        items.append(
            (Frame(index, index, Fraction(1), rgb), FrameResult(index, index, Fraction(1), labels, (1,), (1.0,)))
        )
    return items


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_steady_masks_keep_a_fast_object_and_every_frame(reach: int) -> None:
    given = moving()
    steady = list(steady_masks(given, reach))
    assert [frame.index for frame, _ in steady] == list(range(7))
    for (_, before), (_, after) in zip(given, steady, strict=True):
        assert np.array_equal(before.labels, after.labels)


def test_a_frame_that_flickers_goes_with_its_neighbours() -> None:
    whole = moving()[3][1].labels
    steady = list(steady_masks(moving(flicker=3), 2))[3][1].labels
    wrong = np.count_nonzero(steady != whole)
    assert wrong < np.count_nonzero(moving(flicker=3)[3][1].labels != whole) / 3
    kept = list(steady_masks(moving(flicker=3), 2, keep=[3]))[3][1].labels
    assert np.array_equal(kept, moving(flicker=3)[3][1].labels)


def test_steady_masks_look_no_further_ahead_than_asked() -> None:
    taken = 0

    def counted() -> object:
        nonlocal taken
        for item in moving():
            taken += 1
            yield item

    next(iter(steady_masks(counted(), 2)))  # type: ignore[arg-type]
    assert taken == 3
