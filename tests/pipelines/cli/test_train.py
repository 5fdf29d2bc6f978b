"""`vos train` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

import seem_model
from tests.pipelines.training.tiny import shapes_folder
from vos.cli.main import main


def train(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["train", *map(str, arguments)])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def test_a_stopped_run_names_the_option_to_resume_and_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    weights = Path(seem_model.__file__).parent / "weights" / "compact.safetensors"
    options = ["--data", shapes_folder(tmp_path / "data"), "-o", run, "--steps", 2, "--batch", 1, "--frames", 2]
    options += ["--size", 64, "--workers", 0, "--report-every", 0, "--device", "cpu", "--init", weights]
    assert train(*options, "--stop-after", 1e-6) == 0
    assert "stopped after step 1 of 2; continue with --resume" in capsys.readouterr().out
    assert train(*options) == 1
    assert "pass --resume" in capsys.readouterr().err
    assert train(*options, "--resume") == 0
    assert capsys.readouterr().out == f"weights: {run / 'compact.safetensors'}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--data is missing"),
        (["--size", "100"], "not divisible by 32"),
        (["--smoke", "--steps", "5"], "leave out --steps"),
    ],
)
def test_wrong_usage_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert train("-o", tmp_path / "run", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
