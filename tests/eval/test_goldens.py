"""The scorer gives the numbers of davis2017-evaluation, bit for bit, on every recorded reference case there is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import DatasetError, EvalError, MaskFileError, MissingPredictionsError, Report, evaluate
from eval.csv_files import csv_files
from eval.errors import EvalUsageError
from tests.eval.goldens import load_cases, needs_goldens, write_case

pytestmark = needs_goldens

DATASET_OF_TASK = {"semi-supervised": "davis17", "unsupervised": "davis17-unsupervised"}
LONG_CASE = "s_long_uint8_bins"
BROADCAST_CASE = "s_pred_first_row_broadcast"
LONGEST_RIGHT_DECAY = 255
"""Scored frames up to which the official decay is right: it keeps the borders of the quarters in 8 bits."""

SCORED = sorted(
    name
    for name, case in load_cases().items()
    # Where no sequence has an object the official tool prints a table of nan.
    if case["outcome"] == "ok" and case["objects"] and name != BROADCAST_CASE
)
NOT_SCORED = sorted(set(load_cases()) - set(SCORED))
REFUSED = {
    # Our messages where the official tool exits; other cases of that kind must get some error in one line.
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


def score(name: str, folder: Path) -> Report:
    root, predictions = write_case(name, folder)
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


def comparable(value: Any) -> Any:
    """nan is not equal to itself; as a word it is."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def without_decay(numbers: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in numbers.items() if key not in ("JD", "FD")}


def plain_decay(values: list[float]) -> float:
    """First quarter minus last, with the borders of the quarters as published."""
    borders = [round(1 + (len(values) - 1) * k / 4 + 1e-10) - 1 for k in range(5)]
    return float(np.mean(values[: borders[1] + 1]) - np.mean(values[borders[3] :]))


@pytest.mark.parametrize("name", SCORED)
def test_equals_the_official_numbers_bit_for_bit(name: str, tmp_path: Path) -> None:
    case = load_cases()[name]
    report = score(name, tmp_path)
    ours, overall = recorded_objects(report), recorded_global(report)
    assert list(ours) == list(case["objects"])
    files = csv_files(report)
    if all(item["n_frames"] <= LONGEST_RIGHT_DECAY for item in case["objects"].values()):
        assert comparable(ours) == comparable(case["objects"])
        assert comparable(overall) == comparable(case["global"])
        assert files["global_results-val.csv"] == case["global_results-val.csv"]
    else:
        for key, expected in case["objects"].items():
            if expected["n_frames"] <= LONGEST_RIGHT_DECAY:
                assert comparable(ours[key]) == comparable(expected)
                continue
            assert comparable(without_decay(ours[key])) == comparable(without_decay(expected))
            assert (ours[key]["JD"], ours[key]["FD"]) == (plain_decay(expected["J"]), plain_decay(expected["F"]))
        assert comparable(without_decay(overall)) == comparable(without_decay(case["global"]))
        assert overall["JD"] == np.mean([item["JD"] for item in ours.values()])
    assert files["per-sequence_results-val.csv"] == case["per-sequence_results-val.csv"]


@pytest.mark.parametrize("name", NOT_SCORED)
def test_where_the_official_tool_fails_the_error_is_clear(name: str, tmp_path: Path) -> None:
    kind, message = REFUSED.get(name, ((DatasetError, EvalUsageError, MaskFileError, MissingPredictionsError), "."))
    with pytest.raises(kind, match=message) as caught:
        score(name, tmp_path)
    assert isinstance(caught.value, EvalError)
    assert caught.value.exit_code in (1, 2) and "\n" not in str(caught.value)


@pytest.mark.skipif(LONG_CASE not in load_cases(), reason=f"the case {LONG_CASE} is not among the reference cases")
def test_more_jobs_change_no_number(tmp_path: Path) -> None:
    root, predictions = write_case(LONG_CASE, tmp_path)
    one, three = (evaluate(predictions, dataset="davis17", root=root, jobs=jobs) for jobs in (1, 3))
    assert recorded_objects(one) == recorded_objects(three)
    assert one.headline == three.headline
