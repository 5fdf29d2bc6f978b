"""The robot that clicks: where, what it measures, and `vos benchmark clicks`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.interactive.click_scores import CurveCase, TrackedCase, curve_scores, tracked_scores
from pipelines.interactive.clicks import TrueFrame, click_curve, correct_tracked
from pipelines.interactive.distortions import DISTORTIONS
from pipelines.interactive.first_masks import MaskCase
from pipelines.interactive.robot import jaccard, next_click, outside_of
from pipelines.interactive.rows import RowFile
from seem_model.video_model import VideoModel
from tests.pipelines.datasets.layouts import save_frame, write_davis
from tests.pipelines.fleet.helpers import SHORT_SIDE, vos
from tests.vos.scenes import moving_shapes
from vos.errors import OutputError, UsageError
from vos.prompts import Points
from vos.tracking.load_model import load_model


def block(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((20, 30), bool)
    mask[rows, columns] = True
    return mask


def test_the_click_is_in_the_middle_of_the_largest_wrong_region() -> None:
    truth = block(slice(2, 13), slice(2, 13))
    painted = block(slice(15, 18), slice(20, 23))
    click = next_click(painted, truth)
    assert click is not None
    assert (click.x, click.y, click.is_positive, click.area) == (7.5, 7.5, True, 121)
    assert click.prompt(4) == Points([[7.5, 7.5]], object_id=4)

    click = next_click(truth | painted, truth)
    assert click is not None
    assert (click.x, click.y, click.is_positive, click.area) == (21.5, 16.5, False, 9)
    assert click.prompt(1) == Points([], [[21.5, 16.5]])


def test_nothing_wrong_and_nothing_known_ask_for_no_click() -> None:
    truth = block(slice(2, 13), slice(2, 13))
    assert next_click(truth, truth) is None
    assert next_click(~truth, truth, void=np.ones_like(truth)) is None


def test_void_pixels_count_neither_way() -> None:
    truth, void = block(slice(0, 4), slice(0, 4)), block(slice(0, 20), slice(2, 30))
    assert jaccard(block(slice(0, 4), slice(0, 30)), truth, void) == 1.0
    assert jaccard(block(slice(0, 2), slice(0, 30)), truth, void) == 0.5


def test_what_is_near_the_error_is_not_collateral() -> None:
    outside = outside_of(block(slice(8, 9), slice(8, 9)))
    assert not outside[5:12, 5:12].any()
    assert (~outside).sum() == 49


def curve(name: str, *iou: float, collateral: Sequence[float] = ()) -> CurveCase:
    return CurveCase(name, 10, iou, tuple(collateral), 0)


def test_the_curve_is_the_mean_over_objects() -> None:
    scores = curve_scores(
        [curve("a", 0.2, 0.6, 0.5, collateral=(0.0, 0.3)), curve("b", 0.8, 0.6, 1.0, collateral=(0.1, 0.0))]
    )
    assert scores.iou == pytest.approx({1: 0.5, 2: 0.6, 3: 0.75})
    assert (scores.never_falls, scores.improved) == (True, 0.5)
    assert scores.gain_of_three == pytest.approx(0.25)
    assert scores.collateral == pytest.approx(0.1)
    assert not curve_scores([curve("a", 0.6, 0.5)]).never_falls


def test_a_perfect_mask_is_not_a_click_that_failed_to_improve() -> None:
    assert curve_scores([curve("a", 0.5, 1.0, 1.0)]).improved == 1.0


def test_shares_of_corrected_frames() -> None:
    better = TrackedCase("a/20/1", 100, True, 0.1, 0.7, 0.8, 0.7, 0.75, 20, 0.02, 0.0, True)
    worse = replace(better, iou_after=0.7, later_after=0.6995, collateral=0.0, is_obeyed=False, refused="no")
    scores = tracked_scores([better, worse])
    assert (scores.improved, scores.later_improved, scores.later_kept) == (0.5, 0.5, 1.0)
    assert (scores.cases, scores.disobeyed, scores.refused, scores.collateral) == (2, 1, 1, 0.01)


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=SHORT_SIDE)


def test_a_curve_has_the_iou_after_every_click(model: VideoModel) -> None:
    scene = moving_shapes(height=64, width=96)
    case = click_curve(model, scene.frames[0], scene.masks[1][0], void=None, clicks=4, name="disc")
    again = click_curve(model, scene.frames[0], scene.masks[1][0], void=None, clicks=4, name="disc")
    assert case == again
    assert len(case.iou) == 4
    assert len(case.collateral) == 3
    assert case.iou[0] > 0.3, "a click in the middle of a disc finds the disc"


def frames_with_more_to_find() -> Iterator[TrueFrame]:
    """After the first frame the annotation has a block of ground beside the disc, which no tracker can know of."""
    scene = moving_shapes(count=9, height=64, width=96)
    for index, (rgb, mask) in enumerate(zip(scene.frames, scene.masks[1], strict=True)):
        labels = mask.astype(np.uint8)
        if index:
            labels[40:56, 60:80] = 1
        yield TrueFrame(rgb, labels)


def test_corrected_frames_are_compared_with_the_run_without_the_click(model: VideoModel) -> None:
    cases = list(correct_tracked(model, frames_with_more_to_find(), every=3, least_error=0.005, name="disc"))
    assert [(case.name, case.frames) for case in cases] == [("disc/3/1", 5), ("disc/6/1", 2)]
    assert all(case.is_positive and case.error > 0.4 and case.iou < 0.6 for case in cases)
    assert all(case.refused is None for case in cases)
    assert cases == list(correct_tracked(model, frames_with_more_to_find(), every=3, least_error=0.005, name="disc"))
    assert not list(correct_tracked(model, frames_with_more_to_find(), every=3, least_error=2, name="disc"))


def test_rows_survive_a_kill_and_are_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = RowFile(path, {"seed": 1}, resume=False)
    rows.add("a", [1, 2])
    rows.add("b", {"x": 0.1})
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    again = RowFile(path, {"seed": 1}, resume=True)
    assert "a" in again
    assert "b" not in again
    again.add("b", {"x": 0.1})
    assert path.read_bytes() == content
    with pytest.raises(OutputError, match="exists already; continue it with --resume"):
        RowFile(path, {"seed": 1}, resume=False)
    with pytest.raises(UsageError, match="rows of other settings"):
        RowFile(path, {"seed": 2}, resume=True)
    path.write_bytes(content + b"{}\n")
    with pytest.raises(OutputError, match="line 4: not a row"):
        RowFile(path, {"seed": 1}, resume=True)


def command(*arguments: object) -> int:
    common = ("--split", "val", "--device", "cpu", "--short-side", SHORT_SIDE, "--clicks", 2, "--every", 2)
    return vos("benchmark", "clicks", *arguments, *common)


def test_the_command_measures_sequences_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1, "two": 2})
    rows = tmp_path / "rows.jsonl"
    options = ("--root", root, "--dataset", "davis17", "--least-error", 0, "-o", rows)
    assert command(*options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["first_frames"]["cases"] == 3
    assert [case["name"] for case in report["first_frame_cases"]] == ["one/1", "two/1", "two/2"]
    assert {case["name"].split("/")[1] for case in report["tracked_cases"]} <= {"2", "4"}
    content = rows.read_text().splitlines(keepends=True)
    assert command(*options) == 1, "the file is there"
    rows.write_text("".join(content[:2]))
    assert command(*options, "--json", "--resume") == 0
    assert json.loads(capsys.readouterr().out) == report
    assert rows.read_text() == "".join(content)


def test_the_command_measures_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = moving_shapes(count=4, objects=2, height=64, width=96)
    for index, frame in enumerate(scene.frames):
        labels = scene.masks[1][index] + 2 * scene.masks[2][index].astype(np.uint8)
        save_frame(tmp_path / "stills" / "images", str(index), frame)
        (tmp_path / "stills" / "masks").mkdir(exist_ok=True)
        Image.fromarray(labels).save(tmp_path / "stills" / "masks" / f"{index}.png")
    assert command("--stills", tmp_path / "stills", "--limit", 3) == 0
    shown = capsys.readouterr()
    assert "held-out pictures" in shown.out
    assert "3/3 still stills/" in shown.err
    assert command() == 2
    assert "--stills with held-out pictures, --root with DAVIS, or both" in capsys.readouterr().err
    Image.new("L", (5, 5)).save(tmp_path / "stills" / "masks" / "0.png")
    assert command("--stills", tmp_path / "stills") == 1
    assert "0.png: not an 8-bit single-channel mask of the size of" in capsys.readouterr().err


def test_data_sets_are_still_benchmarked_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vos("benchmark", "nothing", "--root", tmp_path) == 2
    assert "nothing" in capsys.readouterr().err


def test_a_badly_written_first_mask_is_measured_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2016, {"one": 1})
    rows = tmp_path / "rows.jsonl"
    options = ("--root", root, "--split", "val", "--device", "cpu", "--short-side", SHORT_SIDE, "-o", rows)
    code = vos("benchmark", "masks", *options, "--frames", 3, "--json")
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert [case["distortion"] for case in cases] == list(DISTORTIONS)
    assert code == (0 if all(case["is_good"] for case in cases) else 1)
    assert all(case["objects"] == 1 for case in cases)
    lossy = next(case for case in cases if case["distortion"] == "JPEG")
    assert (lossy["overlap"], lossy["distorted"]) == (1.0, lossy["true"])
    vos("benchmark", "masks", *options, "--frames", 3, "--resume")
    assert "J&F lost by the first mask" in capsys.readouterr().out
    assert vos("benchmark", "masks", *options, "--frames", 4, "--resume") == 2
    assert vos("benchmark", "masks", "--root", root, "--resume") == 2


def test_a_distortion_is_bad_that_makes_objects_or_costs_too_much() -> None:
    good = MaskCase("a", "blurred", 1, 0.9, 0.80, 0.785)
    assert good.is_good
    assert not replace(good, objects=2).is_good
    assert not replace(good, distorted=0.775).is_good
    assert not replace(good, objects=0, refused="why").is_good
