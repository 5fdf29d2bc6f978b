"""`vos benchmark` on tiny data sets in their official layouts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.datasets import DATASETS
from pipelines.datasets.first_frame_masks import GIVEN
from tests.pipelines.datasets.layouts import FRAMES, HEIGHT, WIDTH, benchmark, write_davis
from vos.files.index_png import read_palette_png


def test_davis16_is_run_laid_out_and_scored(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2016, {"disc": 1, "other": 1})
    assert benchmark("davis16", root, tmp_path / "out") == 0
    predictions = sorted((tmp_path / "out" / "predictions" / "disc").iterdir())
    assert [path.name for path in predictions] == [f"{index:05d}.png" for index in range(FRAMES)]
    with Image.open(predictions[3]) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert set(np.unique(np.array(image))) == {0, 255}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["name"] for row in report["sequences"]] == ["disc", "other"]
    assert all(0 <= row["J&F"] <= 1 and row["fps"] > 0 and row["frames"] == FRAMES for row in report["sequences"])
    assert report["headline"]["J&F-Mean"] == pytest.approx(
        np.mean([row["J&F"] for row in report["sequences"]]), abs=1e-12
    )
    assert report["protocol"]["prompt"] == "mask"
    assert len(report["model"]["weights_sha256"][0]) == 64


@pytest.mark.parametrize("prompt", ["mask", "stroke", "box", "point"])
def test_every_prompt_reaches_every_object_of_davis17(prompt: str, tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    assert benchmark("davis17", root, tmp_path / "out", "--prompt", prompt) == 0
    record = json.loads((tmp_path / "out" / "runs" / "two" / "run.json").read_text())
    assert [(item["kind"], item["object"]) for item in record["prompts"]] in (
        [(prompt, 1), (prompt, 2)],
        [(f"{prompt}s", 1), (f"{prompt}s", 2)],
    )


def test_a_mask_prompt_comes_back_to_the_pixel_in_the_official_layout(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    assert benchmark("davis17", root, tmp_path / "out") == 0
    given = read_palette_png(root / "Annotations" / "480p" / "two" / "00000.png")
    predicted = tmp_path / "out" / "predictions" / "two" / "00000.png"
    assert (read_palette_png(predicted) == given).all()


def test_later_annotations_are_read_by_the_scorer_alone(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    assert benchmark("davis17", root, tmp_path / "all", "--no-score") == 0
    for path in sorted((root / "Annotations" / "480p" / "two").iterdir())[1:]:
        path.write_bytes(b"")
    assert benchmark("davis17", root, tmp_path / "first", "--no-score") == 0
    for path in (tmp_path / "all" / "predictions" / "two").iterdir():
        assert path.read_bytes() == (tmp_path / "first" / "predictions" / "two" / path.name).read_bytes()


def test_a_benchmark_resumes_without_running_what_is_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1, "two": 2})
    broken = root / "JPEGImages" / "480p" / "two" / "00003.jpg"
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 4])
    output = tmp_path / "out"
    assert benchmark("davis17", root, output) == 1
    assert "00003.jpg" in capfd.readouterr().err
    assert not (output / "report.json").exists()
    broken.write_bytes(content)
    before = (output / "runs" / "one" / "run.json").stat().st_mtime_ns
    assert benchmark("davis17", root, output) == 1
    assert benchmark("davis17", root, output, "--resume", "--prompt", "box") == 2
    assert benchmark("davis17", root, output, "--resume") == 0
    assert (output / "runs" / "one" / "run.json").stat().st_mtime_ns == before
    assert benchmark("davis17", root, tmp_path / "undisturbed") == 0
    for path in sorted((tmp_path / "undisturbed" / "predictions").rglob("*.png")):
        assert path.read_bytes() == (output / path.relative_to(tmp_path / "undisturbed")).read_bytes()


def test_only_the_requested_sequences_are_run(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1, "two": 2})
    assert benchmark("davis17", root, tmp_path / "out", "--limit-to", "two") == 0
    assert [path.name for path in (tmp_path / "out" / "predictions").iterdir()] == ["two"]


def test_mistakes_are_reported_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1})
    shutil.rmtree(root / "JPEGImages")
    assert benchmark("davis17", root, tmp_path / "out") == 1
    assert "JPEGImages" in capfd.readouterr().err
    assert benchmark("davis18", root, tmp_path / "out") == 2
    assert benchmark("davis17-unsupervised", root, tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


def test_every_data_set_that_gives_prompts_can_be_scored() -> None:
    assert set(GIVEN) <= set(DATASETS)
