"""Events of a sequence: found again, painted while absent, gone over to another object."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.events import object_events
from eval.overlaps import FrameOverlaps, overlaps_of
from tests.eval.layouts import save_sequence
from tests.eval.random_tracks import random_tracks
from vos.cli.main import main


def frames_of(truth: np.ndarray, predicted: np.ndarray) -> list[FrameOverlaps]:
    return [overlaps_of(*pair) for pair in zip(truth, predicted, strict=True)]


def volume(*rows: str) -> np.ndarray:
    """One frame a row; each digit is a block of 4 x 4 pixels of that label."""
    small = np.array([[int(digit) for digit in row] for row in rows], np.uint8)
    return np.repeat(np.repeat(small[:, None, :], 4, axis=1), 4, axis=2)


def test_a_return_counts_the_frames_until_the_object_is_found() -> None:
    truth = volume("10", "00", "00", "01", "01", "01", "00", "10", "00", "10")
    predicted = volume("10", "00", "10", "00", "10", "01", "00", "00", "00", "10")
    events = object_events(frames_of(truth, predicted), 1)
    assert events.returns == 3
    assert events.found_after == (2, None, 0)
    assert (events.false_frames, events.absent_frames) == (1, 4)
    assert events.switches == 0


def test_a_mask_on_another_object_is_one_switch_however_long_it_stays() -> None:
    truth = volume("120", "120", "120", "120", "120", "120")
    predicted = volume("120", "210", "210", "120", "010", "001")
    first, second = (object_events(frames_of(truth, predicted), key) for key in (1, 2))
    assert first.switches == 2 and second.switches == 1
    assert first.returns == second.returns == 0


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_the_truth_itself_is_found_at_once_and_never_switches(seed: int) -> None:
    truth, _ = random_tracks(seed)
    for object_id in range(1, 6):
        events = object_events(frames_of(truth, truth), object_id)
        assert all(after == 0 for after in events.found_after) and len(events.found_after) == events.returns
        assert events.false_frames == events.switches == 0
        assert events.absent_frames == sum(object_id not in frame for frame in truth)


@given(st.integers(0, 10_000))
@settings(max_examples=60)
def test_an_object_is_found_before_it_leaves_again_or_not_at_all(seed: int) -> None:
    frames = frames_of(*random_tracks(seed))
    for object_id in range(1, 6):
        events = object_events(frames, object_id)
        present = len(frames) - events.absent_frames
        assert all(after is None or 0 <= after < present for after in events.found_after)
        assert events.false_frames <= events.absent_frames


def test_the_command_reports_events_where_ids_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_sequence(tmp_path / "truth" / "clip", volume("120", "020", "120", "120"))
    save_sequence(tmp_path / "results" / "clip", volume("120", "120", "210", "120"))
    with pytest.raises(SystemExit, match="0"):
        main(["eval", "events", str(tmp_path / "results"), "--truth", str(tmp_path / "truth"), "--json"])
    document = json.loads(capsys.readouterr().out)
    first, second = document["sequences"]["clip"]
    assert first["found_after"] == [1] and first["false_frames"] == 1 and first["switches"] == 1
    assert second["switches"] == 1 and second["returns"] == 0
    assert document["overall"] == {
        "returns": 1,
        "found_again": 1,
        "found_within_5": 1,
        "median_frames_until_found": 1,
        "absent_frames": 1,
        "false_frames": 1,
        "switches": 2,
    }
