"""Two folders compared directly: `vos eval A B`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.baseline import boundary_measure
from eval.compare import compare_folders
from tests.vos.runs.finished_runs import label_maps, write_clip, write_run
from vos.cli.main import main
from vos.files.index_png import write_palette_png


def write(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, labels in enumerate(frames):
        write_palette_png(folder / f"{index:05d}.png", labels)
    return folder


def labels(shift: int = 0, ids: tuple[int, ...] = (1, 3)) -> np.ndarray:
    picture = np.zeros((60, 90), np.uint8)
    for place, object_id in enumerate(ids):
        picture[10 + 25 * place : 30 + 25 * place, 10 + shift : 50 + shift] = object_id
    return picture


def ran(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["eval", *map(str, arguments)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, said.out, said.err


def test_scores_are_those_of_the_measures(tmp_path: Path) -> None:
    ours = write(tmp_path / "a", [labels(shift) for shift in (0, 4, 20)])
    truth = write(tmp_path / "b", [labels(0)] * 3)
    found = compare_folders(ours, truth)
    assert [(own.object_id, own.frames) for own in found.objects] == [(1, 3), (3, 3)]
    expected = np.mean([40 / 40, 36 / 44, 20 / 60])
    assert [own.j for own in found.objects] == pytest.approx([expected] * 2)
    f = [boundary_measure(labels(s) == 3, labels() == 3, np.zeros((60, 90), bool)) for s in (0, 4, 20)]
    assert found.objects[1].f == pytest.approx(np.mean(f))


def test_binary_masks_are_one_object_whatever_their_white_is(tmp_path: Path) -> None:
    ours = write(tmp_path / "a", [labels(0, (1,))])
    truth = write(tmp_path / "b", [labels(0, (255,))])
    assert compare_folders(ours, truth).overall == (1, 1, 1)


def test_void_of_the_second_folder_is_not_looked_at(tmp_path: Path) -> None:
    with_void = labels()
    with_void[:5] = 255
    ours = labels()
    ours[:5] = 1
    found = compare_folders(write(tmp_path / "a", [ours]), write(tmp_path / "b", [with_void]))
    assert found.overall == (1, 1, 1)


def test_runs_and_folders_of_runs_are_taken_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "runs" / "clip", write_clip(tmp_path / "clip.mkv"), label_maps())
    code, out, _ = ran(run, run / "masks", "--json", tmp_path / "scores.json", capsys=capsys)
    assert code == 0
    assert "1.0000" in out
    assert json.loads((tmp_path / "scores.json").read_text())["overall"] == {"J&F": 1.0, "J": 1.0, "F": 1.0}
    assert ran(tmp_path / "runs", tmp_path / "runs", capsys=capsys)[0] == 0


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write(tmp_path / "a", [labels()])
    b = write(tmp_path / "b", [labels()] * 3)
    small = write(tmp_path / "c", [labels()[:30]] * 3)
    (tmp_path / "empty").mkdir()
    for code, word, arguments in (
        (1, "2 predicted mask(s) missing", (a, b)),
        (1, "differ in size", (small, b)),
        (1, "holds no PNG", (tmp_path / "empty", b)),
        (1, "no such folder", (tmp_path / "none", b)),
        (2, "vos eval A B", (a,)),
        (2, "--root is for a data set", (a, b, "--root", tmp_path)),
    ):
        status, _, err = ran(*arguments, capsys=capsys)
        assert (status, err.count("\n")) == (code, 1), err
        assert word in err
    assert ran(a, b, "--allow-missing", capsys=capsys)[0] == 0


def test_predictions_that_nothing_is_compared_with_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write(tmp_path / "truth", [labels(shift) for shift in range(3)])
    longer = write(tmp_path / "longer", [labels(shift) for shift in range(5)])
    status, _, err = ran(longer, truth, capsys=capsys)
    assert status == 0
    assert "2 predicted masks have no annotation, first 00003.png; not scored" in err


def test_a_shift_of_all_numbers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = write(tmp_path / "truth", [labels(shift) for shift in range(4)])
    shifted = write(tmp_path / "shifted", [labels(shift) for shift in range(5)])
    (shifted / "00000.png").unlink()
    status, _, err = ran(shifted, truth, "--allow-missing", capsys=capsys)
    assert status != 0
    assert "shifted by 1, so that every mask would be compared with another frame" in err
