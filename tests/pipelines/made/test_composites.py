"""Scenes out of sequences of one object: exact ids, whole objects, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.errors import DatasetError
from pipelines.made.composites import CompositeSet
from tests.pipelines.datasets.layouts import FRAMES, write_davis
from vos.cli.main import main


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_davis(tmp_path_factory.mktemp("davis"), 2016, {"a": 1, "b": 1, "c": 1, "d": 1})


def scenes(root: Path, seed: int = 0) -> CompositeSet:
    return CompositeSet(str(root), "val", seed, clips=4)


def test_pairs_and_triples_take_turns_and_every_sequence_is_the_stage(root: Path) -> None:
    made = scenes(root)
    names = [made.name(number).split("+") for number in range(4)]
    assert [len(set(cast)) for cast in names] == [2, 3, 2, 3] == [made.tracked(number) for number in range(4)]
    assert [cast[0] for cast in names] == ["a", "b", "c", "d"]
    assert [made.factor(number) for number in range(2)] == ["pairs", "triples"]


@pytest.mark.parametrize("number", range(4))
def test_all_objects_are_there_and_the_rest_of_the_stage_is_untouched(root: Path, number: int) -> None:
    made = scenes(root)
    frames = list(made.render(number))
    alone = list(CompositeSet(str(root), "val", 1, clips=4).render(number))
    assert len(frames) == FRAMES
    ids = set(range(1, made.tracked(number) + 1))
    assert ids <= set(np.unique(frames[0].figures).tolist())
    for frame, other in zip(frames, alone, strict=True):
        # Two seeds put guests elsewhere: what is ground in both, away from borders, is the stage in both.
        ground = np.pad((frame.figures == 0) & (other.figures == 0), 3)
        inner = np.logical_and.reduce([np.roll(ground, (y, x), (0, 1)) for y in (-3, 0, 3) for x in (-3, 0, 3)])
        inner = inner[3:-3, 3:-3]
        assert inner.any() and (frame.rgb[inner] == other.rgb[inner]).all()


def test_the_same_seed_gives_the_same_scenes(root: Path) -> None:
    first, again, other = (next(scenes(root, seed).render(1)) for seed in (0, 0, 1))
    assert (first.figures == again.figures).all() and (first.rgb == again.rgb).all()
    assert (first.figures != other.figures).any()


def test_mistakes_are_named(tmp_path: Path) -> None:
    few = write_davis(tmp_path, 2016, {"a": 1, "b": 1})
    with pytest.raises(DatasetError, match="at least three"):
        list(scenes(few).render(0))


def test_the_command_scores_and_saves(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["benchmark", "composites", "--root", str(root), "--split", "val", "--clips", "1"]
    for arguments in (["--jobs", "1", "--json", "--frames", "12"], ["--save", str(tmp_path / "saved")]):
        with pytest.raises(SystemExit) as caught:
            main([*common, *arguments])
        assert not caught.value.code
        if arguments[0] == "--jobs":
            document = json.loads(capsys.readouterr().out)
            assert document["factors"][0]["factor"] == "pairs" and document["factors"][0]["objects"] == 2
            assert document["factors"][0]["j_and_f"] > 0.5
    saved = tmp_path / "saved/Annotations/480p"
    assert len(list(saved.rglob("*.png"))) == FRAMES
