"""What other tools read in the files: pycocotools, supervision, Datumaro, Label Studio's own decoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.extras import need
from tests.vos.export.masks_of_runs import assert_same_masks, masks_of
from tests.vos.export.synthetic_run import feed, run
from vos.export import ExportContext, make_sink, to_supervision

NAMES = {3: "rabbit"}
FRAMES = run(ids=(1, 3))
MASKS = masks_of([result.labels for _, result in FRAMES])


def written(name: str, folder: Path) -> Path:
    feed(make_sink(name, folder, ExportContext(names=NAMES)), FRAMES)
    return folder


def test_pycocotools_decodes_youtube_vis_burst_and_mots_text(tmp_path: Path) -> None:
    api = need("pycocotools.mask", "formats")

    def decoded(counts: str) -> np.ndarray:
        return np.asarray(api.decode({"size": [32, 48], "counts": counts.encode()})).astype(bool)

    vis = json.loads((written("ytvis", tmp_path) / "youtube_vis.json").read_text())
    for annotation in vis["annotations"]:
        for index, segment in enumerate(annotation["segmentations"]):
            expected = MASKS[annotation["id"]].get(index)
            assert (segment is None) == (expected is None)
            if expected is not None:
                assert np.array_equal(decoded(segment["counts"]), expected)
                rle = {"size": segment["size"], "counts": segment["counts"].encode()}
                assert annotation["bboxes"][index] == api.toBbox(rle).tolist()
                assert annotation["areas"][index] == api.area(rle)
    burst = json.loads((written("burst", tmp_path) / "burst.json").read_text())
    for index, tracks in enumerate(burst["sequences"][0]["segmentations"]):
        assert sorted(map(int, tracks)) == [i for i in MASKS if index in MASKS[i]]
        for object_id, track in tracks.items():
            assert np.array_equal(decoded(track["rle"]), MASKS[int(object_id)][index])
    lines = (written("mots-txt", tmp_path) / "mots.txt").read_text().splitlines()
    for line in lines:
        index, mots_id, category, height, width, counts = line.split(" ")
        assert (height, width) == ("32", "48")
        assert int(mots_id) // 1000 == int(category) == {1: 1, 3: 2}[int(mots_id) % 1000]
        assert np.array_equal(decoded(counts), MASKS[int(mots_id) % 1000][int(index)])
    assert len(lines) == sum(map(len, MASKS.values()))


def test_supervision_has_masks_ids_boxes_and_names() -> None:
    need("supervision", "formats")
    for _, result in FRAMES:
        found = to_supervision(result, NAMES)
        shown = [i for i in result.object_ids if result.index in MASKS[i]]
        assert found.tracker_id.tolist() == shown
        assert found.data["class_name"].tolist() == [NAMES.get(i, "object") for i in shown]
        for row, object_id in enumerate(shown):
            mask = MASKS[object_id][result.index]
            assert np.array_equal(found.mask[row], mask)
            rows, columns = np.nonzero(mask)
            assert found.xyxy[row][:2].tolist() == [columns.min(), rows.min()]
            assert found.confidence[row] == pytest.approx(result.presence[result.object_ids.index(object_id)])


def test_supervision_is_empty_where_no_object_has_a_pixel() -> None:
    need("supervision", "formats")
    (_, result), *_ = run(count=1, ids=(1,))
    result.labels[:] = 0
    assert to_supervision(result).is_empty()


def test_datumaro_reads_cvat_images_and_mots(tmp_path: Path) -> None:
    datumaro = pytest.importorskip(
        "datumaro", reason="datumaro is not installed: it wants other versions of OpenCV and Pillow than this project"
    )
    written("cvat-images", tmp_path / "cvat")
    (tmp_path / "cvat/images").mkdir()
    for frame, _ in FRAMES:
        Image.fromarray(frame.rgb).save(tmp_path / f"cvat/images/frame_{frame.index:06d}.png")
    found: dict[int, dict[int, np.ndarray]] = {}
    dataset = datumaro.Dataset.import_from(str(tmp_path / "cvat"), "cvat")
    labels = [label.name for label in dataset.categories()[datumaro.AnnotationType.label].items]
    for item in dataset:
        for annotation in item.annotations:
            object_id = int(annotation.attributes["object_id"])
            found.setdefault(object_id, {})[int(item.attributes["frame"])] = annotation.image.astype(bool)
            assert labels[annotation.label] == NAMES.get(object_id, "object")
            assert annotation.group == object_id
    assert_same_masks(found, MASKS)
    found.clear()
    written("mots", tmp_path)
    dataset = datumaro.Dataset.import_from(str(tmp_path / "mots"), "mots")
    labels = [label.name for label in dataset.categories()[datumaro.AnnotationType.label].items]
    for item in dataset:
        for annotation in item.annotations:
            object_id = int(annotation.attributes["track_id"])
            found.setdefault(object_id, {})[int(item.id)] = annotation.image.astype(bool)
            assert labels[annotation.label] == NAMES.get(object_id, "object")
    assert_same_masks(found, MASKS)


def test_label_studio_decodes_its_brushes(tmp_path: Path) -> None:
    brush = pytest.importorskip(
        "label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed: it is large, for this check only"
    )
    found: dict[int, dict[int, np.ndarray]] = {}
    for task in json.loads((written("labelstudio", tmp_path) / "label_studio.json").read_text()):
        for region in task["predictions"][0]["result"]:
            pixels = brush.decode_rle(region["value"]["rle"]).reshape(32, 48, 4)
            object_id = int(region["id"].removeprefix("object_"))
            found.setdefault(object_id, {})[task["data"]["frame"]] = pixels[:, :, 3] > 0
    assert_same_masks(found, MASKS)
