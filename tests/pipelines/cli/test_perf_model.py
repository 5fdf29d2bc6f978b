"""`vos perf model` prints the split by stage and the ratios to the plain path."""

from __future__ import annotations

import json

import pytest

from seem_model import configs
from tests.seem_model.tiny import tiny_config
from vos.cli.main import main

ARGUMENTS = ("perf", "model", "--width", "96", "--height", "64", "--objects", "1", "--objects", "2", "--repeats", "1")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configs, "config_named", lambda name: tiny_config("v1"))


def test_both_paths_are_measured_for_every_number_of_objects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*ARGUMENTS, "--json"])
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [(run["path"], run["objects"]) for run in runs] == [
        ("product", 1),
        ("product", 2),
        ("plain", 1),
        ("plain", 2),
    ]
    assert all(run["total"] == pytest.approx(sum(run["seconds"].values())) for run in runs)


def test_the_table_names_stages_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(list(ARGUMENTS))
    out = capsys.readouterr().out
    for expected in ("backbone", "pixel decoder", "decoder", "over plain"):
        assert expected in out
