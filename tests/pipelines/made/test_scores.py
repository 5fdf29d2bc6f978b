"""Scores of made clips, by trackers whose mistakes are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.made.clips import MadeSet
from pipelines.made.render import Frame
from pipelines.made.scores import ClipScorer, ClipScores
from pipelines.made.summary import by_factor, summarise

Labels = Callable[[int, np.ndarray], np.ndarray]


def scored(factor: str, labels_of: Labels, seed: int = 0) -> ClipScores:
    """Scores of a tracker that turns the true labels of frame t into `labels_of(t, labels)`."""
    made = MadeSet(seed=seed, clips=1, frames=40, height=144, width=256, factors=(factor,))
    tracked = made.scene(0).tracked
    scorer = ClipScorer(tracked)
    for index, frame in enumerate(made.render(0)):
        true = np.where(frame.figures <= tracked, frame.figures, np.uint8(0))
        scorer.add(frame, labels_of(index, true))
    return scorer.scores("clip", factor)


def perfect(_index: int, labels: np.ndarray) -> np.ndarray:
    return labels


@pytest.mark.parametrize("factor", ["return", "crossing", "cut", "crowd"])
def test_the_truth_itself_is_perfect(factor: str) -> None:
    found = scored(factor, perfect)
    assert found.j_and_f == 1 and all(found.kept) and set(found.found_after) <= {0} and not any(found.painted)
    assert found.frames == 40


def test_swapped_identities_are_not_kept() -> None:
    swap = np.array([0, 2, 1, 3], np.uint8)
    found = scored("crossing", lambda index, labels: labels if index < 8 else swap[labels])
    assert len(found.kept) >= 2 and not all(found.kept)


def test_an_object_that_is_lost_in_a_crossing_has_no_identity() -> None:
    found = scored("crossing", lambda index, labels: labels if index < 8 else np.zeros_like(labels))
    assert found.kept and not any(found.kept)


@pytest.mark.parametrize("late", [0, 3, 100])
def test_frames_until_found_again_count_from_the_return(late: int) -> None:
    """The tracker sees nothing from the departure until `late` frames after half of the object is back."""
    made = MadeSet(seed=0, clips=1, frames=40, height=144, width=256, factors=("return",))
    areas = [int((frame.figures == 1).sum()) for frame in made.render(0)]
    gone = areas.index(0)
    enters = next(t for t in range(gone, 40) if areas[t])
    half = next(t for t in range(enters, 40) if areas[t] >= max(areas[enters : enters + 10]) / 2)
    found = scored("return", lambda index, labels: np.zeros_like(labels) if gone <= index < half + late else labels)
    assert found.found_after == (late if half + late < 40 else None,)


def test_pixels_painted_while_absent_are_a_share_of_the_object() -> None:
    frames: list[Frame] = []
    for area in (8, 0, 0, 8):
        figures = np.zeros((8, 8), np.uint8)
        figures[0, :area] = 1
        frames.append(Frame(np.zeros((8, 8, 3), np.uint8), figures, {}))
    scorer = ClipScorer(1)
    painted = np.zeros((8, 8), np.uint8)
    painted[5, :2] = 1
    for index, frame in enumerate(frames):
        scorer.add(frame, painted if index == 1 else frame.figures)
    found = scorer.scores("clip", "test")
    assert found.painted == (0.25, 0.0)
    assert found.found_after == ()  # two frames are no absence
    assert found.j == pytest.approx(2 / 3)


def clip(factor: str, j: float, **values: object) -> ClipScores:
    return ClipScores(factor + str(j), factor, 1, 10, j, j, *values.get("rest", ((), (), ())), seconds=1.0)  # type: ignore[misc]


def test_summaries_add_up_events_and_average_clips() -> None:
    scores = [
        clip("a", 0.5, rest=((0, 9, None), (True, False), (0.0, 0.1))),
        clip("a", 0.7),
        clip("b", 0.9, rest=((), (True,), ())),
    ]
    first, second, overall = by_factor(scores)
    assert (first.factor, second.factor, overall.factor) == ("a", "b", "all")
    assert first.j_and_f == pytest.approx(0.6) and first.spread == pytest.approx(0.1) and second.spread is None
    assert (overall.returns, overall.found, overall.found_soon) == (3, 2, 1)
    assert (overall.crossings, overall.kept, overall.absent_frames) == (3, 2, 2)
    assert overall.painted == pytest.approx(0.05) and second.painted is None
    assert overall.milliseconds == pytest.approx(100)
    assert summarise(scores).j == pytest.approx(0.7)
