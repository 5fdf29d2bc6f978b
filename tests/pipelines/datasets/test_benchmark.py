"""`vos benchmark` on tiny data sets in their official layouts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.datasets import DATASETS
from pipelines.benchmarks.clips import draw_frames
from pipelines.datasets.sequences import GIVEN, given_masks, list_sequences
from tests.pipelines.fleet.helpers import SHORT_SIDE, vos
from vos.export.palette_png import read_palette_png, write_palette_png

WIDTH, HEIGHT, FRAMES = 96, 64, 6


def write_davis(root: Path, year: int, sequences: dict[str, int]) -> Path:
    """A data set in the layout of DAVIS; name -> number of objects."""
    lists = root / "ImageSets" / str(year)
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("\n".join(sequences) + "\n")
    for name, objects in sequences.items():
        pictures = root / "JPEGImages" / "480p" / name
        masks = root / "Annotations" / "480p" / name
        pictures.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, objects)):
            Image.fromarray(frame).save(pictures / f"{index:05d}.jpg", quality=95)
            if year == 2016:
                Image.fromarray((labels > 0).astype(np.uint8) * 255).save(masks / f"{index:05d}.png")
            else:
                write_palette_png(masks / f"{index:05d}.png", labels)
    return root


def write_youtube_vos(root: Path) -> Path:
    """One video at every fifth frame, whose first object comes in at the second frame and the other at the fourth."""
    folder = root / "train"
    pictures, masks = folder / "JPEGImages" / "v1", folder / "Annotations" / "v1"
    pictures.mkdir(parents=True)
    masks.mkdir(parents=True)
    enters = {1: 1, 2: 3}
    for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, 2)):
        for object_id, first in enters.items():
            if index < first:
                labels[labels == object_id] = 0
        Image.fromarray(frame).save(pictures / f"{5 * index:05d}.jpg", quality=95)
        write_palette_png(masks / f"{5 * index:05d}.png", labels)
    objects = {
        str(key): {"category": "disc", "frames": [f"{5 * index:05d}" for index in range(first, FRAMES)]}
        for key, first in enters.items()
    }
    (folder / "meta.json").write_text(json.dumps({"videos": {"v1": {"objects": objects}}}))
    return root


def benchmark(dataset: str, root: Path, output: Path, *options: object) -> int:
    common = ("--device", "cpu", "--short-side", SHORT_SIDE, "--quiet")
    return vos("benchmark", dataset, "--root", root, "-o", output, *common, *options)


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


@pytest.mark.parametrize("prompt", ["stroke", "box", "point"])
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


def test_objects_of_youtube_vos_come_in_where_they_are_first_annotated(tmp_path: Path) -> None:
    root = write_youtube_vos(tmp_path / "ytvos")
    (sequence,) = list_sequences("youtube-vos", root, "train", (), tmp_path / "predictions")
    assert [(mask.frame, sorted(set(mask.labels.ravel()) - {0})) for mask in given_masks("youtube-vos", sequence)] == [
        (1, [1]),
        (3, [2]),
    ]
    assert benchmark("youtube-vos", root, tmp_path / "out") == 0
    masks = [
        read_palette_png(tmp_path / "out" / "predictions" / "v1" / f"{5 * index:05d}.png") for index in range(FRAMES)
    ]
    assert not masks[0].any()
    assert set(np.unique(masks[1])) == {0, 1}
    assert 2 not in masks[2]
    assert 2 in masks[3]


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


def test_only_the_sequences_asked_for_are_run(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1, "two": 2})
    assert benchmark("davis17", root, tmp_path / "out", "--limit-to", "two") == 0
    assert [path.name for path in (tmp_path / "out" / "predictions").iterdir()] == ["two"]


def test_mistakes_are_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"one": 1})
    shutil.rmtree(root / "JPEGImages")
    assert benchmark("davis17", root, tmp_path / "out") == 1
    assert "JPEGImages" in capfd.readouterr().err
    assert benchmark("davis18", root, tmp_path / "out") == 2
    assert benchmark("davis17-unsupervised", root, tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


def test_every_data_set_that_gives_prompts_can_be_scored() -> None:
    assert set(GIVEN) <= set(DATASETS)
