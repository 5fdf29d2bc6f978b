"""Mask AP: equal to pycocotools, for pictures and for tracks."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.coco_files import score_coco_files
from eval.errors import DatasetError, MaskFileError
from eval.run_lengths import read_runs, shared_area
from vos.cli.main import main
from vos.files.rle import encode_counts, runs_of

pycocotools = pytest.importorskip("pycocotools.cocoeval")
from pycocotools.coco import COCO  # noqa: E402

HEIGHT, WIDTH = 40, 56
Track = list[np.ndarray]


def rle(mask: np.ndarray) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": encode_counts(mask)}


def random_case(seed: int, frames: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """True and detected tracks of up to three groups and two categories; `masks` has `frames` arrays."""
    chance = random.Random(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    truths, found = [], []
    for group in range(1, chance.randint(1, 3) + 1):
        for _ in range(chance.randint(0, 5)):
            y, x, radius = chance.randrange(HEIGHT), chance.randrange(WIDTH), chance.randint(2, 19)
            masks = [(rows - y - t) ** 2 + (columns - x + t) ** 2 <= radius**2 for t in range(frames)]
            category = chance.randint(1, 2)
            crowd = chance.random() < 0.12
            truths.append({"group": group, "category_id": category, "masks": masks, "iscrowd": int(crowd)})
            for _ in range(chance.choice((0, 1, 1, 2))):
                dy, dx, wider = chance.randint(-4, 4), chance.randint(-4, 4), chance.randint(-2, 3)
                near = [
                    (rows - y - t - dy) ** 2 + (columns - x + t - dx) ** 2 <= (radius + wider) ** 2
                    for t in range(frames)
                ]
                score = chance.randint(0, 9) / 10  # ties are frequent
                found.append(
                    {"group": group, "category_id": chance.choice((category, 1)), "masks": near, "score": score}
                )
    chance.shuffle(found)
    return truths, found


def official(truths: list[dict[str, Any]], found: list[dict[str, Any]], frames: int) -> list[float]:
    """The twelve numbers of COCOeval; frames of a track are put on top of each other in one tall picture."""
    images = [{"id": group, "height": HEIGHT * frames, "width": WIDTH} for group in (1, 2, 3)]
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]

    def row(number: int, item: dict[str, Any]) -> dict[str, Any]:
        mask = np.concatenate(item["masks"])
        keys = {key: item[key] for key in ("category_id", "iscrowd", "score") if key in item}
        return {"id": number, "image_id": item["group"], "area": int(mask.sum()), "segmentation": rle(mask), **keys}

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        annotations = [{"bbox": [0, 0, 1, 1], **row(n, item)} for n, item in enumerate(truths, 1)]
        coco.dataset = {"images": images, "categories": categories, "annotations": annotations}
        coco.createIndex()
        results = coco.loadRes([row(n, item) for n, item in enumerate(found, 1)]) if found else COCO()
        if not found:
            results.dataset = {"images": images, "categories": categories, "annotations": []}
            results.createIndex()
        scorer = pycocotools.COCOeval(coco, results, "segm")
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
    numbers: list[float] = scorer.stats.tolist()
    return numbers


def write(folder: Path, truths: list[dict[str, Any]], found: list[dict[str, Any]], frames: int) -> tuple[Path, Path]:
    is_video = frames > 1
    container, key, masks = (
        ("videos", "video_id", "segmentations") if is_video else ("images", "image_id", "segmentation")
    )

    def row(item: dict[str, Any]) -> dict[str, Any]:
        given = [rle(mask) if mask.any() else None for mask in item["masks"]] if is_video else rle(item["masks"][0])
        rest = {name: value for name, value in item.items() if name not in ("group", "masks")}
        return {key: item["group"], masks: given, **rest}

    document = {
        container: [{"id": group, "height": HEIGHT, "width": WIDTH} for group in (1, 2, 3)],
        "categories": [{"id": 1}, {"id": 2}],
        "annotations": [row(item) for item in truths],
    }
    truth, results = folder / "truth.json", folder / "results.json"
    truth.write_text(json.dumps(document))
    results.write_text(json.dumps([row(item) for item in found]))
    return truth, results


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_equals_pycocotools_on_random_pictures(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 25):
        truths, found = random_case(seed, 1)
        headline = score_coco_files(*write(tmp_path, truths, found, 1)).headline
        assert list(headline.values()) == pytest.approx(official(truths, found, 1), abs=1e-12), seed


def test_equals_pycocotools_on_random_tracks(tmp_path: Path) -> None:
    """Sizes are left out: of a track the mean over its frames counts, of the tall picture the sum."""
    for seed in range(100, 160):
        truths, found = random_case(seed, 3)
        headline = score_coco_files(*write(tmp_path, truths, found, 3)).headline
        numbers = official(truths, found, 3)
        names = ("AP", "AP50", "AP75", "AR1", "AR10", "AR100")
        assert [headline[name] for name in names] == pytest.approx([*numbers[:3], *numbers[6:9]], abs=1e-12), seed


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60)
def test_overlaps_of_run_lengths_are_those_of_the_masks(seed: int, compressed: bool) -> None:
    chance = np.random.default_rng(seed)
    masks = [chance.random((9, 13)) < chance.choice((0, 0.1, 0.5, 1)) for _ in range(2)]
    a, b = (
        read_runs({"size": [9, 13], "counts": encode_counts(mask) if compressed else runs_of(mask)}) for mask in masks
    )
    assert (a.area, b.area) == (masks[0].sum(), masks[1].sum())
    assert shared_area(a, b) == (masks[0] & masks[1]).sum()


def test_polygons_are_filled_as_pycocotools_does(tmp_path: Path) -> None:
    truths, found = random_case(3, 1)
    truth, results = write(tmp_path, truths, found, 1)
    document = json.loads(truth.read_text())
    polygon = [[5.2, 5.1, 30.7, 6.3, 22.0, 33.8]]
    document["annotations"] = [{"image_id": 1, "category_id": 1, "segmentation": polygon, "area": 300.0}]
    truth.write_text(json.dumps(document))
    from pycocotools import mask as pycocotools_mask

    filled = pycocotools_mask.decode(pycocotools_mask.merge(pycocotools_mask.frPyObjects(polygon, HEIGHT, WIDTH)))
    detection = {"image_id": 1, "category_id": 1, "segmentation": rle(filled.astype(bool)), "score": 0.5}
    results.write_text(json.dumps([detection]))
    assert score_coco_files(truth, results).headline["AP"] == pytest.approx(1.0)


def test_mistakes_in_the_files_are_named(tmp_path: Path) -> None:
    truth, results = write(tmp_path, *random_case(5, 1), 1)
    detections = json.loads(results.read_text())
    results.write_text(json.dumps([{**detections[0], "image_id": 77}]))
    with pytest.raises(MaskFileError, match="image_id 77"):
        score_coco_files(truth, results)
    results.write_text(json.dumps([{**detections[0], "segmentation": {"size": [4, 4], "counts": [3, 4]}}]))
    with pytest.raises(MaskFileError, match="add up to 4x4"):
        score_coco_files(truth, results)
    results.write_text("{")
    with pytest.raises(MaskFileError, match="not JSON"):
        score_coco_files(truth, results)
    truth.write_text("[]")
    with pytest.raises(DatasetError, match="not ground truth"):
        score_coco_files(truth, results)


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truths, found = random_case(5, 3)
    truth, results = write(tmp_path, truths, found, 3)
    with pytest.raises(SystemExit) as caught:
        main(["eval", "ap", str(results), "--truth", str(truth), "--json"])
    assert not caught.value.code
    assert json.loads(capsys.readouterr().out) == score_coco_files(truth, results).headline
