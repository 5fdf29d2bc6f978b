"""`vos ui` and `vos perf ui` from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.extras import need
from vos.cli.main import main

SMALL = ("--short-side", "64", "--device", "cpu")


def exit_of(*arguments: object) -> object:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments)])
    return stopped.value.code


def test_a_video_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("starlette", "ui")
    assert exit_of("ui", tmp_path / "none.mp4", "--no-browser", *SMALL) == 1
    assert capsys.readouterr().err == f"vos: error: {tmp_path / 'none.mp4'}: no such file or folder\n"


def test_an_output_without_a_video_is_a_mistake_in_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of("ui", "--output", "x") == 2
    assert "belongs to a VIDEO" in capsys.readouterr().err


def test_without_the_extra_the_command_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("starlette", "vos.ui.app", "vos.ui.security"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert exit_of("ui", "clip.mp4") == 2
    assert "pip install 'seem-vos[ui]'" in capsys.readouterr().err


def test_the_benchmark_times_strokes_and_watches_memory(capsys: pytest.CaptureFixture[str]) -> None:
    need("starlette", "ui")
    assert (
        exit_of("perf", "ui", "--strokes", "1", "--runs", "2", "--width", "96", "--height", "64", "--json", *SMALL) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert [len(found["first_masks"][name]) for name in ("cold", "drawn", "further")] == [1, 1, 1]
    assert all(value > 1e6 for value in found["memory"]["resident"])
