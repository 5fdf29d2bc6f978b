"""The scorer gives the numbers of davis2017-evaluation, bit for bit, on its recorded reference cases."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from eval import DatasetError, EvalError, MaskFileError, MissingPredictionsError, Report, evaluate
from eval.csv_files import csv_files
from eval.statistics import frame_statistics
from tests.eval.goldens import load_cases, load_generator, needs_goldens, write_case

pytestmark = needs_goldens

DATASET_OF_TASK = {"semi-supervised": "davis17", "unsupervised": "davis17-unsupervised"}
LONG_CASE = "s_long_uint8_bins"
BROADCAST_CASE = "s_pred_first_row_broadcast"
SCORED = sorted(
    name for name, case in load_cases().items() if case["outcome"] == "ok" and name not in (LONG_CASE, BROADCAST_CASE)
)
REFUSED = {
    "s_extra_id_exit": (MaskFileError, r"00003\.png: holds the id 5, above the 4"),
    "s_gt_late_higher_id_predicted_exit": (MaskFileError, r"00004\.png: holds the id 2, above the 1"),
    "s_pred_255_exit": (MaskFileError, r"id 255, above the 1 .* need 1 instead of 255"),
    "s_two_frames_error": (DatasetError, r"a: 2 annotated frame\(s\); the first and the last are not scored"),
    "s_pred_frame_missing_exit": (MissingPredictionsError, r"^1 predicted mask\(s\) missing: .*00002\.png\. .*allow-m"),
    "s_pred_seq_missing_exit": (MissingPredictionsError, r"^4 predicted mask\(s\) missing: .*b/00001\.png"),
    "s_pred_wrong_size_error": (MaskFileError, r"00001\.png: 80x59 pixels, but the ground truth .* 80x60"),
    "s_pred_one_frame_wrong_size_error": (MaskFileError, r"00003\.png: 80x59 pixels, but the ground truth .* 80x60"),
    "s_pred_rgb_error": (MaskFileError, r"00001\.png: a RGB picture, not a label map"),
    "u_twentyone_exit": (MaskFileError, r"00002\.png: holds the id 21, above the 20 proposals"),
    "u_pred_255_exit": (MaskFileError, r"00000\.png: holds the id 255, above the 20 proposals"),
    BROADCAST_CASE: (MaskFileError, r"00003\.png: 80x1 pixels, but the ground truth .* 80x60"),
}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_generator()


def score(generator: ModuleType, name: str, folder: Path) -> Report:
    root, predictions = write_case(generator, name, folder)
    return evaluate(predictions, dataset=DATASET_OF_TASK[load_cases()[name]["task"]], root=root)


def recorded_objects(report: Report) -> dict[str, dict]:
    """The report in the form of the recorded cases."""
    return {
        item.name: {
            "JM": item.j.mean,
            "JR": item.j.recall,
            "JD": item.j.decay,
            "FM": item.f.mean,
            "FR": item.f.recall,
            "FD": item.f.decay,
            "JF": item.j_and_f,
            "n_frames": len(item.series.j),
            "J": item.series.j.tolist(),
            "F": item.series.f.tolist(),
        }
        for item in report.objects
    }


def recorded_global(report: Report) -> dict[str, float]:
    return dict(zip(("JF", "JM", "JR", "JD", "FM", "FR", "FD"), (v for _, v in report.headline), strict=True))


def test_every_recorded_case_is_either_scored_or_refused() -> None:
    assert set(SCORED) | set(REFUSED) | {LONG_CASE} == set(load_cases())


@pytest.mark.parametrize("name", SCORED)
def test_equals_the_official_numbers_bit_for_bit(name: str, generator: ModuleType, tmp_path: Path) -> None:
    case = load_cases()[name]
    report = score(generator, name, tmp_path)
    assert recorded_objects(report) == case["objects"]
    assert list(recorded_objects(report)) == list(case["objects"])
    assert recorded_global(report) == case["global"]
    files = csv_files(report)
    assert files == {key: case[key] for key in ("global_results-val.csv", "per-sequence_results-val.csv")}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_the_official_tool_dies_of_is_a_clear_error(name: str, generator: ModuleType, tmp_path: Path) -> None:
    kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as caught:
        score(generator, name, tmp_path)
    assert isinstance(caught.value, EvalError)
    assert caught.value.exit_code in (1, 2)


def test_decay_of_long_sequences_is_the_plain_definition(generator: ModuleType, tmp_path: Path) -> None:
    """Official: uint8 borders, wrong or nan from 256 scored frames on. Everything else equals; decay does up to 255."""
    report, case = score(generator, LONG_CASE, tmp_path), load_cases()[LONG_CASE]
    ours = recorded_objects(report)
    for name, expected in case["objects"].items():
        compared = set(expected) if expected["n_frames"] <= 255 else set(expected) - {"JD", "FD"}
        assert {key: ours[name][key] for key in compared} == {key: expected[key] for key in compared}
        if expected["n_frames"] > 255:
            assert math.isnan(expected["JD"])
        j = np.array(expected["J"])
        n = len(j)
        edges = [round(1 + (n - 1) * k / 4 + 1e-10) - 1 for k in range(5)]
        assert ours[name]["JD"] == j[: edges[1] + 1].mean() - j[edges[3] :].mean()
    overall = recorded_global(report)
    assert {key: overall[key] for key in ("JF", "JM", "JR", "FM", "FR")} == {
        key: case["global"][key] for key in ("JF", "JM", "JR", "FM", "FR")
    }
    assert overall["JD"] == np.mean([frame_statistics(np.array(item.series.j)).decay for item in report.objects])


def test_more_jobs_change_no_number(generator: ModuleType, tmp_path: Path) -> None:
    root, predictions = write_case(generator, LONG_CASE, tmp_path)
    one, three = (evaluate(predictions, dataset="davis17", root=root, jobs=jobs) for jobs in (1, 3))
    assert recorded_objects(one) == recorded_objects(three)
    assert one.headline == three.headline
