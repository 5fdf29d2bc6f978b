"""Lists of jobs: folders, patterns, CSV and JSON lines, and the messages about their mistakes."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from pipelines.fleet.job_list import read_rows
from pipelines.fleet.job_store import JobStore
from pipelines.fleet.jobs import JobSpec, PromptSource
from pipelines.fleet.rows import Defaults, JobListError, job_specs
from vos.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.mp4 and b.mp4 with prompts beside them, as empty files: lists are checked without opening videos."""
    for name in ("a.mp4", "a.mask.png", "b.mp4", "b.stroke.png", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def specs(jobs: Path | str) -> list[JobSpec]:
    return list(job_specs(read_rows(str(jobs)), Defaults(Path("/nowhere/out"))))


def problems(jobs: Path) -> list[str]:
    with pytest.raises(JobListError) as raised:
        specs(jobs)
    return raised.value.problems


def test_videos_of_a_folder_take_the_prompts_beside_them(folder: Path) -> None:
    found = specs(folder)
    assert [(spec.name, spec.prompts) for spec in found] == [
        ("a", (PromptSource("mask", str(folder / "a.mask.png")),)),
        ("b", (PromptSource("stroke", str(folder / "b.stroke.png")),)),
    ]


def test_a_pattern_names_videos(folder: Path) -> None:
    assert [spec.name for spec in specs(f"{folder}/a*")] == ["a"]


def test_folders_of_images_are_videos_too(folder: Path) -> None:
    (folder / "walk").mkdir()
    (folder / "walk" / "00000.jpg").touch()
    (folder / "walk.mask.png").touch()
    assert [spec.name for spec in specs(folder)] == ["a", "b", "walk"]


def test_videos_that_differ_in_their_suffix_only_get_different_folders(folder: Path) -> None:
    shutil.copy(folder / "a.mp4", folder / "a.mov")
    assert [spec.name for spec in specs(folder)] == ["a.mov", "a.mp4", "b"]


def test_a_video_without_a_prompt_is_named_with_the_remedy(folder: Path) -> None:
    (folder / "c.mp4").touch()
    (problem,) = problems(folder)
    assert "c.mp4" in problem and "c.stroke.png" in problem


def test_csv_and_json_lines_give_equal_jobs(folder: Path) -> None:
    table = folder / "jobs.csv"
    header = "video,name,mask,point,negative_point,short_side,overlay"
    table.write_text(f'{header}\na.mp4,first,a.mask.png,"2:3,4|2:5,6",,128,true\n', encoding="utf-8")
    lines = folder / "jobs.jsonl"
    row = {
        "video": "a.mp4",
        "name": "first",
        "mask": "a.mask.png",
        "point": ["2:3,4", "2:5,6"],
        "negative_point": None,
        "short_side": 128,
        "overlay": True,
    }
    lines.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (from_table,), (from_lines,) = specs(table), specs(lines)
    assert from_table == from_lines
    assert from_table.model.short_side == 128 and from_table.overlay
    assert JobSpec.from_json(from_table.to_json()) == from_table


def test_all_mistakes_are_reported_at_once_with_their_lines(folder: Path) -> None:
    lines = folder / "jobs.jsonl"
    rows: list[object] = [
        {"video": "a.mp4", "box": "1,2,30,40"},
        {"video": "missing.mp4", "box": "1,2,30,40", "name": "m"},
        {"video": "a.mp4", "box": "30,2,1,40", "name": "empty box"},
        {"video": "a.mp4", "name": "no prompt"},
        {"video": "a.mp4", "box": "1,2,30,40", "name": "../up"},
        {"video": "a.mp4", "box": "1,2,30,40", "colour": "red", "name": "unknown"},
        {"video": "a.mp4", "box": "1,2,30,40", "short_side": 1, "name": "small"},
        {"video": "b.mp4", "box": "1,2,30,40", "name": "A"},
        ["no object"],
    ]
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n", encoding="utf-8")
    messages = problems(lines)
    assert [int(text.split("line ")[1].split(":")[0]) for text in messages] == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    for text, word in zip(
        messages,
        ("no such file", "box", "no prompt", "folder", "colour", "short_side", "taken", "object", "JSON"),
        strict=True,
    ):
        assert word in text


def test_an_empty_list_is_an_error(folder: Path) -> None:
    (folder / "empty.jsonl").touch()
    with pytest.raises(UsageError, match="empty"):
        specs(folder / "empty.jsonl")


def test_a_hundred_thousand_rows_are_checked_and_queued(folder: Path) -> None:
    lines = folder / "jobs.jsonl"
    with open(lines, "w", encoding="utf-8") as file:
        for number in range(100_000):
            file.write(f'{{"video": "a.mp4", "name": "job{number}", "box": "1,2,30,40"}}\n')
    began = time.process_time()
    with JobStore(folder / "journal.sqlite") as store:
        store.replace(job_specs(read_rows(str(lines)), Defaults(folder / "out")))
        assert store.counts() == {"queued": 100_000}
    print(f"{time.process_time() - began:.1f} s of processor time for 100,000 rows")


@pytest.mark.parametrize("name", ["_MG_0012", "mom's clip", "R&D", "clip#2", "100%", "x!", "(1) take", "Weiß", "a$b;c"])
def test_ordinary_names_of_clips_are_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.mp4").touch()
    (tmp_path / f"{name}.mask.png").touch()
    assert [spec.name for spec in specs(tmp_path)] == [name]


@pytest.mark.parametrize(
    ("name", "fault"), [("a:b", "':' in it"), ("-x", "'-' at the beginning"), ("a.", "'.' at the end")]
)
def test_a_name_that_some_file_system_refuses_names_the_character(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.mask.png").touch()
    table = tmp_path / "jobs.jsonl"
    table.write_text(json.dumps({"video": "a.mp4", "name": name, "mask": "a.mask.png"}) + "\n", encoding="utf-8")
    (problem,) = problems(table)
    assert f"{name!r} cannot be the name of a folder: {fault}" in problem
