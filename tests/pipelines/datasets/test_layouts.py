"""Data sets other than DAVIS: where objects appear, which frames get predictions, which ground truth is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.datasets.first_frame_masks import given_masks
from pipelines.datasets.sequences import list_sequences
from tests.pipelines.datasets.layouts import (
    ENTERS,
    FRAMES,
    benchmark,
    late_frames,
    write_all_frames,
    write_burst,
    write_lvos,
    write_mose,
    write_sav,
    write_secvos,
    write_youtube_vis,
    write_youtube_vos,
)
from tests.pipelines.fleet.helpers import vos
from vos.files.index_png import read_palette_png

STEMS = [f"{5 * index:05d}" for index in range(FRAMES)]


def predicted(output: Path, name: str = "v1") -> dict[str, np.ndarray]:
    return {path.stem: read_palette_png(path) for path in sorted((output / "predictions" / name).iterdir())}


def test_objects_of_youtube_vos_come_in_where_they_are_first_annotated(tmp_path: Path) -> None:
    root = write_youtube_vos(tmp_path / "ytvos")
    (sequence,) = list_sequences("youtube-vos", root, "train", (), tmp_path / "predictions")
    assert [(mask.frame, sorted(set(mask.labels.ravel()) - {0})) for mask in given_masks("youtube-vos", sequence)] == [
        (1, [1]),
        (3, [2]),
    ]
    assert benchmark("youtube-vos", root, tmp_path / "out") == 0
    masks = predicted(tmp_path / "out")
    assert list(masks) == STEMS
    assert not masks[STEMS[0]].any()
    assert set(np.unique(masks[STEMS[1]])) == {0, 1}
    assert 2 not in masks[STEMS[2]]
    assert 2 in masks[STEMS[3]]


def test_a_split_without_public_truth_gives_the_masks_of_one_with_it(tmp_path: Path) -> None:
    full = write_youtube_vos(tmp_path / "full", "valid")
    bare = write_youtube_vos(tmp_path / "bare", "valid", only_given=True)
    for name, root in (("of_full", full), ("of_bare", bare)):
        assert benchmark("youtube-vos", root, tmp_path / name, "--split", "valid", "--no-score") == 0
    of_full, of_bare = predicted(tmp_path / "of_full"), predicted(tmp_path / "of_bare")
    assert list(of_full) == list(of_bare) == STEMS
    assert all((of_full[stem] == of_bare[stem]).all() for stem in STEMS)


def test_all_frames_of_youtube_vos_are_tracked_and_every_fifth_laid_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = write_youtube_vos(tmp_path / "ytvos")
    assert benchmark("youtube-vos", root, tmp_path / "out", "--all-frames") == 1
    assert "train_all_frames" in capfd.readouterr().err
    write_all_frames(root, "train")
    assert benchmark("youtube-vos", root, tmp_path / "out", "--all-frames") == 0
    masks = predicted(tmp_path / "out")
    assert list(masks) == STEMS
    assert 2 not in masks[STEMS[2]] and 2 in masks[STEMS[3]]
    run = tmp_path / "out" / "runs" / "v1"
    # From the first object's frame, the third of twelve, on.
    assert len(list((run / "masks").iterdir())) == 2 * FRAMES - 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["protocol"]["all_frames"] is True
    assert benchmark("mose", root, tmp_path / "other", "--all-frames") == 2


def test_mose_is_scored_where_there_is_truth_and_only_predicted_elsewhere(tmp_path: Path) -> None:
    root = write_mose(write_mose(tmp_path / "mose"), "valid", only_given=True)
    assert benchmark("mose", root, tmp_path / "train") == 0
    report = json.loads((tmp_path / "train" / "report.json").read_text())
    assert 0 < report["headline"]["J&F"] <= 1
    assert benchmark("mose", root, tmp_path / "valid", "--split", "valid") == 1
    assert benchmark("mose", root, tmp_path / "valid", "--split", "valid", "--no-score") == 0
    for stem, labels in predicted(tmp_path / "train").items():
        assert (predicted(tmp_path / "valid")[stem] == labels).all()


def test_mosev2_is_run_and_scored_by_its_own_measures(tmp_path: Path) -> None:
    assert benchmark("mosev2", write_mose(tmp_path / "mosev2"), tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    headline = report["headline"]
    assert headline["J&F_new"] == pytest.approx((headline["J"] + headline["F_new"]) / 2)
    assert 0 < headline["F_new"] <= headline["F"] <= 1


def test_lvos_objects_come_in_late_and_are_scored_in_their_own_range(tmp_path: Path) -> None:
    assert benchmark("lvos-v2", write_lvos(tmp_path / "lvos"), tmp_path / "out") == 0
    masks = predicted(tmp_path / "out")
    assert list(masks) == [f"{5 * index + 1:08d}" for index in range(FRAMES)]
    assert 2 not in masks["00000011"] and 2 in masks["00000016"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sequences"][0]["objects"] == 2


def test_objects_of_sa_v_are_numbered_from_zero_in_folders_of_their_own(tmp_path: Path) -> None:
    assert benchmark("sav", write_sav(tmp_path / "sav"), tmp_path / "out") == 0
    folder = tmp_path / "out" / "predictions" / "v1"
    assert sorted(path.name for path in folder.iterdir()) == ["000", "001"]
    scored = [f"{index:05d}.png" for index in range(2, 2 * FRAMES - 2, 2)]
    for number in ("000", "001"):
        assert sorted(path.name for path in (folder / number).iterdir()) == scored
        with Image.open(folder / number / scored[0]) as image:
            assert set(np.unique(np.array(image))) == {0, 255}


def test_objects_of_secvos_have_folders_and_all_frames_are_annotated(tmp_path: Path) -> None:
    root = write_secvos(tmp_path / "secvos")
    assert benchmark("secvos", root, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sequences"][0]["objects"] == 2 and report["headline"]["J&F"] > 0.3
    assert report["sequences"][0]["fps"] > 0


@pytest.mark.parametrize("write", [write_burst, write_youtube_vis])
def test_json_is_laid_out_run_and_scored(
    tmp_path: Path, write: Callable[[Path], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    annotations = write(tmp_path / "given")
    root = tmp_path / "laid_out"
    assert vos("benchmark", "unpack", annotations, "--pictures", tmp_path / "given", "-o", root) == 0
    for index, (_, labels) in enumerate(late_frames(ENTERS)):
        if (root / "Annotations" / "x__v1").exists() and index % 2 and index < FRAMES - 1:
            continue
        (name,) = (path.name for path in (root / "Annotations").iterdir())
        assert (read_palette_png(root / "Annotations" / name / f"{index:05d}.png") == labels).all()
    assert benchmark("burst" if write is write_burst else "ovis", root, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["sequences"][0]["objects"] == 2
    assert vos("benchmark", "unpack", annotations, "--pictures", tmp_path / "given", "-o", root) == 1
    (next((tmp_path / "given").rglob("*.jpg"))).unlink()
    assert vos("benchmark", "unpack", annotations, "--pictures", tmp_path / "given", "-o", tmp_path / "new") == 1
    assert "no such picture" in capfd.readouterr().err


def test_with_every_second_frame_the_tracker_sees_no_other(tmp_path: Path) -> None:
    root = write_mose(tmp_path / "mose")
    assert benchmark("mosev2", root, tmp_path / "out", "--every", "2") == 0
    assert list(predicted(tmp_path / "out")) == [f"{index:05d}" for index in range(0, FRAMES, 2)]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["protocol"]["every"] == 2 and report["sequences"][0]["frames"] == FRAMES // 2
    assert len(list((tmp_path / "out" / "runs" / "v1" / "masks").iterdir())) == FRAMES // 2
    assert benchmark("sav", write_sav(tmp_path / "sav"), tmp_path / "sav_out", "--every", "2") == 2
    assert benchmark("youtube-vos", root, tmp_path / "yt", "--every", "2", "--all-frames") == 2
