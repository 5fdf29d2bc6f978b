"""A corrected run is to the byte the run of the changed script; what was there before is never lost on the way."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from seem_model.video_model import VideoModel
from tests.vos.runs.folder_contents import hashes
from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos import correct_run, revise_run, track_script
from vos.cli.correct import correct
from vos.errors import OutputError, PromptError, UsageError
from vos.files.index_png import write_palette_png
from vos.prompts import Box, Mask, Points, PromptScript, ReferenceImage, Removal, Text
from vos.runs.folder import OutputFolder
from vos.runs.options import Observer, RunOptions
from vos.runs.record import read_record
from vos.runs.recorded import read_recorded_run
from vos.runs.verify import verify_run
from vos.tracking.absence import AbsencePolicy
from vos.tracking.load_model import load_model
from vos.tracking.memory_bank import MemoryPolicy

FRAMES = 12
EVERY = 3
OFTEN = RunOptions(snapshot_every=EVERY)
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)
SCRIPT = PromptScript((Mask(SCENE.masks[1][0]), Mask(SCENE.masks[2][2], object_id=2, frame=2)), names={1: "disc"})
CORRECTION = PromptScript((Mask(SCENE.masks[1][7], frame=7),), (Removal(2, 9),), {2: "other"})


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(SCENE, tmp_path_factory.mktemp("clip") / "shapes.mp4")


def tracked(clip: Path, script: PromptScript, output: Path, model: VideoModel, **options: Any) -> Path:
    track_script(clip, script, output, model=model, overlay=True, options=OFTEN, **options)
    return output


@pytest.fixture(scope="module")
def finished(clip: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tracked(clip, SCRIPT, tmp_path_factory.mktemp("finished") / "out", model)


@pytest.fixture(scope="module")
def wanted(clip: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of a run of the merged script from the start."""
    return hashes(tracked(clip, SCRIPT.merge(CORRECTION), tmp_path_factory.mktemp("wanted") / "out", model))


@pytest.fixture
def output(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def test_a_corrected_run_is_the_run_of_the_merged_script(
    clip: Path, output: Path, model: VideoModel, wanted: dict[str, str]
) -> None:
    before = hashes(output)
    seen: list[int] = []
    report = correct_run(
        output,
        CORRECTION,
        model=model,
        options=OFTEN,
        observer=Observer(on_result=lambda frame, result: seen.append(result.index)),
    )
    assert (report.frames_recomputed, report.first, report.last) == (FRAMES - 7, 7, FRAMES - 1)
    assert report.frames_tracked == FRAMES - 6, "it starts from the state after six frames"
    assert 0 < report.frames_changed <= FRAMES - 7
    assert (report.is_interrupted, report.outcome.output.root) == (False, output)
    assert seen == list(range(FRAMES))
    assert hashes(output) == wanted
    assert all(wanted[name] == before[name] for name in (f"masks/{i:05d}.png" for i in range(7)))
    assert verify_run(str(clip), output).difference is None


def test_a_correction_can_be_taken_back(output: Path, model: VideoModel, finished: Path) -> None:
    correct_run(output, CORRECTION, model=model, options=OFTEN)
    report = revise_run(output, SCRIPT, model=model, options=OFTEN)
    assert (report.first, report.last) == (7, FRAMES - 1)
    assert hashes(output) == hashes(finished)


def test_without_kept_states_the_result_is_the_same(output: Path, model: VideoModel, wanted: dict[str, str]) -> None:
    shutil.rmtree(output / "snapshots")
    report = correct_run(
        output, CORRECTION, model=model, options=RunOptions(snapshot_every=EVERY, keep_snapshots=False)
    )
    assert (report.frames_recomputed, report.frames_tracked) == (FRAMES - 7, FRAMES)
    assert hashes(output) == {name: sha for name, sha in wanted.items() if not name.startswith("snapshots")}


def test_a_stopped_correction_changes_nothing_and_goes_on_when_it_is_made_again(
    output: Path, model: VideoModel, finished: Path, wanted: dict[str, str]
) -> None:
    stop = threading.Event()

    def stop_at_nine(done: int, total: int | None) -> None:
        if done == 9:
            stop.set()

    report = correct_run(output, CORRECTION, model=model, options=OFTEN, observer=Observer(stop_at_nine, stop=stop))
    assert report.is_interrupted
    there = hashes(output)
    assert {name: sha for name, sha in there.items() if not name.startswith("correction/")} == hashes(finished)
    report = correct_run(output, CORRECTION, model=model, options=OFTEN)
    assert report.frames_tracked == FRAMES - 10, "it goes on after frame 9"
    assert {n: s for n, s in hashes(output).items() if "snapshots" not in n} == {
        n: s for n, s in wanted.items() if "snapshots" not in n
    }


class Killed(BaseException):
    """Not an Exception: nothing cleans up after it."""


@pytest.mark.parametrize("renames", [0, 1, 4, 9, 15])
def test_a_kill_while_the_masks_are_exchanged_is_made_good_by_the_next_writer(
    renames: int,
    output: Path,
    model: VideoModel,
    finished: Path,
    wanted: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace, count = os.replace, 0

    def replace_or_die(source: Any, target: Any) -> None:
        nonlocal count
        if Path(target).parent in (output, output / "masks", output / "snapshots") and "correction" not in str(target):
            if count == renames:
                raise Killed
            count += 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_or_die)
    with pytest.raises(Killed):
        correct_run(output, CORRECTION, model=model, options=OFTEN)
    monkeypatch.undo()
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match=r"complete but not in its place yet .*: vos correct "):
        read_record(OutputFolder(output))
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before, "reading writes nothing"
    assert CliRunner().invoke(correct, [str(output)], standalone_mode=False).return_value == 0
    assert read_record(OutputFolder(output))["removals"] == [{"object": 2, "frame": 9}]
    assert hashes(output) == wanted


