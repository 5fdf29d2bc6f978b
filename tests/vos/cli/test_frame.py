"""`vos frame`: the exact picture of a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos.cli.main import main
from vos.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(moving_shapes(count=6, height=64, width=96), tmp_path_factory.mktemp("c") / "a.mp4")


def ran(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["frame", *map(str, arguments)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


# Frames are shown at 0, 47, 94, 120, 167 and 214 ms.
@pytest.mark.parametrize(("given", "index"), [("3", 3), ("0.1s", 2), ("00:00:00.17", 4), ("0", 0)])
def test_the_pixels_are_those_that_are_tracked(given: str, index: int, clip: Path, tmp_path: Path) -> None:
    assert ran(clip, given, "-o", tmp_path / "f.png") == 0
    with open_source(clip) as source:
        assert np.array_equal(np.array(Image.open(tmp_path / "f.png")), list(source)[index].rgb)


def test_the_name_says_which_frame_it_is(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ran(clip, 5) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a_00005.png"]


def test_mistakes_are_one_line(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.png").touch()
    for code, arguments in (
        (1, (clip, 6, "-o", tmp_path / "f.png")),
        (2, (clip, "2.5", "-o", tmp_path / "f.png")),
        (2, (clip, "9s", "-o", tmp_path / "f.png")),
        (1, (clip, 1, "-o", tmp_path / "there.png")),
        (1, (tmp_path / "none.mp4", 1)),
        (2, ("-", 1)),
    ):
        assert ran(*arguments) == code
        err = capsys.readouterr().err
        assert err.count("\n") == 1, err
    assert not (tmp_path / "f.png").exists()


def test_what_a_click_may_mean_is_written_as_masks(clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "frame.png"
    assert ran(clip, 2, "-o", picture, "--candidates", "40,30") == 0
    masks = sorted(tmp_path.glob("frame_candidate*.png"))
    assert 1 <= len(masks) <= 3
    areas = [int((np.array(Image.open(mask)) == 255).sum()) for mask in masks]
    assert areas == sorted(areas, reverse=True)
    assert ran(clip, 2, "-o", tmp_path / "other.png", "--candidates", "400,30") != 0
    assert not (tmp_path / "other.png").exists()
