"""HOTA and IDF1: equal to TrackEval, and what they do to simple mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.errors import DatasetError, MaskFileError, MissingPredictionsError
from eval.hota import HotaCounts, hota_counts, sum_counts
from eval.identity import IdentityCounts, identity_counts, sum_identities
from eval.overlaps import FrameOverlaps, overlaps_of, read_overlaps
from tests.eval.layouts import save_sequence
from tests.eval.random_tracks import random_tracks
from vos.cli.main import main

# HOTA, DetA, AssA (means over the thresholds) and IDF1 of `random_tracks`, by TrackEval 1.3.0; "all": combined.
OFFICIAL: dict[str, list[float]] = json.loads((Path(__file__).parent / "track_scores.json").read_text(encoding="utf-8"))


def frames_of(truth: np.ndarray, predicted: np.ndarray) -> list[FrameOverlaps]:
    return [overlaps_of(*pair) for pair in zip(truth, predicted, strict=True)]


def numbers(hota: HotaCounts, identity: IdentityCounts) -> list[float]:
    return [hota.hota, hota.det_a, hota.ass_a, identity.idf1]


def scores(truth: np.ndarray, predicted: np.ndarray) -> list[float]:
    frames = frames_of(truth, predicted)
    return numbers(hota_counts(frames), identity_counts(frames))


def test_equals_trackeval_on_random_tracks_and_on_all_together() -> None:
    counts = []
    for seed in range(100):
        frames = frames_of(*random_tracks(seed))
        counts.append((hota_counts(frames), identity_counts(frames)))
        assert numbers(*counts[-1]) == pytest.approx(OFFICIAL[str(seed)], abs=1e-9), seed
    overall = sum_counts(hota for hota, _ in counts), sum_identities(identity for _, identity in counts)
    assert numbers(*overall) == pytest.approx(OFFICIAL["all"], abs=1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_overlaps_are_those_of_the_definition(seed: int) -> None:
    truth, predicted = random_tracks(seed)
    for true, guess in zip(truth[:3], predicted[:3], strict=True):
        found = overlaps_of(true, guess)
        assert found.true_ids.tolist() == sorted(set(true.ravel().tolist()) - {0})
        assert found.predicted_ids.tolist() == sorted(set(guess.ravel().tolist()) - {0})
        for i, a in enumerate(found.true_ids):
            for j, b in enumerate(found.predicted_ids):
                shared, joined = ((true == a) & (guess == b)).sum(), ((true == a) | (guess == b)).sum()
                assert found.iou[i, j] == shared / joined


@given(st.integers(0, 10_000), st.permutations(range(1, 10)))
@settings(max_examples=40)
def test_other_ids_for_the_same_tracks_change_nothing(seed: int, ids: list[int]) -> None:
    truth, predicted = random_tracks(seed)
    renamed = np.array([0, *ids], np.uint8)[predicted]
    assert scores(truth, renamed) == pytest.approx(scores(truth, predicted), abs=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_scores_are_in_the_unit_interval_and_one_for_the_truth_itself(seed: int) -> None:
    truth, predicted = random_tracks(seed)
    assert all(0 <= value <= 1 for value in scores(truth, predicted))
    if truth.any():
        assert scores(truth, truth) == pytest.approx([1, 1, 1, 1])


def test_a_switch_of_identities_costs_association_but_no_detection() -> None:
    truth = np.zeros((10, 20, 40), np.uint8)
    truth[:, 2:10, 2:10], truth[:, 2:10, 25:33] = 1, 2
    predicted = truth.copy()
    predicted[5:] = np.array([0, 2, 1], np.uint8)[truth[5:]]
    hota, det_a, ass_a, idf1 = scores(truth, predicted)
    assert det_a == 1
    # Every track is matched with each of two tracks in half of the frames: 5 / (10 + 10 - 5).
    assert ass_a == pytest.approx(1 / 3) and hota == pytest.approx((1 / 3) ** 0.5)
    assert idf1 == pytest.approx(0.5)


def test_the_command_prints_sequences_and_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (1, 2, 3):
        truth, predicted = random_tracks(seed)
        save_sequence(tmp_path / "truth" / f"s{seed}", truth)
        save_sequence(tmp_path / "results" / f"s{seed}", predicted)
    arguments = ["eval", "tracks", str(tmp_path / "results"), "--truth", str(tmp_path / "truth")]
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    for seed in (1, 2, 3):
        assert list(document["sequences"][f"s{seed}"].values()) == pytest.approx(OFFICIAL[str(seed)], abs=1e-9)
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    assert capsys.readouterr().out.splitlines()[-1].split()[:2] == ["all", "sequences"]


def test_void_is_taken_out_and_masks_of_255_are_one_object(tmp_path: Path) -> None:
    truth = np.zeros((2, 8, 8), np.uint8)
    truth[:, :4, :4] = 1
    truth[0, 4:, :] = 255
    predicted = np.where(truth == 1, 3, 0).astype(np.uint8)
    predicted[0, 6:, :] = 4
    save_sequence(tmp_path / "truth", truth)
    save_sequence(tmp_path / "results", predicted)
    assert [frame.predicted_ids.tolist() for frame in read_overlaps(tmp_path / "truth", tmp_path / "results")] == [
        [3],
        [3],
    ]
    save_sequence(tmp_path / "binary", np.where(truth == 1, 255, 0))
    (first, _) = read_overlaps(tmp_path / "binary", tmp_path / "results")
    assert first.true_ids.tolist() == [255] and first.iou[0].tolist() == [1.0, 0.0]


def test_files_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    save_sequence(tmp_path / "truth", np.ones((2, 8, 8), np.uint8))
    save_sequence(tmp_path / "results", np.ones((1, 8, 8), np.uint8))
    with pytest.raises(MissingPredictionsError, match=r"00001\.png"):
        list(read_overlaps(tmp_path / "truth", tmp_path / "results"))
    save_sequence(tmp_path / "results", np.ones((2, 8, 9), np.uint8))
    with pytest.raises(MaskFileError, match="9x8 pixels"):
        list(read_overlaps(tmp_path / "truth", tmp_path / "results"))
    with pytest.raises(DatasetError, match="no mask"):
        list(read_overlaps(tmp_path / "nothing", tmp_path / "results"))
