"""Temporal stability: equal to the published code, and its parts by their definitions."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.contours import longest_contour, sample, simplify, trace_contours
from eval.errors import DatasetError
from eval.shape_context import align, histogram_costs, shape_contexts
from eval.stability import folder_stability, instability
from tests.eval.layouts import save_sequence
from tests.eval.random_pairs import random_pair, touches_at_a_corner
from vos.cli.main import main

# 5 times db_eval_t_stab of `random_pair`, computed by fperazzi/davis with its own contours (the C++ sources compiled)
# and an exact shortest path in place of Boost's, for pairs without pixels that touch at a corner only. Of 185 such
# pairs 172 were equal; in the other 13 two alignments cost the same, and the two programs took different ones.
OFFICIAL: dict[str, float] = json.loads((Path(__file__).parent / "stability_scores.json").read_text(encoding="utf-8"))

SEEDS = st.integers(0, 2**32 - 1)


def small_mask(seed: int) -> np.ndarray:
    """Blocks and single pixels, with holes, touching corners and the frame's border."""
    chance = np.random.default_rng(seed)
    height, width = chance.integers(1, 14, 2).tolist()
    mask: np.ndarray = chance.random((height, width)) < chance.choice([0.1, 0.5, 0.9])
    return mask


def test_equals_the_published_code() -> None:
    for seed, expected in OFFICIAL.items():
        assert instability(*random_pair(int(seed))) == pytest.approx(expected, abs=1e-9), seed
        assert not any(touches_at_a_corner(mask) for mask in random_pair(int(seed)))


@given(SEEDS)
def test_contours_are_closed_and_enclose_the_pixels_of_the_mask(seed: int) -> None:
    mask = small_mask(seed)
    contours = trace_contours(mask)
    enclosed = 0.0
    for contour in contours:
        assert (contour[0] == contour[-1]).all()
        assert (np.abs(np.diff(contour, axis=0)).sum(axis=1) == 1).all()
        rows, columns = contour.T
        enclosed += float((columns[:-1] * rows[1:] - columns[1:] * rows[:-1]).sum()) / 2
    assert enclosed == mask.sum()
    padded = np.pad(mask, 1)
    sides = int((padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum())
    assert sum(len(contour) - 1 for contour in contours) == sides


@given(SEEDS, st.sampled_from([0.3, 1.5, 4.0]))
def test_a_simplified_contour_keeps_its_ends_and_leaves_no_point_far_away(seed: int, tolerance: float) -> None:
    for contour in trace_contours(small_mask(seed)):
        simplified = simplify(contour, tolerance)
        assert (simplified[0] == contour[0]).all() and (simplified[-1] == contour[-1]).all()
        assert {tuple(point) for point in simplified.tolist()} <= {tuple(point) for point in contour.tolist()}
        for point in contour:
            # Points dropped for being near to one that was kept may be as far again from the polygon.
            assert min(distance(point, *ends) for ends in itertools.pairwise(simplified)) <= (2 * tolerance + 1e-6)


def distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    along = end - start
    length = float(along @ along)
    share = min(1.0, max(0.0, float((point - start) @ along) / length)) if length else 0.0
    return float(np.linalg.norm(point - start - share * along))


def test_sampled_points_are_at_most_the_spacing_apart() -> None:
    for seed in range(10):
        contour = longest_contour(random_pair(seed)[0], 1.5)
        assert contour is not None
        points = sample(contour, 3.0)
        assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() <= 3.0 + 1e-4
        assert {tuple(point) for point in contour.tolist()} <= {tuple(point) for point in points.tolist()}


def test_shape_contexts_do_not_change_with_place_or_scale() -> None:
    points = np.random.default_rng(0).normal(size=(40, 2))
    contexts = shape_contexts(points)
    assert (shape_contexts(4.0 * points + 64.0) == contexts).all()
    assert (contexts.sum(axis=1) <= 40).all() and (contexts.sum(axis=1) >= 1).all()
    costs = histogram_costs(contexts, contexts)
    assert costs == pytest.approx(costs.T) and (np.diag(costs) == 0).all()
    assert costs.min() >= 0 and costs.max() <= 1


@given(SEEDS)
@settings(max_examples=50)
def test_an_alignment_is_the_cheapest_path_from_the_first_pair_to_the_last(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows, columns = chance.integers(1, 8, 2).tolist()
    costs = chance.random((rows, columns))

    @cache
    def cheapest(i: int, j: int) -> float:
        if (i, j) == (0, 0):
            return 0.0
        before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
        return float(costs[i, j]) + min(cheapest(*pair) for pair in before if min(pair) >= 0)

    path = align(costs)
    assert path[0] == (rows - 1, columns - 1) and path[-1] == (0, 0)
    steps = {(a - c, b - d) for (a, b), (c, d) in itertools.pairwise(path)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    assert sum(costs[pair] for pair in path[:-1]) == pytest.approx(cheapest(rows - 1, columns - 1))


def test_a_mask_that_only_moves_is_perfectly_stable_and_flicker_is_not() -> None:
    mask = random_pair(3)[0]
    assert instability(mask, mask) == 0
    assert instability(mask, np.roll(mask, (2, 3), axis=(0, 1))) == 0
    flicker = mask & (np.arange(mask.shape[0])[:, None] % 9 > 2)
    assert instability(mask, flicker) > instability(*random_pair(0))
    assert np.isnan(instability(mask, np.zeros_like(mask)))


def test_objects_are_scored_by_themselves_and_only_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = random_pair(2)[0]
    volume = np.zeros((6, 90, 200), np.uint8)
    for frame in range(6):
        volume[frame, :, :120][first] = 1
    for frame in (1, 2, 4):
        volume[frame, :20, 150 : 170 + 5 * frame] = 2
    save_sequence(tmp_path / "clip", volume)
    one, two = folder_stability(tmp_path / "clip")
    assert (one.object_id, one.pairs, one.t) == (1, 3, 0.0)
    assert (two.object_id, two.pairs) == (2, 1) and two.t > 0
    assert [row.pairs for row in folder_stability(tmp_path / "clip", skip_ends=False)] == [5, 1]
    with pytest.raises(SystemExit, match="0"):
        main(["eval", "stability", str(tmp_path), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["T"] == pytest.approx((one.t + two.t) / 2)
    assert [row["object_id"] for row in document["objects"]] == [1, 2]


def test_a_folder_without_neighbouring_frames_is_refused(tmp_path: Path) -> None:
    save_sequence(tmp_path / "clip", np.ones((3, 8, 8), np.uint8))
    with pytest.raises(DatasetError, match="without the first and the last; at least two"):
        folder_stability(tmp_path / "clip")
    with pytest.raises(DatasetError, match=r"0 mask\(s\)"):
        folder_stability(tmp_path / "missing")
