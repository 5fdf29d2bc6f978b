"""Predictions that no annotation asks for are told of, and a shift of all numbers is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import DatasetError, evaluate
from tests.eval.layouts import moving_boxes, save_davis17, save_sequence


def data_set(root: Path) -> None:
    """One sequence of eight frames that are numbered from 00001."""
    save_davis17(root, {"sq": moving_boxes(8, 2)})
    folder = root / "Annotations" / "480p" / "sq"
    for index in reversed(range(8)):
        (folder / f"{index:05d}.png").rename(folder / f"{index + 1:05d}.png")


def test_perfect_masks_that_are_numbered_otherwise_are_refused(tmp_path: Path) -> None:
    data_set(tmp_path / "DAVIS")
    save_sequence(tmp_path / "results" / "sq", moving_boxes(8, 2))
    with pytest.raises(DatasetError, match="numbered 00000 to 00007, annotations 00001 to 00008: shifted by -1"):
        evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS")


def test_a_prediction_without_annotation_is_noted(tmp_path: Path) -> None:
    data_set(tmp_path / "DAVIS")
    volume = moving_boxes(8, 2)
    save_sequence(tmp_path / "results" / "sq", volume[[0, *range(8)]])
    report = evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS")
    assert report.j.mean == 1
    assert report.notes[-1] == "sq: 1 predicted mask has no annotation, first 00000.png; not scored"


def test_predictions_named_like_the_annotations_get_no_remark(tmp_path: Path) -> None:
    data_set(tmp_path / "DAVIS")
    save_sequence(tmp_path / "results" / "sq", moving_boxes(8, 2), [f"{i:05d}" for i in range(1, 9)])
    assert not evaluate(tmp_path / "results", dataset="davis17", root=tmp_path / "DAVIS").notes


def test_dense_predictions_of_sparse_annotations_are_as_they_should_be(tmp_path: Path) -> None:
    truth = tmp_path / "truth" / "sq"
    save_sequence(truth, moving_boxes(9, 1)[::2], [f"{i:05d}" for i in range(0, 9, 2)])
    save_sequence(tmp_path / "results" / "sq", moving_boxes(9, 1))
    report = evaluate(tmp_path / "results", dataset="folder", root=tmp_path / "truth")
    assert report.j.mean == 1
    assert not report.notes
