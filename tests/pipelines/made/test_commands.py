"""`vos benchmark made` and `vos benchmark gate`, with the embedded model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pipelines.made.gate as gate
from pipelines.made.clips import MadeSet
from pipelines.made.run import MadeTracker, run_made
from vos.cli.main import main

TINY = ["--clips", "2", "--factor", "pose", "--factor", "return", "--frames", "12", "--size", "160x96"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["benchmark", *arguments])
    return int(caught.value.code or 0)


def test_made_scores_clips_and_says_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert run("made", *TINY, "--jobs", "1", "--report", str(report)) == 0
    document = json.loads(report.read_text(encoding="utf-8"))
    assert [row["factor"] for row in document["factors"]] == ["pose", "return", "all"]
    assert document["protocol"]["seed"] == 0 and len(document["model"]["weights_sha256"]) == 64
    assert document["factors"][0]["j_and_f"] > 0.8
    shown = capsys.readouterr()
    assert "pose" in shown.out and "identity kept" in shown.out and "000-pose: J&F" in shown.err


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    made = MadeSet(clips=2, frames=6, height=96, width=160, factors=("pose", "crossing"))
    alone, shared = (run_made(made, MadeTracker(device="cpu"), jobs=jobs) for jobs in (1, 2))
    assert [replace(item, seconds=0, peak_bytes=None) for item in alone] == [
        replace(item, seconds=0, peak_bytes=None) for item in shared
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--factor", "rain"], "--factor rain"),
        (["--size", "big"], "--size big"),
        (["--size", "90x50"], "--size 90x50"),
        (["--short-side", "70", "--engine", "onnxruntime", "--model", "seem-focalt-v1"], "--engine onnxruntime"),
    ],
)
def test_mistakes_are_named_in_one_line(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("made", "--clips", "1", *arguments) == 2
    message = capsys.readouterr().err
    assert named in message and message.count("\n") == 1


def test_made_saves_clips_instead_of_tracking_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "clips"
    assert run("made", *TINY, "--save", str(folder)) == 0
    assert (folder / "ImageSets/2017/made.txt").read_text() == "000-pose\n001-return\n"
    assert "2 clips" in capsys.readouterr().out
    assert run("made", *TINY, "--save", str(folder)) == 1


def test_the_gate_fails_below_the_stored_number_and_can_be_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = tmp_path / "gate.toml"
    stored.write_text('# kept\nweights_sha256 = "0000"\nj_and_f = 1.5\n')
    monkeypatch.setattr(gate, "STORED", stored)
    monkeypatch.setattr(gate, "GATE_SET", MadeSet(clips=1, frames=4, height=96, width=160))
    assert run("gate", "--jobs", "1") == 1
    message = capsys.readouterr().err
    assert "tracking got worse" in message and "stored number is of 0000" in message
    assert run("gate", "--jobs", "1", "--renew") == 0
    assert stored.read_text().startswith("# kept\n")
    assert run("gate", "--jobs", "1") == 0


def test_the_gate_holds_the_number_of_the_embedded_weights() -> None:
    """Without this the gate would compare the tracker with one that is no longer shipped."""
    import tomllib

    kept = tomllib.loads(gate.STORED.read_text(encoding="utf-8"))
    current = MadeTracker(device="cpu").load().weights_sha256
    assert kept["weights_sha256"] == current, "new weights: renew the number with `vos benchmark gate --renew`"
    assert 0.5 < kept["j_and_f"] < 1
