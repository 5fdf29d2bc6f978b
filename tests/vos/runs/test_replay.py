"""`vos replay`: a recorded run gives the same masks again, or the first that differs is named and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.vos.scenes import moving_shapes
from vos.cli.main import main
from vos.files.index_png import read_palette_png
from vos.prompts import Box, Mask, Points, Polygon, Prompt, PromptScript, Stroke
from vos.runs.journal import mask_crc, read_journal
from vos.runs.recorded import read_recorded_run
from vos.runs.run import RunOptions, TrackJob, run_job
from vos.tracking.absence import AbsencePolicy
from vos.tracking.load_model import load_model
from vos.video import VideoEncoder

FRAMES = 6
SECOND = Fraction(1)
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)
PROMPTS: tuple[Prompt, ...] = (
    Mask(SCENE.masks[1][0], object_id=1),
    Box(40, 20, 62, 44.5, object_id=2, size=(96, 64)),
    Points([[20, 20]], [[80, 60]], object_id=300),
    Polygon((np.array([[70, 5], [90, 5], [80.25, 20]]),), object_id=4, frame=2),
    Stroke((np.array([[5.0, 50.0], [15.5, 55.0]]),), width=3, object_id=5, frame=3),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip and a run of it that uses whatever a record has to hold."""
    root = tmp_path_factory.mktemp("replay")
    with VideoEncoder(root / "clip.mp4", width=96, height=64, time_base=SECOND / 1000, crf=10) as encoder:
        for index, frame in enumerate(SCENE.frames):
            encoder.write(frame, index * 40 + index % 3)
    model = load_model("compact", device="cpu", short_side=64)
    job = TrackJob(str(root / "clip.mp4"), PromptScript(PROMPTS), root / "run")
    run_job(job, model, RunOptions(absence=AbsencePolicy(0.3, "stop", 4), max_memory=1 << 40))
    return root


def replayed(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["replay", *map(str, arguments), "-q"])
    said = capsys.readouterr()
    assert isinstance(stopped.value.code, int)
    assert "Traceback" not in said.err
    return stopped.value.code, said.out, said.err


