"""J&F-AUC and J&F at 60 seconds from a table of interactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import DatasetError, EvalUsageError
from eval.interactive import Interaction, read_interactions, score_interactions


def rows(sequence: str, values: list[tuple[float, float]], objects: int = 1, frames: int = 2) -> list[Interaction]:
    """Interactions of (quality, seconds); the frames lie around the quality, so that means matter."""
    return [
        Interaction(sequence, 1, number, k + 1, frame, quality + (0.1 if frame else -0.1), quality, seconds)
        for number, (quality, seconds) in enumerate(values, start=1)
        for k in range(objects)
        for frame in range(frames)
    ]


def test_the_curve_starts_at_zero_and_holds_its_last_value_until_the_limit() -> None:
    scores = score_interactions(rows("a", [(0.5, 10.0), (0.7, 10.0)]), interactions=2)
    assert scores.times == pytest.approx((0, 10, 20, 30))
    assert scores.values == pytest.approx((0, 0.5, 0.7, 0.7))
    assert scores.auc == pytest.approx((10 * 0.25 + 10 * 0.6 + 10 * 0.7) / 30)
    assert scores.at_threshold == pytest.approx(0.7)


def test_the_value_at_the_threshold_is_interpolated() -> None:
    scores = score_interactions(rows("a", [(0.4, 50.0), (0.8, 20.0)]), interactions=2, seconds_per_object=100)
    assert scores.at_threshold == pytest.approx(0.6)


def test_a_sample_that_ends_early_keeps_its_result_at_no_cost() -> None:
    scores = score_interactions(rows("a", [(0.4, 8.0)]) + rows("b", [(0.6, 4.0), (0.8, 4.0)]), interactions=3)
    assert scores.values == pytest.approx((0, 0.5, 0.6, 0.6, 0.6))
    assert scores.times == pytest.approx((0, 6, 8, 8, 30))


def test_means_are_over_objects_and_the_limit_grows_with_their_number() -> None:
    scores = score_interactions(rows("a", [(0.3, 1.0)]) + rows("b", [(0.6, 1.0)], objects=3), interactions=1)
    assert scores.values[1] == pytest.approx((0.3 + 3 * 0.6) / 4)
    assert scores.times[-1] == 60.0, "30 seconds for each of the two objects that a sequence has on average"


@pytest.mark.parametrize(("metric", "value"), [("J", 0.6), ("F", 0.5), ("J_AND_F", 0.55)])
def test_the_metric_is_a_choice(metric: str, value: float) -> None:
    row = Interaction("a", 1, 1, 1, 0, 0.6, 0.5, 2.0)
    assert score_interactions([row], metric=metric, interactions=1).values[1] == pytest.approx(value)


def test_tables_that_make_no_sense_are_refused() -> None:
    with pytest.raises(EvalUsageError, match="empty"):
        score_interactions([])
    with pytest.raises(EvalUsageError, match="without a gap"):
        score_interactions([row for row in rows("a", [(0.5, 1.0)] * 3) if row.interaction != 2])
    with pytest.raises(EvalUsageError, match=r"must be in \[0, 1\]"):
        score_interactions([Interaction("a", 1, 1, 1, 0, 1.5, 0.5, 1.0)])
    with pytest.raises(EvalUsageError, match="two times"):
        score_interactions([Interaction("a", 1, 1, 1, 0, 0.5, 0.5, 1.0), Interaction("a", 1, 1, 1, 1, 0.5, 0.5, 2.0)])


def test_a_table_is_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    head = "session_id,sequence,scribble_idx,interaction,object_id,frame,jaccard,contour,j_and_f,timing\n"
    path.write_text(head + "x,bear,2,1,1,0,0.25,0.5,0.375,3.5\n")
    assert read_interactions(path) == [Interaction("bear", 2, 1, 1, 0, 0.25, 0.5, 3.5)]
    path.write_text(head + "x,bear,2,one,1,0,0.25,0.5,0.375,3.5\n")
    with pytest.raises(DatasetError, match=r"report\.csv, line 2: "):
        read_interactions(path)
    path.write_text("sequence,interaction\n")
    with pytest.raises(DatasetError, match=r"lacks the column.s. scribble_idx, object_id"):
        read_interactions(path)
    with pytest.raises(DatasetError, match="no such table"):
        read_interactions(tmp_path / "none.csv")
