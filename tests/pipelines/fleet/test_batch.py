"""`vos batch` with one worker, as a user meets it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.pipelines.fleet.conftest import MakeClips
from tests.pipelines.fleet.helpers import (
    SHORT_SIDE,
    batch_hashes,
    first_box,
    leftovers,
    mask_hashes,
    vos,
    write_manifest,
)
from vos.video import open_source


def batch(jobs: Path, output: Path, *options: object) -> int:
    return vos("batch", jobs, "-o", output, "--device", "cpu", "--quiet", *options)


def test_a_batch_gives_the_bytes_of_vos_track(clips: MakeClips, tmp_path: Path) -> None:
    videos = clips(2, 8)
    assert batch(write_manifest(tmp_path / "jobs.jsonl", videos), tmp_path / "out") == 0
    for video in videos:
        single = tmp_path / f"single_{video.stem}"
        options = ("--device", "cpu", "--short-side", SHORT_SIDE, "--quiet")
        assert vos("track", video, "--box", first_box(), "-o", single, *options) == 0
        run = tmp_path / "out" / video.stem
        assert len(mask_hashes(run)) == int(video.stem[-2:]) % 3 + 8
        assert mask_hashes(run) == mask_hashes(single)
        assert (run / "journal.jsonl").read_bytes() == (single / "journal.jsonl").read_bytes()


def test_objects_come_and_go_in_a_batch_as_a_script_says(clips: MakeClips, tmp_path: Path) -> None:
    box = [float(value) for value in first_box().split(",")]
    prompts = [{"object": 2, "box": box}, {"object": 2, "frame": 4, "remove": True}, {"object": 7, "box": box}]
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"vos_prompts": 1, "names": {"7": "disc"}, "prompts": prompts}))
    row = {"video": str(clips(2, 8)[0]), "script": str(script), "short_side": SHORT_SIDE}
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text(json.dumps(row) + "\n")
    assert batch(manifest, tmp_path / "out") == 0
    record = json.loads((tmp_path / "out" / "clip00" / "run.json").read_text())
    assert {key: value["frames"] for key, value in record["objects"].items()} == {"2": 4, "7": 8}
    assert record["names"] == {"7": "disc"}


def test_weights_that_cannot_be_read_fail_their_job_without_a_second_attempt(
    clips: MakeClips, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"not weights" * 100)
    manifest = write_manifest(tmp_path / "jobs.jsonl", clips(1, 4), weights=str(weights))
    assert batch(manifest, tmp_path / "out") == 1
    message = capfd.readouterr().err
    # An error of the networks, not of `vos`: the worker knows it for the user's all the same.
    assert str(weights) in message
    assert "CheckpointError" not in message and "attempt" not in message


def test_a_corrupt_video_fails_alone_and_is_named(
    clips: MakeClips, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no video" * 100)
    videos = [clips(2, 8)[0], bad, clips(2, 8)[1]]
    assert batch(write_manifest(tmp_path / "jobs.jsonl", videos), tmp_path / "out") == 1
    assert "bad" in capfd.readouterr().err
    assert sorted(batch_hashes(tmp_path / "out")) == ["clip00", "clip01"]


def test_resume_runs_what_has_failed_and_nothing_else(clips: MakeClips, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    late.write_bytes(b"copied later")
    manifest = write_manifest(tmp_path / "jobs.jsonl", [clips(2, 8)[0], late])
    output = tmp_path / "out"
    assert batch(manifest, output) == 1
    record = output / "clip00" / "run.json"
    before = record.stat().st_mtime_ns
    late.write_bytes(clips(2, 8)[1].read_bytes())
    assert batch(manifest, output, "--resume") == 0
    assert record.stat().st_mtime_ns == before
    assert len(mask_hashes(output / "late")) == 9


def test_a_batch_is_not_begun_twice_in_one_folder(
    clips: MakeClips, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    manifest = write_manifest(tmp_path / "jobs.jsonl", clips(2, 8)[:1])
    assert batch(manifest, tmp_path / "out") == 0
    assert batch(manifest, tmp_path / "out") == 1
    assert "--resume" in capfd.readouterr().err


def test_resume_takes_changes_of_the_list(clips: MakeClips, tmp_path: Path) -> None:
    first, second = clips(2, 8)
    output = tmp_path / "out"
    assert batch(write_manifest(tmp_path / "jobs.jsonl", [first]), output) == 0
    before = mask_hashes(output / "clip00")
    changed = write_manifest(tmp_path / "jobs.jsonl", [first, second], box=f"2:{first_box()}")
    assert batch(changed, output, "--resume") == 0
    assert mask_hashes(output / "clip00") != before
    assert len(mask_hashes(output / "clip01")) == 9


def test_files_of_others_in_a_jobs_folder_survive_overwriting(clips: MakeClips, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "jobs.jsonl", clips(2, 8)[:1])
    foreign = tmp_path / "out" / "clip00" / "masks" / "notes.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"mine")
    assert batch(manifest, tmp_path / "out") == 2
    assert batch(manifest, tmp_path / "out", "--overwrite") == 0
    assert foreign.read_bytes() == b"mine"


def test_an_interrupted_batch_resumes_to_the_same_masks(clips: MakeClips, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "jobs.jsonl", clips(3, 60))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "vos", "batch", str(manifest), "-o", str(output), "--device", "cpu", "--json"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "progress" and event["name"] == "clip01" and event["frame"] >= 2:
            process.send_signal(signal.SIGINT)
            break
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "--resume" in rest
    assert (output / "clip00" / "run.json").is_file()
    assert not (output / "clip02").exists()
    assert batch(manifest, output, "--resume") == 0
    assert batch(manifest, tmp_path / "undisturbed") == 0
    assert batch_hashes(output) == batch_hashes(tmp_path / "undisturbed")


def test_a_killed_batch_resumes_and_leaves_no_temporary_files(clips: MakeClips, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "jobs.jsonl", clips(3, 20)[:1])
    output = tmp_path / "out"
    command = [sys.executable, "-m", "vos", "batch", str(manifest), "-o", str(output), "--device", "cpu", "--json"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "progress":
            process.kill()
            break
    process.wait()
    process.stderr.close()
    half_written = output / "clip00" / "masks" / f".00003.png.{process.pid}.part"
    half_written.parent.mkdir(exist_ok=True)
    half_written.write_bytes(b"half")
    assert batch(manifest, output, "--resume") == 0
    assert leftovers(output) == []
    assert len(mask_hashes(output / "clip00")) == 20


def test_a_full_disk_fails_the_job_and_leaves_only_whole_masks(
    clips: MakeClips, tmp_path: Path, small_disk: Path | None, capfd: pytest.CaptureFixture[str]
) -> None:
    if small_disk is None:
        pytest.skip("mounting a small tmpfs is not permitted here")
    videos = clips(3, 20)[:2]
    manifest = write_manifest(tmp_path / "jobs.jsonl", videos)
    assert small_disk == tmp_path / "out" / videos[0].stem
    assert batch(manifest, tmp_path / "out") == 1
    assert "No space left" in capfd.readouterr().err
    assert batch(write_manifest(tmp_path / "good.jsonl", videos[:1]), tmp_path / "undisturbed") == 0
    whole = mask_hashes(tmp_path / "undisturbed" / videos[0].stem)
    written = mask_hashes(small_disk)
    assert 0 < len(written) < len(whole)
    assert written.items() <= whole.items()
    assert leftovers(small_disk) == []
    assert len(mask_hashes(tmp_path / "out" / videos[1].stem)) == 21


def test_the_summary_tells_what_the_runs_noted_and_found(
    clips: MakeClips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (clip,) = clips(1, 6)
    folder = tmp_path / "frames"
    folder.mkdir()
    with open_source(str(clip)) as source:
        for frame in source:
            if frame.index != 1:
                Image.fromarray(frame.rgb).save(folder / f"left_{frame.index:05d}.png")
                Image.fromarray(frame.rgb[:, ::-1]).save(folder / f"right_{frame.index:05d}.png")
    manifest = write_manifest(tmp_path / "jobs.jsonl", [folder, clip])
    assert vos("batch", manifest, "-o", tmp_path / "refused", "--json") == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert list(problems) == ["frames"]
    assert "--images" in problems["frames"]

    # For the folder only; the clip is no folder.
    assert vos("batch", manifest, "-o", tmp_path / "out", "--json", "--images", "left_*", "--fps", "12") == 0
    summary = json.loads(capsys.readouterr().out)
    assert list(summary["notes"]) == ["frames"]
    assert "1 number is missing" in summary["notes"]["frames"][0]
    assert summary["found_nothing"] == []
    assert sorted(path.name for path in (tmp_path / "out" / "frames" / "masks").iterdir())[0] == "left_00000.png"

    # A box on nothing.
    nothing = write_manifest(tmp_path / "nothing.jsonl", [clip], box="2:10,10,40,40")
    assert vos("batch", nothing, "-o", tmp_path / "nothing", "--json") == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["found_nothing"] == [clip.stem]
    assert summary["failed"] == 0
    assert vos("batch", nothing, "-o", tmp_path / "nothing", "--resume", "-q") == 1
    assert f"no object was found in any frame of {clip.stem}" in capsys.readouterr().err
