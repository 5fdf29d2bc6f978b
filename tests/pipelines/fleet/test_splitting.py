"""One long video in windows: what is the same as in one piece, what is not, and what the record says about it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipelines.fleet.jobs import JobSpec, Part
from pipelines.fleet.splitting import Split, excerpt_for
from pipelines.fleet.stitching import match
from pipelines.perf.clips import draw_frames, write_clip
from tests.pipelines.fleet.helpers import HEIGHT, WIDTH, vos
from vos.errors import PromptError
from vos.files.index_png import read_palette_png, write_palette_png
from vos.prompts import Box, PromptScript, Removal
from vos.video import open_source
from vos.video.excerpt import Excerpt

FRAMES = 40
SIZE = ("--device", "cpu", "--short-side", 96, "--quiet")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two discs that circle, with the mask of their first frame beside it."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    masks = write_clip(path, WIDTH, HEIGHT, FRAMES, 2)
    write_palette_png(path.with_name("long.mask.png"), sum(mask.pixels * mask.object_id for mask in masks))
    return path


@pytest.fixture(scope="module")
def split_run(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("split") / "out"
    assert vos("batch", clip.parent, "-o", output, *SIZE, "--split-frames", 16, "--split-overlap", 4) == 0
    return output / "long"


@pytest.mark.parametrize(("frames", "overlap"), [(2, 1), (16, 4), (16, 8), (100, 1)])
def test_windows_cover_every_frame_and_share_the_overlap(frames: int, overlap: int) -> None:
    for count in range(1, 230):
        windows = Split(frames, overlap).windows(count)
        assert windows[0][0] == 0 and windows[-1][1] == count
        assert all(stop - start <= frames for start, stop in windows)
        assert all(before[1] - after[0] == overlap for before, after in pairwise(windows))
        assert len(windows) == 1 or windows[-1][1] - windows[-1][0] > overlap


def test_a_window_sees_the_prompted_frames_before_it_first() -> None:
    prompts = [Box(1, 1, 5, 5), Box(2, 2, 6, 6, object_id=2, frame=3), Box(3, 3, 7, 7, object_id=3, frame=21)]
    frames, own = excerpt_for(Part("v", "out", 10, 20, 10, 2), PromptScript(tuple(prompts)))
    assert frames == (0, 3, *range(10, 20))
    assert [(prompt.object_id, prompt.frame) for prompt in own.prompts] == [(1, 0), (2, 1)]
    frames, own = excerpt_for(Part("v", "out", 18, 28, 10, 2), PromptScript(tuple(prompts)))
    assert [(prompt.object_id, prompt.frame) for prompt in own.prompts] == [(1, 0), (2, 1), (3, 2 + 3)]


@pytest.mark.parametrize(
    "script",
    [
        PromptScript((Box(1, 1, 5, 5),), (Removal(1, 5),)),
        PromptScript((Box(1, 1, 5, 5), Box(1, 1, 5, 5, object_id=2, frame=4, direction="both"))),
        PromptScript((Box(1, 1, 5, 5, frame=4),)),
    ],
)
def test_scripts_that_windows_cannot_follow_are_refused(script: PromptScript) -> None:
    with pytest.raises(PromptError, match="cannot be split"):
        excerpt_for(Part("v", "out", 10, 20, 10, 2), script)


def test_an_excerpt_has_the_frames_of_its_source_with_their_times(clip: Path) -> None:
    with open_source(clip) as source:
        whole = list(source)
    with Excerpt(open_source(clip), (0, 17, 18, 30)) as excerpt:
        assert excerpt.info.frame_count == 4
        for frame, number in zip(excerpt, (0, 17, 18, 30), strict=True):
            assert frame.pts == whole[number].pts
            assert (frame.rgb == whole[number].rgb).all()


def test_a_split_video_has_a_good_mask_for_every_frame(clip: Path, split_run: Path) -> None:
    masks = sorted((split_run / "masks").iterdir())
    assert [path.name for path in masks] == [f"{index:05d}.png" for index in range(FRAMES)]
    for path, (_, truth) in zip(masks, draw_frames(WIDTH, HEIGHT, FRAMES, 2), strict=True):
        labels = read_palette_png(path)
        for object_id in (1, 2):
            mine, true = labels == object_id, truth == object_id
            assert (mine & true).sum() / (mine | true).sum() > 0.7, f"{path.name}, object {object_id}"


def test_the_first_window_is_that_of_one_run_and_the_result_is_marked_as_approximate(
    clip: Path, split_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert vos("batch", clip.parent, "-o", tmp_path / "out", *SIZE) == 0
    for index in range(16):
        name = f"{index:05d}.png"
        assert (split_run / "masks" / name).read_bytes() == (tmp_path / "out/long/masks" / name).read_bytes()
    record = json.loads((split_run / "run.json").read_text())
    assert record["status"] == "done" and record["frames"] == FRAMES
    assert record["approximate"]["windows"] == [[0, 16], [12, 28], [24, 40]]
    assert [seam["frame"] for seam in record["approximate"]["seams"]] == [16, 28]
    assert all(iou > 0.7 for seam in record["approximate"]["seams"] for iou in seam["iou"].values())
    assert "approximate" not in json.loads((tmp_path / "out/long/run.json").read_text())
    assert vos("verify", clip, split_run) == 0
    assert vos("replay", split_run, "-o", tmp_path / "replay") == 1
    assert "no replay" in capfd.readouterr().err
    assert not split_run.with_name("long.parts").exists()


def test_a_split_batch_resumes_and_is_done_once(clip: Path, split_run: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "jobs.jsonl"
    row = {"video": str(clip), "mask": str(clip.with_name("long.mask.png")), "split_frames": 16, "split_overlap": 4}
    output = tmp_path / "out"
    manifest.write_text(json.dumps(row) + "\n")
    assert vos("batch", manifest, "-o", output, *SIZE) == 0
    before = (output / "long" / "run.json").stat().st_mtime_ns
    assert vos("batch", manifest, "-o", output, *SIZE, "--resume") == 0
    assert (output / "long" / "run.json").stat().st_mtime_ns == before
    for path in sorted((split_run / "masks").iterdir()):
        assert path.read_bytes() == (output / "long" / "masks" / path.name).read_bytes()


def test_objects_are_matched_by_overlap_and_keep_their_ids_in_a_tie() -> None:
    assert match({(1, 1): 90, (1, 0): 10, (2, 2): 50, (0, 0): 999}, [1, 2])[0] == {1: 1, 2: 2}
    renamed, iou = match({(1, 2): 80, (2, 1): 60, (2, 0): 20}, [1, 2])
    assert renamed == {2: 1, 1: 2}
    assert iou == {1: 1.0, 2: 0.75}
    assert match({(0, 0): 100}, [1, 2]) == ({1: 1, 2: 2}, {1: None, 2: None})


def test_what_cannot_be_split_is_reported_before_anything_runs(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "jobs.jsonl"
    common = {"video": str(clip), "box": "10,10,40,40"}
    rows = [
        {**common, "name": "a", "split_frames": 10, "split_overlap": 6},
        {**common, "name": "b", "split_frames": 10, "split_overlap": 2, "overlay": True},
        {**common, "name": "c", "split_frames": "many"},
    ]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert vos("batch", manifest, "-o", tmp_path / "out", *SIZE) == 2
    message = capfd.readouterr().err
    assert "split_overlap 6" in message and "overlay" in message and "split_frames many" in message
    assert not (tmp_path / "out").exists()


def test_a_part_survives_the_job_store() -> None:
    spec = JobSpec("v 1/2", "v.mp4", (), "out", part=Part("v", "out", 0, 9, 9, 3))
    assert JobSpec.from_json(spec.to_json()) == spec


def test_labels_of_many_objects_can_be_renamed() -> None:
    from pipelines.fleet.stitching import _rename

    labels = np.array([[0, 1, 2], [300, 2, 0]], np.uint16)
    assert _rename(labels, {1: 2, 2: 1, 300: 300}).tolist() == [[0, 2, 1], [300, 1, 0]]
