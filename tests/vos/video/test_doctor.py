"""`vos doctor` says what a clip is, in words and as JSON, and its exit status tells whole from broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from vos.cli.main import cli
from vos.errors import UsageError, VideoError


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["doctor", *arguments], standalone_mode=False, catch_exceptions=False)
    return result.return_value, result.stdout


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_plain_clip_in_words(clips: Any) -> None:
    status, text = run(str(clips.make("a.mp4", range(30))))
    assert status == 0
    for phrase in (
        "h264 in mp4, yuv420p",
        "96 x 64 as displayed",
        "30 (from its packets)",
        "constant, 25.000 frames per second",
        "rotation none",
        "hides nothing",
        "interlaced no",
        "reader PyAV",
    ):
        assert phrase in words(text)


def test_what_is_odd_about_a_clip_is_said(clips: Any) -> None:
    turned = clips.set_display_matrix(clips.make("turned.mp4", [0, 1, 5, 9, 10]), 0, 1, -1, 0)
    text = words(run(str(turned))[1])
    assert "64 x 96 as displayed" in text
    assert "90 degrees clockwise (applied)" in text
    assert "variable, on average" in text
    assert "refused: the picture is turned for display" in text
    assert "edit list hides 5 stored pictures" in words(run(str(clips.cut()))[1])
    late = clips.make("late.ts", [25 + i for i in range(30)])
    assert "start 1.000 s (pts 90000, time base 1/90000)" in words(run(str(late))[1])
    full = clips.make("full.mp4", range(5), full_range=True)
    assert "range full" in words(run(str(full))[1])
    interlaced = clips.make("fields.ts", range(5), options={"x264-params": "interlaced=1"})
    assert "interlaced yes" in words(run(str(interlaced))[1])


def test_json_holds_everything(clips: Any) -> None:
    status, text = run("--json", "--decode", str(clips.make("a.mkv", range(12))))
    data = json.loads(text)
    assert status == 0
    assert data["info"]["frame_count"] == 12
    assert data["info"]["time_base"] == "1/1000"
    assert data["truncation"] is None and data["fully_decoded"] is True
    assert isinstance(data["decord_admitted"], bool) and data["decord_reason"]


def test_an_incomplete_clip_ends_with_status_1_and_the_frame(clips: Any) -> None:
    path = clips.make("a.mp4", range(60), container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-2000])
    for options in ((), ("--decode",)):
        status, text = run(*options, str(path))
        assert status == 1
        assert "NO: incomplete from frame" in words(text)


def test_a_folder_of_images_is_examined_too(tmp_path: Path) -> None:
    for number in (1, 2, 9):
        Image.new("RGB", (20, 10)).save(tmp_path / f"{number}.png")
    status, text = run(str(tmp_path))
    assert status == 0
    assert "png in folder" in text and "6 numbers are missing" in words(text)


def test_what_cannot_be_examined_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        run(str(tmp_path / "none.mp4"))
    with pytest.raises(UsageError, match="live source"):
        run("-")
