"""The robot that scribbles, and `vos benchmark davis-interactive`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval.interactive import read_interactions, score_interactions
from pipelines.interactive.scribbles import scribbles_in, thin
from pipelines.interactive.session import SECONDS_PER_ROUND
from tests.pipelines.datasets.layouts import FRAMES, write_davis, write_scribbles
from tests.pipelines.fleet.helpers import SHORT_SIDE, vos


def test_a_skeleton_is_one_pixel_wide_and_in_one_piece() -> None:
    bar = np.zeros((21, 60), np.uint8)
    bar[5:16, 5:55] = 1
    skeleton = thin(bar)
    assert (skeleton & (bar == 0)).sum() == 0
    assert cv2.connectedComponents(skeleton.astype(np.uint8), connectivity=8)[0] == 2
    assert skeleton[:, 20:40].sum(0).tolist() == [1] * 20
    assert skeleton[10, 20:40].all()


def test_a_scribble_follows_the_middle_of_an_error_and_stays_inside() -> None:
    ring = np.zeros((120, 160), np.uint8)
    cv2.ellipse(ring, (80, 60), (60, 40), 0, 0, 300, 1, 12)
    ring[2:4, 2:5] = 1  # a speck is no scribble
    (path,) = scribbles_in(ring.astype(bool))
    assert len(path) > 20
    depth = cv2.distanceTransform(ring, cv2.DIST_L2, 5)
    inner = path[2:-2].astype(int)
    assert depth[inner[:, 1], inner[:, 0]].min() > 3
    assert not scribbles_in(np.zeros((9, 9), bool))


def test_of_several_errors_the_longest_scribble_comes_first() -> None:
    error = np.zeros((80, 200), bool)
    error[5:15, 10:60] = True
    error[40:52, 10:190] = True
    lengths = [np.hypot(*np.diff(path, axis=0).T).sum() for path in scribbles_in(error)]
    assert len(lengths) == 2
    assert lengths[0] > 2 * lengths[1]


def command(*arguments: object) -> int:
    common = ("--split", "val", "--device", "cpu", "--short-side", SHORT_SIDE, "--rounds", 2)
    return vos("benchmark", "davis-interactive", *arguments, *common)


@pytest.mark.parametrize("robot", ["scribbles", "clicks"])
def test_rounds_are_scored_kept_and_resumed(robot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    output = tmp_path / "session"
    options = (root, "--dataset", "davis17", "--robot", robot, "-o", output)
    assert command(*options, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    rows = read_interactions(output / "session.csv")
    assert {row.frame for row in rows} == set(range(FRAMES)), "all frames are scored, also the first and the last"
    assert {row.object_id for row in rows} == {1, 2}
    scores = score_interactions(rows, interactions=2, seconds_per_object=2 * SECONDS_PER_ROUND)
    assert report["scores"]["auc"] == pytest.approx(scores.auc)
    first = [(row.j + row.f) / 2 for row in rows if row.interaction == 1]
    assert report["rounds"][0] == pytest.approx(np.mean(first))
    assert command(*options, "--json") == 1, "the rows are there"
    capsys.readouterr()
    assert command(*options, "--json", "--resume") == 0
    assert json.loads(capsys.readouterr().out) == report


def test_people_may_draw_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_davis(tmp_path / "davis", 2017, {"two": 2})
    write_scribbles(root, "two", 2, 0)
    assert command(root, "--dataset", "davis17", "--first", "human", "--scribbles", 1) == 0
    assert "1 sessions, robot: scribbles, first round by: human" in capsys.readouterr().out
    assert command(root, "--dataset", "davis17", "--first", "human") == 1
    assert "002.json: no such file; --first robot draws" in capsys.readouterr().err
