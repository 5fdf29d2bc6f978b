"""Where training pictures come from: folders, COCO files, invented regions, and mixes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.training.mix import hold_aside, list_stills
from pipelines.training.read_coco import read_coco_stills
from pipelines.training.read_regions import join_regions, read_regions, regions_of
from pipelines.training.smoke import make_pictures
from pipelines.training.stills import IGNORED_ID, TrainingDataError
from tests.extras import need
from vos.files.rle import encode_counts, runs_of

HEIGHT, WIDTH = 60, 80


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blotches = np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(blotches, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST))


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def coco_file(folder: Path, annotations: list[dict[str, Any]], name: str = "a.png") -> Path:
    path = folder / "instances.json"
    content = {"images": [{"id": 7, "file_name": name, "height": HEIGHT, "width": WIDTH}], "annotations": annotations}
    path.write_text(json.dumps(content))
    return path


def read_one(folder: Path, annotations: list[dict[str, Any]]) -> np.ndarray:
    picture(folder / "pictures" / "a.png")
    (still,) = read_coco_stills(coco_file(folder, annotations), folder / "pictures", weight=1, parts=False)
    return still.load(384, np.random.default_rng(0))[1]


def test_coco_polygons_and_both_run_lengths_give_the_same_mask(tmp_path: Path) -> None:
    mask = square(10, 20, 30)
    segmentations: list[Any] = [
        [[20, 10, 50, 10, 50, 40, 20, 40]],
        {"counts": encode_counts(mask), "size": [HEIGHT, WIDTH]},
        {"counts": runs_of(mask), "size": [HEIGHT, WIDTH]},
    ]
    for segmentation in segmentations:
        labels = read_one(tmp_path, [{"image_id": 7, "segmentation": segmentation, "iscrowd": 0}])
        assert np.array_equal(labels, mask)


def test_coco_polygons_agree_with_the_coco_api(tmp_path: Path) -> None:
    api = need("pycocotools.mask", "formats")
    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = np.linspace(0, 2 * np.pi, 9, endpoint=False) + rng.uniform(0, 0.5)
        radius = rng.uniform(14, 25, 9)
        corners = np.column_stack([40 + np.cos(angles) * radius, 30 + np.sin(angles) * radius])
        polygon = corners.ravel().tolist()
        ours = read_one(tmp_path, [{"image_id": 7, "segmentation": [polygon]}]) == 1
        theirs = api.decode(api.merge(api.frPyObjects([polygon], HEIGHT, WIDTH))).astype(bool)
        # The API rounds borders by rules of its own, up to half a pixel off.
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.9
        x, y = corners.T
        area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
        assert ours.sum() == pytest.approx(area, rel=0.05)


def test_small_coco_instances_lie_on_large_ones_and_crowds_are_ignored(tmp_path: Path) -> None:
    def rle(mask: np.ndarray) -> dict[str, Any]:
        return {"counts": encode_counts(mask), "size": [HEIGHT, WIDTH]}

    small, large, crowd = square(20, 30, 10), square(10, 20, 30), square(0, 60, 15)
    labels = read_one(
        tmp_path,
        [
            {"image_id": 7, "segmentation": rle(small)},
            {"image_id": 7, "segmentation": rle(large)},
            {"image_id": 7, "segmentation": rle(crowd), "iscrowd": 1},
        ],
    )
    assert np.array_equal(labels == 2, small)
    assert np.array_equal(labels == 1, large & ~small)
    assert np.array_equal(labels == IGNORED_ID, crowd)


def test_bad_coco_files_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "pictures" / "a.png")
    good = {"image_id": 7, "segmentation": [[0, 0, 9, 0, 9, 9]]}
    cases: list[tuple[list[dict[str, Any]], str, str]] = [
        ([good], "missing.png", r"missing\.png: missing"),
        ([good], "../outside.png", "out of the folder"),
        ([], "a.png", "no instance"),
        ([{"image_id": 8, "segmentation": [[0, 0, 9, 0, 9, 9]]}], "a.png", "image 8"),
        ([{"image_id": 7}], "a.png", "not COCO instance annotations"),
    ]
    for broken, name, message in cases:
        path = coco_file(tmp_path, broken, name)
        with pytest.raises(TrainingDataError, match=message):
            read_coco_stills(path, tmp_path / "pictures", weight=1, parts=False)
    with pytest.raises(TrainingDataError, match=r"a\.png: its COCO annotation is damaged"):
        read_one(tmp_path, [{"image_id": 7, "segmentation": {"counts": [5], "size": [HEIGHT, WIDTH]}}])


def test_regions_are_connected_disjoint_and_new_at_every_draw(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (still,) = read_regions(tmp_path, weight=0.5, parts=False)
    assert still.weight == 0.5
    rng = np.random.default_rng(0)
    draws = [still.load(384, rng)[1] for _ in range(6)]
    assert len({draw.tobytes() for draw in draws}) == 6
    for labels in draws:
        assert labels.max() >= 1
    again = np.random.default_rng(0)
    assert np.array_equal(still.load(384, again)[1], draws[0])


def test_a_pseudo_object_is_one_connected_piece() -> None:
    rng = np.random.default_rng(3)
    rgb = cv2.resize(rng.integers(0, 255, (9, 12, 3)).astype(np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC)
    for _ in range(10):
        regions = regions_of(rgb, rng)
        assert regions.min() >= 1
        labels = join_regions(rgb, regions, rng)
        for label in range(1, labels.max() + 1):
            pieces, _, stats, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8), connectivity=4)
            # Lines between regions are given to a neighbour pixel by pixel, which may leave crumbs.
            areas = stats[1:, cv2.CC_STAT_AREA]
            assert areas.max() > 0.95 * areas.sum()
            assert pieces >= 2


def test_a_mix_file_joins_sources_with_their_weights(tmp_path: Path) -> None:
    make_pictures(tmp_path / "shapes", count=2, seed=0)
    picture(tmp_path / "coco" / "a.png")
    coco_file(tmp_path, [{"image_id": 7, "segmentation": [[0, 0, 40, 0, 40, 40]]}])
    picture(tmp_path / "wild" / "b.png")
    mix = tmp_path / "mix.toml"
    mix.write_text(
        '[[source]]\nkind = "folders"\npath = "shapes"\nweight = 3\nparts = true\n'
        '[[source]]\nkind = "coco"\npath = "instances.json"\nimages = "coco"\n'
        '[[source]]\nkind = "regions"\npath = "wild"\nweight = 0.25\n'
    )
    stills = list_stills(mix)
    assert [(still.weight, still.parts) for still in stills] == [(3, True), (3, True), (1, False), (0.25, False)]
    for still in stills:
        rgb, labels = still.load(64, np.random.default_rng(0))
        assert rgb.shape[:2] == labels.shape
        assert max(labels.shape) == 64
        assert labels.any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"\[\[source\]\]"),
        ("[[source]]\nkind = 'folder'\npath = 'a'", "kind is 'folder'; it must be one of folders, coco, regions"),
        ("[[source]]\nkind = 'coco'\npath = 'a'", "needs `images`"),
        ("[[source]]\nkind = 'regions'\npath = 'a'\nwieght = 1", "source 1: unknown key 'wieght'"),
        ("[[source]]\nkind = 'regions'\npath = 'a'\nweight = 0", "weight is 0"),
        ("[[source]]\nkind = 'regions'\npath = 'a'", "a: no such folder"),
        ("[[source", "not a readable TOML"),
    ],
)
def test_a_bad_mix_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    mix = tmp_path / "mix.toml"
    mix.write_text(text)
    with pytest.raises(TrainingDataError, match=message):
        list_stills(mix)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no <source>/images"):
        list_stills(tmp_path)
    (tmp_path / "a" / "images").mkdir(parents=True)
    (tmp_path / "a" / "images" / "lonely.png").write_bytes(b"")
    with pytest.raises(TrainingDataError, match=r"lonely\.png: no mask"):
        list_stills(tmp_path)


def test_held_aside_pictures_are_never_trained_on(tmp_path: Path) -> None:
    make_pictures(tmp_path / "shapes", count=10, seed=0)
    stills = list_stills(tmp_path)
    training, held = hold_aside(stills, 0.2)
    assert len(held) == 2
    assert not {still.image for still in training} & {still.image for still in held}
    assert len(training) + len(held) == 10
    assert hold_aside(stills, 0) == (stills, [])
    with pytest.raises(TrainingDataError, match="too few"):
        hold_aside(stills, 0.01)
