"""Details that other tools rely on: members that their readers ask for, and the clock on which they show a video."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vos.export.synthetic_run import feed, run
from vos.export import CocoSink, ExportContext, VideoBoxSink, YoutubeVisSink
from vos.results import FrameResult
from vos.video import Frame, VideoInfo


def test_coco_has_what_pycocotools_asks_for(tmp_path: Path, capsys: Any) -> None:
    coco_module = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (extra: dev)")
    feed(CocoSink(tmp_path / "coco.json", ExportContext("clip.mp4")), run())
    coco = coco_module.COCO(str(tmp_path / "coco.json"))
    coco.info()
    assert "description: masks of clip.mp4" in capsys.readouterr().out
    found = [{"image_id": a["image_id"], "category_id": 1, "bbox": a["bbox"], "score": 1.0} for a in coco.anns.values()]
    assert len(coco.loadRes(found).anns) == len(found)
    assert coco.dataset["licenses"] == []


@pytest.mark.parametrize("sink", [CocoSink, YoutubeVisSink])
def test_no_category_is_there_that_no_object_can_have(tmp_path: Path, sink: Any) -> None:
    ids = sorted({object_id for _, result in run() for object_id in result.object_ids})
    names = {object_id: f"name {object_id}" for object_id in ids}
    feed(sink(tmp_path / "all.json", ExportContext(names=names, has_unnamed=False)), run())
    value = json.loads((tmp_path / "all.json").read_text())
    used = {annotation["category_id"] for annotation in value["annotations"]}
    assert {c["id"] for c in value["categories"]} == used
    assert [c["name"] for c in value["categories"]] == list(names.values())
    feed(sink(tmp_path / "some.json", ExportContext(names={ids[0]: "name"})), run())
    assert [c["name"] for c in json.loads((tmp_path / "some.json").read_text())["categories"]] == ["object", "name"]


def boxes(path: Path, times: list[int], *, start: int = 0, is_vfr: bool = False) -> tuple[dict[str, Any], list[str]]:
    """The only task of a video with frames at `start` + `times` milliseconds, 25 per second on average."""
    info = VideoInfo(
        width=20,
        height=10,
        frame_count=len(times),
        average_rate=Fraction(25),
        time_base=Fraction(1, 1000),
        codec="h264",
        container="mp4",
        is_vfr=is_vfr,
        start_pts=start,
        duration=(times[-1] + 40) / 1000,
    )
    sink = VideoBoxSink(path)
    sink.open(info)
    labels = np.zeros((10, 20), np.uint16)
    labels[2:5, 3:9] = 1
    for index, time in enumerate(times):
        frame = Frame(index, start + time, info.time_base, np.zeros((10, 20, 3), np.uint8))
        sink.write(frame, FrameResult(index, frame.pts, info.time_base, labels, (1,), (0.9,)))
    sink.close()
    (task,) = json.loads(path.read_text())
    return task, sink.notes


def sequence_of(task: dict[str, Any]) -> list[tuple[int, float]]:
    return [(box["frame"], box["time"]) for box in task["predictions"][0]["result"][0]["value"]["sequence"]]


def test_label_studio_counts_frames_on_its_own_clock(tmp_path: Path) -> None:
    steady, notes = boxes(tmp_path / "steady.json", [0, 40, 80, 120])
    assert sequence_of(steady) == [(1, 0.0), (2, 0.04), (3, 0.08), (4, 0.12)]
    assert steady["data"]["fps"] == 25
    assert not notes
    # Frame = time x rate + 1, whatever the number of the frame in the source.
    varying, notes = boxes(tmp_path / "varying.json", [0, 40, 200, 320], is_vfr=True)
    assert sequence_of(varying) == [(1, 0.0), (2, 0.04), (6, 0.2), (9, 0.32)]
    assert varying["predictions"][0]["result"][0]["value"]["framesCount"] == 9
    assert 'frameRate="$fps"' in notes[0]


def test_label_studio_times_begin_with_the_player(tmp_path: Path) -> None:
    late, _ = boxes(tmp_path / "late.json", [0, 40, 80], start=10_000)
    assert sequence_of(late) == [(1, 0.0), (2, pytest.approx(0.04)), (3, pytest.approx(0.08))]
