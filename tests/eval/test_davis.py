"""DAVIS 2016 and 2017: what is scored, what is refused, and that the way of running changes nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from eval import DatasetError, EvalUsageError, MaskFileError, MissingPredictionsError, Report, baseline, evaluate
from eval.statistics import frame_statistics
from tests.eval.layouts import moving_boxes, save_davis17, save_images, save_labels, save_sequence


def scores(report: Report) -> list[tuple[str, list[float], list[float]]]:
    return [(item.name, item.series.j.tolist(), item.series.f.tolist()) for item in report.objects]


@pytest.fixture
def davis(tmp_path: Path) -> tuple[Path, Path]:
    """Two sequences with imperfect predictions."""
    volumes = {"a": moving_boxes(9, 2), "b": moving_boxes(30, 3)}
    save_davis17(tmp_path / "DAVIS", volumes)
    for name, volume in volumes.items():
        save_sequence(tmp_path / "results" / name, np.roll(volume, (2, 3), axis=(1, 2)))
    return tmp_path / "DAVIS", tmp_path / "results"


def test_scores_equal_the_baseline_and_leave_out_the_first_and_last_frame(davis: tuple[Path, Path]) -> None:
    root, predictions = davis
    report = evaluate(predictions, dataset="davis17", root=root)
    assert [item.name for item in report.objects] == ["a_1", "a_2", "b_1", "b_2", "b_3"]
    assert [len(item.series.stems) for item in report.objects] == [7, 7, 28, 28, 28]
    for name, objects in (("a", 2), ("b", 3)):
        truth = sorted((root / "Annotations" / "480p" / name).glob("*.png"))[1:-1]
        j, f = baseline.score_sequence(truth, [predictions / name / path.name for path in truth], objects)
        for k in range(objects):
            item = next(item for item in report.objects if item.name == f"{name}_{k + 1}")
            assert item.series.j.tolist() == j[k].tolist() and item.series.f.tolist() == f[k].tolist()
            assert 0 < item.j.mean < 1


def test_overall_numbers_are_means_over_objects_not_over_sequences(davis: tuple[Path, Path]) -> None:
    report = evaluate(davis[1], dataset="davis17", root=davis[0])
    assert report.j.mean == np.mean([item.j.mean for item in report.objects])
    assert report.j.mean != np.mean([item.j.mean for item in report.sequences])
    assert dict(report.headline)["J&F-Mean"] == report.j_and_f == (report.j.mean + report.f.mean) / 2
    assert report.sequences[1].objects == 3 and report.sequences[1].frames == 28


def test_jobs_and_running_threads_change_no_number(davis: tuple[Path, Path]) -> None:
    expected = evaluate(davis[1], dataset="davis17", root=davis[0])
    assert scores(evaluate(davis[1], dataset="davis17", root=davis[0], jobs=2)) == scores(expected)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        spawned = evaluate(davis[1], dataset="davis17", root=davis[0], jobs=2)
    finally:
        done.set()
        thread.join()
    assert scores(spawned) == scores(expected)


def test_an_error_in_a_worker_arrives_as_the_same_error(davis: tuple[Path, Path]) -> None:
    save_labels(davis[1] / "b" / "00025.png", np.full((48, 64), 9))
    for jobs in (1, 2):
        with pytest.raises(MaskFileError, match=r"b/00025\.png: holds the id 9, above the 3 object"):
            evaluate(davis[1], dataset="davis17", root=davis[0], jobs=jobs)


def test_progress_reports_every_sequence(davis: tuple[Path, Path]) -> None:
    calls: list[tuple[str, int, int]] = []
    evaluate(davis[1], dataset="davis17", root=davis[0], progress=lambda *call: calls.append(call))
    assert calls == [("a", 1, 2), ("b", 2, 2)]


def test_only_the_chosen_sequences_are_scored(davis: tuple[Path, Path]) -> None:
    report = evaluate(davis[1], dataset="davis17", root=davis[0], sequences=["b"])
    assert {item.sequence for item in report.objects} == {"b"}
    with pytest.raises(DatasetError, match="has no sequence c"):
        evaluate(davis[1], dataset="davis17", root=davis[0], sequences=["c"])


def test_blank_and_repeated_lines_of_a_list_are_no_sequences(davis: tuple[Path, Path]) -> None:
    expected = scores(evaluate(davis[1], dataset="davis17", root=davis[0]))
    (davis[0] / "ImageSets" / "2017" / "val.txt").write_text("a\n\n b \na\n\n", encoding="utf-8")
    assert scores(evaluate(davis[1], dataset="davis17", root=davis[0])) == expected


def test_missing_masks_are_all_listed_or_scored_as_empty_on_request(davis: tuple[Path, Path]) -> None:
    root, predictions = davis
    for name in ("a/00003.png", "b/00010.png", "b/00000.png"):
        (predictions / name).unlink()
    with pytest.raises(MissingPredictionsError) as caught:
        evaluate(predictions, dataset="davis17", root=root)
    assert caught.value.paths == (predictions / "a" / "00003.png", predictions / "b" / "00010.png")
    assert caught.value.exit_code == 1 and "--allow-missing" in str(caught.value)
    assert "a/00003.png, " in str(caught.value) and "b/00010.png. Write them" in str(caught.value)
    report = evaluate(predictions, dataset="davis17", root=root, allow_missing=True)
    assert report.missing == tuple(map(str, caught.value.paths))
    assert report.objects[0].series.j[2] == 0.0 and report.objects[0].series.j[1] > 0


def test_many_missing_masks_are_folded_by_folder() -> None:
    paths = [Path(f"r/s{sequence:02d}/{frame:05d}.png") for sequence in range(15) for frame in range(3)]
    message = str(MissingPredictionsError(tuple(paths)))
    assert message.startswith("45 predicted mask(s) missing: r/s00/00000.png to 00002.png (3), r/s01/")
    assert "and masks in 3 more folders. Write them" in message


def test_a_sequence_without_objects_adds_a_note_and_no_row(davis: tuple[Path, Path]) -> None:
    root, predictions = davis
    save_davis17(root, {"a": moving_boxes(9, 2), "void": 255 * (moving_boxes(5, 1) > 0), "none": np.zeros((5, 48, 64))})
    report = evaluate(predictions, dataset="davis17", root=root)
    assert {item.sequence for item in report.objects} == {"a"}
    assert "void: the first annotation holds only 0 and 255" in report.notes[0] and "davis16" in report.notes[0]
    assert "none: no object in the first annotation" in report.notes[1]
    save_sequence(predictions / "none", np.full((5, 48, 64), 1))
    with pytest.raises(MaskFileError, match=r"none/00001\.png: holds the id 1, above the 0 object"):
        evaluate(predictions, dataset="davis17", root=root)
    save_davis17(root, {"none": np.zeros((5, 48, 64))})
    with pytest.raises(DatasetError, match="no object to score"):
        evaluate(predictions, dataset="davis17", root=root)


def test_ground_truth_that_is_not_public_is_named_as_such(davis: tuple[Path, Path]) -> None:
    root, predictions = davis
    save_davis17(root, {"hidden": moving_boxes(1, 1)}, split="test-dev")
    save_images(root / "JPEGImages" / "480p" / "hidden", 5)
    with pytest.raises(DatasetError, match=r"1 annotation\(s\) for 5 frames.*vos eval pack"):
        evaluate(predictions, dataset="davis17", root=root, split="test-dev")


def test_usage_errors_say_what_would_work(davis: tuple[Path, Path], tmp_path: Path) -> None:
    root, predictions = davis
    with pytest.raises(EvalUsageError, match=r"unknown data set 'davis18'; choose one of davis16, davis17"):
        evaluate(predictions, dataset="davis18", root=root)
    with pytest.raises(EvalUsageError, match="at least one process"):
        evaluate(predictions, dataset="davis17", root=root, jobs=0)
    with pytest.raises(DatasetError, match="nowhere: no such folder of predictions"):
        evaluate(tmp_path / "nowhere", dataset="davis17", root=root)
    with pytest.raises(DatasetError, match=r"train\.txt: no such list of sequences"):
        evaluate(predictions, dataset="davis17", root=root, split="train")
    (root / "ImageSets" / "2017" / "empty.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"empty\.txt: names no sequence"):
        evaluate(predictions, dataset="davis17", root=root, split="empty")


class TestDavis16:
    @pytest.fixture
    def davis16(self, tmp_path: Path) -> Path:
        save_sequence(tmp_path / "DAVIS" / "Annotations" / "480p" / "swan", 255 * (moving_boxes(6, 1) > 0))
        lists = tmp_path / "DAVIS" / "ImageSets" / "2016"
        lists.mkdir(parents=True)
        (lists / "val.txt").write_text("swan\n")
        return tmp_path / "DAVIS"

    @pytest.mark.parametrize("value", [1, 255])
    def test_masks_of_1_and_of_255_score_the_same(self, davis16: Path, tmp_path: Path, value: int) -> None:
        save_sequence(tmp_path / "results" / "swan", value * (np.roll(moving_boxes(6, 1), 2, axis=1) > 0))
        report = evaluate(tmp_path / "results", dataset="davis16", root=davis16)
        assert [item.name for item in report.objects] == ["swan_1"]
        assert len(report.objects[0].series.j) == 4
        assert report.j.mean == 20 / 24

    def test_an_empty_prediction_is_a_mask_too(self, davis16: Path, tmp_path: Path) -> None:
        save_sequence(tmp_path / "results" / "swan", np.zeros((6, 48, 64)))
        assert evaluate(tmp_path / "results", dataset="davis16", root=davis16).j_and_f == 0.0

    def test_soft_or_multi_object_masks_are_refused(self, davis16: Path, tmp_path: Path) -> None:
        for objects, shown in ((2, "0, 1, 2"), (7, r"0, 1, 2, 3, 4, 5, \.\.\.")):
            save_sequence(tmp_path / "results" / "swan", moving_boxes(6, objects))
            with pytest.raises(MaskFileError, match=rf"00001\.png: holds the values {shown}; a single-object mask"):
                evaluate(tmp_path / "results", dataset="davis16", root=davis16)


class TestUnsupervised:
    def test_permuted_proposals_find_their_objects(self, tmp_path: Path) -> None:
        truth = moving_boxes(5, 3)
        save_davis17(tmp_path / "DAVIS", {"a": truth}, kind="Annotations_unsupervised")
        table = np.array([0, 3, 1, 2], np.uint8)
        save_sequence(tmp_path / "results" / "a", table[truth])
        report = evaluate(tmp_path / "results", dataset="davis17-unsupervised", root=tmp_path / "DAVIS")
        assert report.j_and_f == 1.0
        assert [(item.name, item.series.proposal, item.series.object_id) for item in report.objects] == [
            ("a_1", 1, 2),
            ("a_2", 2, 3),
            ("a_3", 3, 1),
        ], "rows in the order of the proposals, as the official tool has them"
        assert len(report.objects[0].series.j) == 5, "first and last frame count"

    def test_void_is_taken_out_of_both_sides(self, tmp_path: Path) -> None:
        truth = moving_boxes(4, 1)
        prediction = truth.copy()
        prediction[:, 40:, :] = 1
        truth[:, 40:, :] = 255
        save_davis17(tmp_path / "DAVIS", {"a": truth}, kind="Annotations_unsupervised")
        save_sequence(tmp_path / "results" / "a", prediction)
        report = evaluate(tmp_path / "results", dataset="davis17-unsupervised", root=tmp_path / "DAVIS")
        assert report.j_and_f == 1.0

    def test_frames_with_fewer_proposals_count_the_others_as_empty(self, tmp_path: Path) -> None:
        truth = moving_boxes(4, 2)
        prediction = truth.copy()
        prediction[1][prediction[1] == 2] = 0
        save_davis17(tmp_path / "DAVIS", {"a": truth}, kind="Annotations_unsupervised")
        save_sequence(tmp_path / "results" / "a", prediction)
        report = evaluate(tmp_path / "results", dataset="davis17-unsupervised", root=tmp_path / "DAVIS", jobs=2)
        assert report.objects[1].series.j.tolist() == [1.0, 0.0, 1.0, 1.0]


class TestStatistics:
    def test_recall_is_the_share_strictly_above_one_half(self) -> None:
        assert frame_statistics(np.array([0.5, 0.5, 0.6, 1.0])).recall == 0.5

    @pytest.mark.parametrize(("frames", "decay"), [(1, 0.0), (2, 1.0), (4, 2.0), (5, 3.0), (9, 6.0), (300, 224.0)])
    def test_decay_compares_quarters_that_share_their_borders(self, frames: int, decay: float) -> None:
        assert frame_statistics(np.arange(frames)[::-1].astype(float)).decay == decay