def edited(folder: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of the run with another run.json."""
    shutil.copytree(folder / "run", target)
    path = target / "run.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    return path


def test_the_record_holds_all_that_a_replay_needs(folder: Path) -> None:
    run = read_recorded_run(folder / "run" / "run.json")
    assert run.script.prompts == PROMPTS
    assert run.memory == type(run.memory)() and run.absence.stop_after == 4
    masks = [read_palette_png(path) for path in sorted((folder / "run/masks").iterdir())]
    assert [frame.checksum for frame in run.frames] == [mask_crc(labels) for labels in masks]
    journal = read_journal(folder / "run/journal.jsonl").entries
    assert [(frame.pts, frame.checksum) for frame in run.frames] == [(line.pts, line.crc32) for line in journal]
    assert run.members["decoder"]["name"] == "pyav" and run.members["seed"] is None
    assert {"libavcodec", "libswscale"} <= set(run.members["decoder"])


@pytest.mark.parametrize("name", ["run", "run/run.json"])
def test_a_run_repeats_itself_and_leaves_the_record_alone(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}
    code, out, err = replayed(folder / name, "-o", tmp_path / "again", capsys=capsys)
    assert (code, err) == (0, "")
    assert f"{FRAMES} masks repeated, all identical\n" in out
    assert {path: path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()} == before
    for path in (folder / "run/masks").iterdir():
        assert (tmp_path / "again/masks" / path.name).read_bytes() == path.read_bytes()


def test_a_replay_without_a_folder_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    code, out, _ = replayed(folder / "run", "--json", capsys=capsys)
    assert code == 0
    assert json.loads(out) == {"ok": True, "frames": FRAMES, "frame": None, "problem": None, "changes": []}
    assert list(tmp_path.iterdir()) == []


def _other_checksum(record: dict[str, Any]) -> None:
    record["mask_crc32"][3] = "00000000"


def _other_time(record: dict[str, Any]) -> None:
    record["pts"][2] += 1


def _longer(record: dict[str, Any]) -> None:
    record["frames"] += 1
    record["pts"].append(999)
    record["mask_crc32"].append("00000000")


def _shorter(record: dict[str, Any]) -> None:
    record["frames"] -= 1
    del record["pts"][-1], record["mask_crc32"][-1]


def _other_option(record: dict[str, Any]) -> None:
    record["options"]["short_side"] = 128
    record["versions"]["numpy"] = "1.0"


# How the record was edited -> the frame that is named, and words of the line.
EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], int, list[str]]] = {
    "a checksum": (_other_checksum, 3, ["checksum", "was 00000000", "the record was edited"]),
    "a time": (_other_time, 2, ["is shown at pts"]),
    "a frame more": (_longer, FRAMES, [f"the replay ends with frame {FRAMES - 1}"]),
    "a frame less": (_shorter, FRAMES - 1, ["the replay goes on"]),
    "an option": (_other_option, 0, ["checksum", "versions.numpy was 1.0, is "]),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_first_frame_that_differs_is_named_with_what_may_explain_it(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, frame, words = EDITS[name]
    code, out, err = replayed(edited(folder, tmp_path / "run", change), capsys=capsys)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"run.json: frame {frame}: " in err
    for word in words:
        assert word in err


def test_another_version_that_gives_the_same_masks_is_told_but_no_failure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(folder, tmp_path / "run", lambda record: record["decoder"].update(libavcodec="1.2.3"))
    code, out, _ = replayed(path, capsys=capsys)
    assert code == 0 and "although decoder.libavcodec was 1.2.3, is " in out


def test_a_killed_run_is_compared_as_far_as_its_journal_goes(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(
        folder, tmp_path / "run", lambda record: record.update(status="running", frames=0, pts=[], mask_crc32=[])
    )
    journal = path.with_name("journal.jsonl")
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:4])[:-5])
    code, out, _ = replayed(path, capsys=capsys)
    assert code == 0 and ": 3 masks repeated" in out
    journal.unlink()
    code, _, err = replayed(path, capsys=capsys)
    assert code == 1 and "nothing to compare" in err


# What is wrong with a record -> words of the line.
DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "schema": (lambda r: r.update(schema=99), "schema 1"),
    "missing": (lambda r: r.pop("options"), "has no 'options'"),
    "prompt": (lambda r: r["prompts"][1]["content"].update(box=[1, 1, 9, 9]), "$.prompts[1].content: does not have"),
    "no content": (lambda r: r["prompts"][0].pop("content"), "$.prompts[0]: has no 'content'"),
    "option": (lambda r: r["options"].update(on_absent="dance"), "$.options.on_absent: expected one of empty"),
    "number": (lambda r: r["model"].update(threads="many"), "$.model.threads: expected a whole number"),
    "counts": (lambda r: r["pts"].pop(), f"counts {FRAMES} frames, {FRAMES - 1} pts"),
    "hex": (lambda r: r["mask_crc32"].__setitem__(0, "xyz"), "$.mask_crc32[0]: expected eight"),
    "weights": (lambda r: r["model"].update(weights_sha256="ab" * 32), "SHA-256 abababababababab..., but the weights"),
    "device": (lambda r: r["model"].update(device="cuda:77", engine="torch"), "--device cuda:77: not available"),
    "engine": (lambda r: r["model"].update(engine="abacus"), "$.model.engine: expected one of torch, onnxruntime"),
    "engine and device": (
        lambda r: r["model"].update(device="cuda:77", engine="onnxruntime"),
        "--engine onnxruntime: computes on the CPU, not on cuda:77",
    ),
    "standard input": (lambda r: r.update(input={"video": "-"}), "read only once"),
    "gone": (lambda r: r["input"].update(video="gone.mp4"), "gone.mp4: no such file; if the video of"),
    "size": (lambda r: r["input"].update(bytes=17), " bytes, was 17;"),
    "hash": (lambda r: r["input"].update(sha256="0" * 64), "its SHA-256 differs, so it was changed"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_record_that_cannot_be_repeated_says_why_in_one_line(
    name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = DAMAGES[name]
    code, out, err = replayed(edited(folder, tmp_path / "run", change), capsys=capsys)
    assert code in (1, 2) and out == "" and err.count("\n") == 1
    assert words in err


def test_what_is_no_record_is_explained(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text("{")
    assert "not a readable run record" in replayed(tmp_path, capsys=capsys)[2]
    assert "give the run.json of a run" in replayed(folder / "clip.mp4", capsys=capsys)[2]
    assert "folder of the recorded run" in replayed(folder / "run", "-o", folder / "run", capsys=capsys)[2]


def test_a_video_that_has_moved_is_given_its_new_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(folder, tmp_path / "run", lambda record: record["input"].update(video="gone.mp4"))
    moved = tmp_path / "with space ü.mp4"
    shutil.copy(folder / "clip.mp4", moved)
    assert replayed(path, "--video", moved, capsys=capsys)[0] == 0
    moved.write_bytes(moved.read_bytes()[:-1] + b"x")
    code, _, err = replayed(path, "--video", moved, capsys=capsys)
    assert code == 1 and "SHA-256 differs" in err


def test_a_folder_of_images_is_repeated_and_its_images_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(3):
        Image.fromarray(SCENE.frames[index]).save(frames / f"{index}.png")
    model = load_model("compact", device="cpu", short_side=64)
    run_job(
        TrackJob(str(frames), PromptScript(PROMPTS[:1]), tmp_path / "run", source_options={"rate": "30000/1001"}), model
    )
    assert replayed(tmp_path / "run", capsys=capsys)[0] == 0
    Image.fromarray(SCENE.frames[3]).save(frames / "3.png")
    code, _, err = replayed(tmp_path / "run", capsys=capsys)
    assert code == 1 and "has 4 images, was 3;" in err
