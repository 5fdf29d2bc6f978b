"""Dice, and J and F by the size of the object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import evaluate
from eval.counting import count_all_pairs, count_by_id
from eval.dice import dice
from eval.json_report import report_json
from eval.masks import LabelMap
from eval.measures import MaskCounts, region_similarity
from eval.sizes import SIZES, scores_by_size
from tests.eval.layouts import save_davis17, save_sequence


def random_labels(seed: int, highest: int = 2) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    height, width = chance.integers(1, 30, 2).tolist()
    # Coarse blobs, so that masks overlap and at times are empty.
    small = chance.integers(0, highest + 1, (2, height // 4 + 1, width // 4 + 1), dtype=np.uint8)
    both = small.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]
    return both[0], both[1]


@given(st.integers(0, 2**32 - 1))
def test_dice_is_twice_the_shared_pixels_over_the_pixels_of_both(seed: int) -> None:
    predicted, true = random_labels(seed)
    counts = MaskCounts(*count_by_id(LabelMap(predicted), LabelMap(true), (1, 2)))
    for index, object_id in enumerate((1, 2)):
        a, b = predicted == object_id, true == object_id
        pixels = int(a.sum() + b.sum())
        assert dice(counts)[index] == (2 * int((a & b).sum()) / pixels if pixels else 1.0)
        assert counts.true_area[index] == b.sum()
    j = region_similarity(counts)
    assert dice(counts) == pytest.approx(2 * j / (1 + j), abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_areas_of_all_pairs_are_those_of_the_objects(seed: int) -> None:
    predicted, true = random_labels(seed, highest=5)
    counts = MaskCounts(*count_all_pairs(LabelMap(predicted), LabelMap(true), 5, 5))
    areas = [int((true == k).sum()) for k in range(1, 6)]
    if predicted.any() or true.any():
        assert counts.true_area.tolist() == [areas] * 5


@dataclass
class Scored:
    j: np.ndarray
    f: np.ndarray
    area: np.ndarray


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_every_frame_is_in_one_class_and_objects_count_alike(rows: list[list[tuple[int, float, float]]]) -> None:
    objects = [
        Scored(*(np.array(column) for column in zip(*((j, f, a) for a, j, f in row), strict=True))) for row in rows
    ]
    found = {item.size: item for item in scores_by_size(objects)}
    assert sum(item.frames for item in found.values()) == sum(len(row) for row in rows)
    begin = 0
    for size, end in SIZES:
        means = [[j for a, j, _ in row if begin <= a < end] for row in rows]
        means = [values for values in means if values]
        assert (size in found) == bool(means)
        if means:
            assert found[size].objects == len(means)
            assert found[size].j == pytest.approx(np.mean([np.mean(values) for values in means]))
        begin = end


def test_the_limits_are_those_of_coco() -> None:
    areas = np.array([0, 1, 32 * 32 - 1, 32 * 32, 96 * 96 - 1, 96 * 96])
    found = scores_by_size([Scored(np.linspace(0, 1, 6), np.linspace(0, 1, 6), areas)])
    assert [(item.size, item.frames) for item in found] == [("absent", 1), ("small", 2), ("medium", 2), ("large", 1)]
    assert found[1].j == pytest.approx(0.3)


def test_the_json_report_has_both(tmp_path: Path) -> None:
    truth = np.zeros((5, 200, 200), np.uint8)
    truth[:, :20, :20] = 1
    truth[:, 50:170, 50:170] = 2
    predicted = truth.copy()
    predicted[:, :20, :10] = 0
    predicted[3] = 0
    save_davis17(tmp_path / "DAVIS", {"a": truth})
    save_sequence(tmp_path / "results" / "a", predicted)
    document = json.loads(report_json(evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS")))
    assert [(item["size"], item["frames"]) for item in document["sizes"]] == [("small", 3), ("large", 3)]
    small, large = document["sizes"]
    assert small["j"] == pytest.approx((0.5 + 0.5 + 0) / 3) and large["j"] == pytest.approx(2 / 3)
    first, second = document["objects"]
    assert first["Dice"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3) and second["Dice"] == pytest.approx(2 / 3)
    assert first["area_per_frame"] == [400, 400, 400]
