"""Prompts in manifests: every kind, on any frame, for several objects, as the options of `vos track` give them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.fleet.job_list import read_rows
from pipelines.fleet.jobs import JobSpec, PromptSource
from pipelines.fleet.rows import Defaults, JobListError, job_specs
from pipelines.perf.clips import draw_frames
from tests.pipelines.fleet.conftest import MakeClips
from tests.pipelines.fleet.helpers import HEIGHT, SHORT_SIDE, WIDTH, first_box, mask_hashes, vos
from vos.cli.prompt_kinds import PROMPT_KINDS
from vos.cli.prompt_options import prompt_option_names

TRACK = ("--device", "cpu", "--short-side", SHORT_SIDE, "--quiet")
BATCH = ("--device", "cpu", "--quiet")


def write_csv(path: Path, *rows: Mapping[str, object]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def problem_of(tmp_path: Path, **columns: object) -> str:
    for name in ("a.mp4", "a.png", "b.png"):
        (tmp_path / name).touch()
    path = tmp_path / "jobs.jsonl"
    path.write_text(json.dumps({"video": "a.mp4", **columns}) + "\n", encoding="utf-8")
    with pytest.raises(JobListError) as raised:
        list(job_specs(read_rows(str(path)), Defaults(tmp_path / "out")))
    (problem,) = raised.value.problems
    assert problem.startswith(f"{path}: line 1: ") and "\n" not in problem
    return problem


def spec_of(tmp_path: Path, **columns: object) -> JobSpec:
    for name in ("a.mp4", "a.png", "b.png"):
        (tmp_path / name).touch()
    path = tmp_path / "jobs.jsonl"
    path.write_text(json.dumps({"video": "a.mp4", **columns}) + "\n", encoding="utf-8")
    (spec,) = job_specs(read_rows(str(path)), Defaults(tmp_path / "out"))
    assert JobSpec.from_json(spec.to_json()) == spec
    return spec


def test_several_objects_on_several_frames_give_the_bytes_of_vos_track(clips: MakeClips, tmp_path: Path) -> None:
    video = clips(2, 8)[0]
    row = {
        "video": video,
        "box": f"{first_box()}|8,8,24,24",
        "point": "12,12",
        "frame": "0|3|3",
        "object": "disc|late|late",
        "short_side": SHORT_SIDE,
    }
    assert vos("batch", write_csv(tmp_path / "jobs.csv", row), "-o", tmp_path / "out", *BATCH) == 0
    options = ("--object", "disc", "--box", first_box(), "--at", 3, "--object", "late", "--box", "8,8,24,24")
    assert vos("track", video, *options, "--point", "12,12", "-o", tmp_path / "single", *TRACK) == 0
    run = tmp_path / "out" / video.stem
    assert len(mask_hashes(run)) == 8
    assert mask_hashes(run) == mask_hashes(tmp_path / "single")
    record, single = (json.loads((folder / "run.json").read_text()) for folder in (run, tmp_path / "single"))
    assert record["names"] == single["names"] == {"1": "disc", "2": "late"}
    assert [(prompt["object"], prompt["frame"]) for prompt in record["prompts"]] == [(1, 0), (2, 3), (2, 3)]
    assert record["objects"]["2"]["frames"] <= 5


def test_a_prompt_on_a_later_frame_can_apply_to_the_frames_before_it(clips: MakeClips, tmp_path: Path) -> None:
    video = clips(2, 8)[0]
    labels = [labels for _, labels in draw_frames(WIDTH, HEIGHT, 8, 1)][6]
    Image.fromarray((labels == 1).astype(np.uint8) * 255).save(tmp_path / "sixth.png")
    row = {"video": video, "mask": "sixth.png", "frame": "6", "direction": "both", "short_side": SHORT_SIDE}
    assert vos("batch", write_csv(tmp_path / "jobs.csv", row), "-o", tmp_path / "out", *BATCH) == 0
    first = np.array(Image.open(tmp_path / "out" / video.stem / "masks" / "00000.png"))
    truth = next(iter(draw_frames(WIDTH, HEIGHT, 1, 1)))[1] == 1
    assert ((first == 1) & truth).sum() > 0.5 * ((first == 1) | truth).sum()


def test_a_referring_image_prompts_a_video(clips: MakeClips, tmp_path: Path) -> None:
    video = clips(2, 8)[0]
    picture, labels = next(iter(draw_frames(WIDTH, HEIGHT, 1, 1)))
    Image.fromarray(picture).save(tmp_path / "picture.png")
    Image.fromarray((labels == 1).astype(np.uint8) * 255).save(tmp_path / "marked.png")
    row = {
        "video": video,
        "reference": "picture.png",
        "reference_mask": "marked.png",
        "object": "5",
        "short_side": SHORT_SIDE,
    }
    assert vos("batch", write_csv(tmp_path / "jobs.csv", row), "-o", tmp_path / "out", *BATCH) == 0
    options = ("--object", 5, "--reference", tmp_path / "picture.png", "--reference-mask", tmp_path / "marked.png")
    assert vos("track", video, *options, "-o", tmp_path / "single", *TRACK) == 0
    assert mask_hashes(tmp_path / "out" / video.stem) == mask_hashes(tmp_path / "single")
    assert (np.array(Image.open(tmp_path / "single" / "masks" / "00000.png")) == 5).any()


def test_text_is_refused_for_the_compact_model_in_one_line_with_file_and_row(
    clips: MakeClips, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    video = clips(2, 8)[0]
    manifest = write_csv(tmp_path / "jobs.csv", {"video": video, "text": "the disc"})
    assert vos("batch", manifest, "-o", tmp_path / "out", *BATCH) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "the disc" in line]
    assert line.strip() == (
        f"{manifest}: line 2: text 'the disc': the compact model does not support text; choose a SEEM model"
    )
    assert not (tmp_path / "out").exists()


def test_text_is_accepted_for_a_seem_model(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, text=["the dog", "a ball"], object=["dog", "ball"], model="seem-focalt-v1")
    assert spec.prompts == (
        PromptSource("text", "the dog", 0, "dog"),
        PromptSource("text", "a ball", 0, "ball"),
    )


def test_settings_hold_for_all_prompts_or_for_each(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, box=["1,2,30,40", "3,4,30,40"], negative_point="5,6", frame="2.5s", object=["", "7", "7"])
    assert spec.prompts == (
        PromptSource("box", "1,2,30,40", "2.5s"),
        PromptSource("box", "3,4,30,40", "2.5s", "7"),
        PromptSource("negative-point", "5,6", "2.5s", "7"),
    )


def test_a_reference_is_followed_by_its_mark(tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path, reference=["a.png", "b.png"], reference_stroke=["b.png", "a.png"], box="1,2,3,4", frame=[1, 2, 3]
    )
    picture, mark = str(tmp_path / "a.png"), str(tmp_path / "b.png")
    assert spec.prompts == (
        PromptSource("reference", picture, 1),
        PromptSource("reference-stroke", mark, 1),
        PromptSource("reference", mark, 2),
        PromptSource("reference-stroke", picture, 2),
        PromptSource("box", "1,2,3,4", 3),
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"box": ["1,2,3,4", "1,2,3,5"], "frame": [0, 1, 2]}, "frame: 3 values for 2 prompt(s)"),
        ({"box": "1,2,3,4", "frame": "soon"}, "frame soon: expected a frame like 40, or a time"),
        ({"box": "1,2,3,4", "object": "70000"}, "object 70000: an object id is in 1..65535"),
        ({"box": "1,2,3,4", "direction": "up"}, "--direction up: not one of forward, backward, both"),
        ({"box": "1,2,3"}, "--box 1,2,3: expected x0,y0,x1,y1"),
        ({"reference": "a.png"}, "1 value(s) of reference, but 0 of reference_mask or reference_stroke"),
        ({"box": "1,2,3,4", "reference_mask": "a.png"}, "0 value(s) of reference, but 1 of"),
        ({"reference": "a.png", "reference_mask": "a.png", "reference_stroke": "b.png"}, "give one of them"),
        ({"reference": "c.png", "reference_mask": "a.png"}, "reference c.png: no such file"),
        ({"box": "1,2,3,4", "remove": "cat", "frame": [0, 5]}, "--remove cat: no object has this name"),
        ({"remove": "1"}, "no prompt; give one of script, stroke, mask,"),
        ({"first_frame_stroke": "a.png"}, "unknown column"),
    ],
)
def test_mistakes_name_the_row_and_the_column(tmp_path: Path, columns: dict[str, object], message: str) -> None:
    assert message in problem_of(tmp_path, **columns)


def test_every_prompt_option_has_a_column() -> None:
    """A kind that is added to the table is an option and a column at once."""
    from pipelines.fleet.rows import COLUMNS

    columns = {name.replace("_", "-") for name in COLUMNS} | {"at"}
    assert set(PROMPT_KINDS) <= set(prompt_option_names())
    assert set(prompt_option_names()) - columns == {"first-frame-stroke", "replace", "candidate"}
