"""A sample of the fuzz corpus; and whether the judge of all cases would notice what it looks for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from tests.fuzz.cases import MAKERS, make_case
from tests.fuzz.commands import Maker, tracking
from tests.fuzz.corpus import BOX, Corpus, make_corpus
from tests.fuzz.judge import Case, judge, judge_in_process_of_its_own
from tests.fuzz.tricks import (
    NO_VIDEOS,
    SCRIPT_ENTRIES,
    TARGETS,
    WRONG_PICTURES,
    no_video,
    odd_target,
    tricky_script,
    wrong_picture,
)
from vos.files.index_png import write_palette_png
from vos.tracking import load_model as model_loading

LIMIT = 20.0
# The nightly command is meant to find new faults; this sample is always the same.
SEED = 1


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    loader = model_loading.MODELS["compact"]
    yield make_corpus(tmp_path_factory.mktemp("corpus"))
    model_loading.MODELS["compact"] = loader


TRICKS = [
    *((wrong_picture, kind) for kind in WRONG_PICTURES),
    *((tricky_script, kind) for kind in SCRIPT_ENTRIES),
    *((odd_target, kind) for kind in TARGETS),
    *((no_video, kind) for kind in NO_VIDEOS),
]


@pytest.mark.parametrize(("maker", "kind"), TRICKS, ids=lambda value: getattr(value, "__name__", value))
def test_every_trick_is_seen_through(maker: Callable[..., Case], kind: str, corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    verdict = judge(maker(np.random.default_rng(SEED), corpus, folder, kind), limit=LIMIT)
    assert not verdict.faults, (verdict.case, verdict.faults, verdict.said)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_broken_input_is_done_or_refused_in_one_line(maker: Maker, corpus: Corpus, tmp_path: Path) -> None:
    for number in range(3 if MAKERS[maker] > 4 else 1):
        folder = tmp_path / str(number) / "case"
        folder.mkdir(parents=True)
        verdict = judge(make_case(number, SEED, corpus, folder, {maker: 1}), limit=LIMIT)
        assert not verdict.faults, (verdict.case, verdict.faults, verdict.said)


def test_the_installed_command_takes_broken_input_as_well(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(corpus.clip.read_bytes()[:700])
    case = Case("own process", tracking(tmp_path / "broken.mp4", tmp_path / "out", *BOX), ("broken.mp4",))
    verdict = judge_in_process_of_its_own(case, limit=120)
    assert not verdict.faults, (verdict.faults, verdict.said)
    assert verdict.status == 1


def test_a_message_is_one_line_whatever_the_file_is_called(corpus: Corpus, tmp_path: Path) -> None:
    case = Case(
        "", tracking(corpus.clip, tmp_path / "out", "--mask", "two\nlines\x1b[31m.png"), ("two\\nlines\\x1b[31m",)
    )
    verdict = judge(case, limit=LIMIT)
    assert (verdict.status, verdict.faults) == (2, [])


def test_cases_repeat(corpus: Corpus, tmp_path: Path) -> None:
    folders = [tmp_path / name / "case" for name in "ab"]
    contents = []
    for folder in folders:
        folder.mkdir(parents=True)
        make_case(5, SEED, corpus, folder)
        contents.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert contents[0] == contents[1] != {}


def _raise() -> None:
    raise KeyError("mask")


def _say_nothing() -> None:
    raise SystemExit(1)


def _say_much() -> None:
    click.echo("vos: error: clip.mp4: one\ntwo", err=True)
    raise SystemExit(1)


def _hang() -> None:
    while True:
        pass


# What a command does -> words of the fault that the judge finds.
FAULTY: dict[str, tuple[Callable[[], None], str]] = {
    "a traceback": (_raise, "KeyError"),
    "silence": (_say_nothing, "names none of"),
    "two lines": (_say_much, "more than one line"),
    "a hang": (_hang, "takes more than"),
    "an unknown status": (lambda: exit(7), "status 7"),
    "success": (lambda: exit(0), "succeeds without out"),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_the_judge_sees(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    behaviour, words = FAULTY[kind]
    monkeypatch.setattr("tests.fuzz.judge.main", lambda _arguments: behaviour())
    verdict = judge(Case("", (), ("clip.mp4",), (tmp_path / "out",)), limit=0.2)
    assert any(words in fault for fault in verdict.faults), verdict.faults


def test_the_judge_sees_a_bomb_that_was_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([1 << 29, 1 << 31])
    monkeypatch.setattr("tests.fuzz.judge.main", lambda _arguments: exit(0))
    monkeypatch.setattr("tests.fuzz.judge._peak", lambda: next(peaks))
    assert judge(Case("", (), ()), limit=LIMIT).faults == ["takes 1536 MiB of memory"]


def test_the_judge_sees_what_was_touched_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    def touch(_arguments: list[str]) -> None:
        (tmp_path / "mine.txt").write_text("yours")
        raise SystemExit(0)

    monkeypatch.setattr("tests.fuzz.judge.main", touch)
    assert judge(Case("", (), (), untouched=(tmp_path,)), limit=LIMIT).faults == [f"touches {tmp_path}"]


def _break_a_mask(run: Path) -> None:
    (run / "masks/00002.png").write_bytes(b"\x89PNG")


def _lose_a_mask(run: Path) -> None:
    (run / "masks/00002.png").unlink()


def _add_a_mask(run: Path) -> None:
    write_palette_png(run / "masks/00099.png", np.zeros((4, 4), np.uint8))


def _leave_a_part(run: Path) -> None:
    (run / ".overlay.mp4.7.part").touch()


def _break_the_record(run: Path) -> None:
    (run / "run.json").write_text("{")


@pytest.mark.parametrize("damage", [_break_a_mask, _lose_a_mask, _add_a_mask, _leave_a_part, _break_the_record])
def test_the_judge_sees_output_that_is_not_whole(
    damage: Callable[[Path], None], corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.judge.main", lambda _arguments: exit(0))
    run = tmp_path / "run"
    shutil.copytree(corpus.finished, run)
    assert not judge(Case("", (), (), (run,)), limit=LIMIT).faults
    damage(run)
    assert judge(Case("", (), (), (run,)), limit=LIMIT).faults