def test_a_run_that_was_stopped_can_be_corrected_before_it_goes_on(
    clip: Path, model: VideoModel, tmp_path: Path, wanted: dict[str, str]
) -> None:
    stop = threading.Event()
    output = tmp_path / "out"
    outcome = track_script(
        clip,
        SCRIPT,
        output,
        model=model,
        overlay=True,
        options=OFTEN,
        observer=Observer(lambda done, total: stop.set() if done == 9 else None, stop=stop),
    )
    assert (outcome.is_interrupted, outcome.frames) == (True, 10)
    assert read_record(OutputFolder(output))["status"] == "interrupted"
    report = correct_run(output, CORRECTION, model=model, options=OFTEN)
    assert (report.first, report.frames_recomputed, report.outcome.frames) == (7, FRAMES - 7, FRAMES)
    assert {n: s for n, s in hashes(output).items() if "snapshots" not in n} == {
        n: s for n, s in wanted.items() if "snapshots" not in n
    }


def test_a_new_name_costs_nothing(output: Path, model: VideoModel) -> None:
    masks = hashes(output / "masks")
    report = correct_run(output, PromptScript(names={1: "ball"}), model=model)
    assert (report.frames_recomputed, report.frames_tracked, report.first) == (0, 0, None)
    record = read_record(OutputFolder(output))
    assert (record["names"], record["status"]) == ({"1": "ball"}, "done")
    assert hashes(output / "masks") == masks


def test_what_cannot_be_corrected_is_explained_and_left_alone(
    clip: Path, output: Path, model: VideoModel, tmp_path: Path
) -> None:
    before = hashes(output)
    box = Box(20, 20, 60, 62)
    with pytest.raises(PromptError, match="is on frame 50, but the video ends with frame 11"):
        correct_run(output, [Box(20, 20, 60, 62, frame=50)], model=model)
    with pytest.raises(PromptError, match="lies outside the image"):
        correct_run(output, [Points([[500, 5]], frame=5)], model=model)
    with pytest.raises(PromptError, match="the object is not tracked there"):
        correct_run(output, PromptScript(removals=(Removal(5, 5),)), model=model)
    with pytest.raises(OutputError, match="nothing: not a run record"):
        correct_run(tmp_path / "nothing", [box], model=model)
    with pytest.raises(OutputError, match=r"options\.short_side was 64, is 96"):
        correct_run(output, [box], model=load_model("compact", device="cpu", short_side=96))
    shutil.rmtree(output / "correction")
    assert hashes(output) == before
    write_palette_png(output / "masks/00003.png", np.zeros((64, 96), np.uint8))
    with pytest.raises(OutputError, match=r"00003\.png: this mask is not the one that the run wrote"):
        correct_run(output, CORRECTION, model=model)
    (output / "masks/00003.png").unlink()
    with pytest.raises(OutputError, match=r"00003\.png"):
        correct_run(output, CORRECTION, model=model)


def test_referring_images_are_kept_beside_the_record(clip: Path, model: VideoModel, tmp_path: Path) -> None:
    output, fresh = tmp_path / "out", tmp_path / "fresh"
    shown = ReferenceImage(SCENE.frames[3], Mask(SCENE.masks[2][3]), object_id=2, frame=4)
    script = PromptScript((SCRIPT.prompts[0], shown))
    track_script(clip, SCRIPT.prompts[:1], output, model=model)
    correct_run(output, [shown], model=model)
    assert read_recorded_run(output).script == script
    track_script(clip, script, fresh, model=model)
    assert {n: s for n, s in hashes(output).items() if "snapshots" not in n} == {
        n: s for n, s in hashes(fresh).items() if "snapshots" not in n
    }
    assert len(list(output.glob("reference_*.png"))) == 1
    with pytest.raises(PromptError, match=r"a text prompt needs a SEEM checkpoint"):
        correct_run(output, [Text("a disc", object_id=3, frame=5)], model=model)


def test_a_correction_with_other_policies_than_those_of_the_run_is_refused(output: Path, model: VideoModel) -> None:
    before = hashes(output)
    for options, name in (
        (RunOptions(absence=AbsencePolicy(below=0.9)), "absence"),
        (RunOptions(memory=MemoryPolicy(interval=3)), "memory"),
    ):
        with pytest.raises(
            UsageError, match=rf"run\.json: {name} .* is not what this run was made with .*leave it out"
        ):
            correct_run(output, CORRECTION, model=model, options=options)
    assert hashes(output) == before
