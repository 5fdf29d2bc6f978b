"""MOSEv2: equal to its public scorer, and its measures by their definitions."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import evaluate
from eval.adaptive import adaptive_counts, count_adaptive, smoothed_similarity, tolerance_radii
from eval.errors import DatasetError
from eval.masks import LabelMap
from eval.measures import boundary_measure
from eval.report import ObjectScores
from eval.visibility import find_runs, mean_over_runs
from tests.eval.layouts import save_sequence
from tests.eval.random_clips import random_clip

# Per object of `random_clip`: J, F_new, F, J and F_new while absent, J and F_new after the return, as computed by
# MOSEv2/sam2_rcms/tools/score.py of henghuiding/MOSE-api (its chunks of 15 frames joined) with scikit-image 0.26.
OFFICIAL: dict[str, list[float | None]] = json.loads(
    (Path(__file__).parent / "mosev2_scores.json").read_text(encoding="utf-8")
)
SEEDS = sorted({int(name.split("_")[0]) for name in OFFICIAL})


def write(root: Path, seed: int, *, meta: bool = True) -> None:
    truth, predicted = random_clip(seed)
    save_sequence(root / "train" / "Annotations" / "clip", truth)
    save_sequence(root / "predictions" / "clip", predicted)
    if meta:
        ids = [key.split("_")[1] for key in OFFICIAL if key.startswith(f"{seed}_")]
        videos = {"clip": {"length": len(truth), "objects": ids}}
        (root / "train" / "meta.json").write_text(json.dumps({"videos": videos}), encoding="utf-8")


def numbers(row: ObjectScores) -> list[float | None]:
    series, runs = row.series, find_runs(row.series.area == 0)
    assert series.classic_f is not None
    return [
        row.j.mean,
        row.f.mean,
        float(np.mean(series.classic_f)),
        *(mean_over_runs(values, kind) for kind in (runs.absences, runs.returns) for values in (series.j, series.f)),
    ]


@pytest.mark.parametrize("first", range(0, len(SEEDS), 10))
def test_equals_the_public_scorer_on_random_clips(tmp_path: Path, first: int) -> None:
    for seed in SEEDS[first : first + 10]:
        root = tmp_path / str(seed)
        write(root, seed)
        report = evaluate(root / "predictions", dataset="mosev2", root=root)
        found = {f"{seed}_{row.series.object_id}": numbers(row) for row in report.objects}
        assert found.keys() == {name for name in OFFICIAL if name.startswith(f"{seed}_")}
        for name, values in found.items():
            assert [value is None for value in values] == [value is None for value in OFFICIAL[name]]
            assert values == pytest.approx(OFFICIAL[name], abs=1e-9)


def test_the_headline_has_the_columns_of_the_scorer(tmp_path: Path) -> None:
    write(tmp_path, 3)
    report = evaluate(tmp_path / "predictions", dataset="mosev2", root=tmp_path)
    headline = dict(report.headline)
    assert list(headline) == ["J&F_new", "J", "F_new", "disappear-J&F_new", "reappear-J&F_new", "F", "J&F"]
    absent = [(row[3] + row[4]) / 2 for row in official_rows(3) if row[3] is not None and row[4] is not None]
    assert headline["disappear-J&F_new"] == pytest.approx(np.mean(absent))
    assert headline["J&F"] == pytest.approx((headline["J"] + headline["F"]) / 2)


def official_rows(seed: int) -> list[list[float | None]]:
    return [row for name, row in OFFICIAL.items() if name.startswith(f"{seed}_")]


def test_without_a_meta_file_the_objects_are_those_of_the_annotations(tmp_path: Path) -> None:
    write(tmp_path, 2, meta=False)
    report = evaluate(tmp_path / "predictions", dataset="mosev2", root=tmp_path)
    shown = set(np.unique(random_clip(2)[0]).tolist()) - {0}
    assert {row.series.object_id for row in report.objects} == shown
    assert "no meta.json" in report.notes[-1]


def test_a_meta_file_without_the_video_is_named(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / "train" / "meta.json").write_text('{"videos": {"other": {"objects": ["1"]}}}', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"meta\.json: the video clip has no list"):
        evaluate(tmp_path / "predictions", dataset="mosev2", root=tmp_path)


@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_the_tolerance_grows_with_the_object_up_to_that_of_davis(height: int, width: int, data: st.DataObject) -> None:
    areas = sorted(data.draw(st.lists(st.integers(1, height * width), min_size=2, max_size=5)))
    radii = [tolerance_radii(height, width, area=area) for area in areas]
    assert [adaptive for _, adaptive in radii] == sorted(adaptive for _, adaptive in radii)
    for (classic, adaptive), area in zip(radii, areas, strict=True):
        assert adaptive <= classic <= math.ceil(0.008 * math.hypot(height, width))
        assert adaptive == min(math.ceil(0.1 * math.sqrt(area)), 0.008 * float(np.linalg.norm((height, width))))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_f_counts_boundary_pixels_with_another_one_within_the_tolerance(seed: int) -> None:
    """The definition written down pixel by pixel, where the tolerance is a whole number."""
    chance = np.random.default_rng(seed)
    masks = [np.zeros((40, 60), np.uint8) for _ in range(2)]
    for mask in masks:
        y, x, h, w = chance.integers(1, 18, 4).tolist()
        mask[y : y + h, x : x + w] = 1
    predicted, true = masks
    height, width = 40, 60
    radius = tolerance_radii(height, width, area=int(true.sum()))[1]
    if radius != int(radius):
        return
    edges = [
        {
            (r, c)
            for r, c in product(range(height - 1), range(width - 1))
            if len(set(mask[r : r + 2, c : c + 2].ravel().tolist())) == 2
        }
        for mask in masks
    ]

    def share(of: set[tuple[int, int]], near: set[tuple[int, int]]) -> float:
        return sum(any(math.dist(a, b) <= radius for b in near) for a in of) / len(of)

    precision, recall = share(edges[0], edges[1]), share(edges[1], edges[0])
    expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    counts = adaptive_counts(count_adaptive(LabelMap(predicted), LabelMap(true), (1,)))
    assert boundary_measure(counts)[0] == pytest.approx(expected, abs=1e-12)
    shared, joined = int((predicted & true).sum()), int((predicted | true).sum())
    assert smoothed_similarity(counts)[0] == (shared + 1) / (joined + 1)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_runs_cover_every_frame_after_the_first_run(absent: list[bool]) -> None:
    runs = find_runs(np.array(absent))
    both = sorted([*runs.absences, *runs.returns], key=lambda run: run.start)
    covered = [frame for run in both for frame in run]
    first_change = next((i for i, value in enumerate(absent) if value != absent[0]), len(absent))
    assert covered == list(range(first_change, len(absent)))
    assert all(absent[frame] for run in runs.absences for frame in run)
    assert not any(absent[frame] for run in runs.returns for frame in run)


def test_a_run_counts_once_whatever_its_length() -> None:
    values = np.array([0.1, 1.0, 1.0, 1.0, 0.1, 0.0])
    runs = find_runs(np.array([False, True, True, True, False, True]))
    assert mean_over_runs(values, runs.absences) == pytest.approx(0.5)
    assert mean_over_runs(values, runs.returns) == pytest.approx(0.1)
    assert mean_over_runs(values, ()) is None
