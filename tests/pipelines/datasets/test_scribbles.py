"""`vos benchmark --prompt scribble`: what people have drawn for DAVIS drives the stroke mode."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.pipelines.datasets.layouts import FRAMES, benchmark, write_davis, write_scribbles
from vos.files.index_png import read_palette_png

# A brush of one pixel, as scribbles have at 64 lines, needs the model at twice that.
SCRIBBLED = ("--prompt", "scribble", "--short-side", 128)


def test_scribbles_in_the_middle_are_tracked_to_both_ends(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    write_scribbles(root, "two", 2, frame=2)
    assert benchmark("davis17", root, tmp_path / "out", *SCRIBBLED) == 0
    predictions = sorted((tmp_path / "out" / "predictions" / "two").iterdir())
    assert [path.name for path in predictions] == [f"{index:05d}.png" for index in range(FRAMES)]
    for path in predictions:
        labels, truth = read_palette_png(path), read_palette_png(root / "Annotations" / "480p" / "two" / path.name)
        for object_id in (1, 2):
            mine, true = labels == object_id, truth == object_id
            assert (mine & true).sum() / (mine | true).sum() > 0.8, f"{path.name}, object {object_id}"
    for run in ("two", "two.backward"):
        record = json.loads((tmp_path / "out" / "runs" / run / "run.json").read_text())
        assert [(item["kind"], item["object"], item["frame"]) for item in record["prompts"]] == [
            ("stroke", 1, 0),
            ("stroke", 2, 0),
        ]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["protocol"]["prompt"], report["protocol"]["scribble_file"]) == ("scribble", 1)
    assert [(row["name"], row["frames"]) for row in report["sequences"]] == [("two", FRAMES)]


def test_scribbles_on_the_first_frame_need_one_way_only_and_no_ground_truth(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    write_scribbles(root, "two", 2, frame=0, number=3)
    options = (*SCRIBBLED, "--scribble", 3, "--no-score")
    assert benchmark("davis17", root, tmp_path / "with", *options) == 0
    shutil.rmtree(root / "Annotations")
    assert benchmark("davis17", root, tmp_path / "without", *options) == 0
    assert [path.name for path in (tmp_path / "without" / "runs").iterdir()] == ["two"]
    for path in sorted((tmp_path / "with" / "predictions" / "two").iterdir()):
        assert path.read_bytes() == (tmp_path / "without" / "predictions" / "two" / path.name).read_bytes()


def test_all_objects_of_a_scribble_file_are_one_in_davis16(tmp_path: Path) -> None:
    root = write_davis(tmp_path / "davis", 2016, {"pair": 2})
    write_scribbles(root, "pair", 2, frame=0)
    assert benchmark("davis16", root, tmp_path / "out", *SCRIBBLED, "--no-score") == 0
    masks = sorted((tmp_path / "out" / "runs" / "pair" / "masks").iterdir())
    assert set(np.unique(read_palette_png(masks[0]))) == {0, 1}
    record = json.loads((tmp_path / "out" / "runs" / "pair" / "run.json").read_text())
    (prompt,) = record["prompts"]
    strokes = json.loads(Path(prompt["source"]).read_text())["scribbles"][0]
    assert [stroke["object_id"] for stroke in strokes] == [1, 1]


def test_mistakes_in_scribbles_are_reported_before_anything_is_tracked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    output = tmp_path / "out"

    def message(status: int, *options: object, dataset: str = "davis17") -> str:
        assert benchmark(dataset, root, output, *SCRIBBLED, *options) == status
        assert not output.exists()
        return capfd.readouterr().err

    assert "--prompt stroke" in message(1)
    path = write_scribbles(root, "two", 2, frame=1)
    assert "001.json" in message(1, "--scribble", 2)
    assert "davis16 and davis17 only" in message(2, dataset="mose")
    content = json.loads(path.read_text())
    for change, words in (
        ({"scribbles": content["scribbles"][:-1]}, "5 frames"),
        ({"scribbles": [[{**s, "object_id": 3} for s in frame] for frame in content["scribbles"]]}, "object 3"),
        ({"scribbles": [frame[:1] for frame in content["scribbles"]]}, "no scribble of object 2"),
        ({"scribbles": [[] for _ in content["scribbles"]]}, "no scribble of any object"),
    ):
        path.write_text(json.dumps(content | change))
        assert words in message(1 if "frames" in words else 2)
