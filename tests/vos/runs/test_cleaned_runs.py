"""Cleaning is part of a run: recorded, repeated, resumed and corrected to the same bytes."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.runs.folder_contents import hashes
from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos.files.index_png import read_palette_png
from vos.prompts import Mask, Points, PromptScript
from vos.runs.correction import correct_run
from vos.runs.replay import replay_run
from vos.runs.run import Observer, RunOptions, TrackJob, run_job
from vos.tracking.cleaning import CleanPolicy, grow_labels
from vos.tracking.load_model import load_model

SCENE = moving_shapes(count=8, objects=2, height=64, width=96)
POLICY = CleanPolicy("strong", min_area=3, grow=1, steady=1)


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(SCENE, tmp_path_factory.mktemp("clip") / "shapes.mp4")


def script(direction: str = "forward") -> PromptScript:
    frame = 0 if direction == "forward" else 4
    prompts = [Mask(SCENE.masks[i][frame], object_id=i, frame=frame) for i in (1, 2)]
    return PromptScript(tuple(replace(prompt, direction=direction) for prompt in prompts))


def masks_in(folder: Path) -> dict[str, str]:
    return {name: value for name, value in hashes(folder).items() if name.startswith("masks/")}


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_a_cleaned_run_is_recorded_and_repeats_itself(
    direction: str, clip: Path, model: VideoModel, tmp_path: Path
) -> None:
    job = TrackJob(str(clip), script(direction), tmp_path / "run")
    run_job(job, model, RunOptions(clean=POLICY))
    options = json.loads((tmp_path / "run" / "run.json").read_text())["options"]
    assert [options[f"clean_{name}"] for name in ("level", "min_area", "grow", "steady")] == ["strong", 3, 1, 1]
    assert replay_run(tmp_path / "run", tmp_path / "again").difference is None
    uncleaned = replace(job, output=tmp_path / "off")
    run_job(uncleaned, model, RunOptions(clean=CleanPolicy("off")))
    assert masks_in(tmp_path / "off") != masks_in(tmp_path / "run")


def test_growth_is_that_of_the_uncleaned_masks(clip: Path, model: VideoModel, tmp_path: Path) -> None:
    for name, policy in (("off", CleanPolicy("off")), ("grown", CleanPolicy("off", grow=3))):
        run_job(TrackJob(str(clip), script(), tmp_path / name), model, RunOptions(clean=policy))
    for index in range(8):
        plain, grown = (read_palette_png(tmp_path / name / "masks" / f"{index:05d}.png") for name in ("off", "grown"))
        assert np.array_equal(grow_labels(plain, 3), grown)


@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, steady=0)])
def test_a_stopped_run_resumes_to_the_same_masks(
    policy: CleanPolicy, clip: Path, model: VideoModel, tmp_path: Path
) -> None:
    options = RunOptions(clean=policy, snapshot_every=2)
    run_job(TrackJob(str(clip), script(), tmp_path / "whole"), model, options)
    stop = threading.Event()
    observer = Observer(on_frame=lambda done, total: stop.set() if done == 4 else None, stop=stop)
    job = TrackJob(str(clip), script(), tmp_path / "stopped")
    assert run_job(job, model, options, observer).is_interrupted
    outcome = run_job(job, model, replace(options, resume=True))
    assert outcome.resumed_at == (0 if policy.steady else 5)
    assert masks_in(tmp_path / "stopped") == masks_in(tmp_path / "whole")


@pytest.mark.parametrize("policy", [POLICY, replace(POLICY, steady=0)])
def test_a_correction_gives_the_masks_of_a_run_from_the_start(
    policy: CleanPolicy, clip: Path, model: VideoModel, tmp_path: Path
) -> None:
    more = Points([[30, 30]], object_id=1, frame=5)
    options = RunOptions(clean=policy, snapshot_every=2)
    run_job(TrackJob(str(clip), script(), tmp_path / "corrected"), model, options)
    correct_run(tmp_path / "corrected", [more], model=model)
    whole = script().merge([more])
    run_job(TrackJob(str(clip), whole, tmp_path / "whole"), model, options)
    assert masks_in(tmp_path / "corrected") == masks_in(tmp_path / "whole")
