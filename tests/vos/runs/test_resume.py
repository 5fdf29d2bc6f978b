"""A run that was killed anywhere ends, resumed, with the same bytes as one that was never disturbed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seem_model.video_model import VideoModel
from tests.vos.runs.crash_runs import SHORT_SIDE, CrashRun, run_until_crash
from tests.vos.runs.folder_contents import hashes, plain_name
from tests.vos.scenes import moving_shapes, write_at_a_variable_rate
from vos.cli.main import main
from vos.errors import OutputError
from vos.files.index_png import write_palette_png
from vos.prompts import Box, PromptScript, read_masks
from vos.runs.run import RunOptions, RunOutcome, TrackJob, run_job
from vos.tracking.absence import AbsencePolicy
from vos.tracking.load_model import load_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

FRAMES = 11
EVERY = 3
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=SHORT_SIDE)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_at_a_variable_rate(
        moving_shapes(count=FRAMES, objects=2, height=64, width=96), tmp_path_factory.mktemp("clip") / "shapes.mp4"
    )


@pytest.fixture(scope="module")
def mask(clip: Path) -> Path:
    labels = np.zeros((64, 96), np.uint8)
    for object_id in (1, 2):
        labels[SCENE.masks[object_id][0]] = object_id
    path = clip.with_name("mask.png")
    write_palette_png(path, labels)
    return path


def resumed(clip: Path, mask: Path, output: Path, model: VideoModel, **options: Any) -> RunOutcome:
    job = TrackJob(str(clip), PromptScript(tuple(read_masks(mask))), output, overlay=True)
    return run_job(job, model, RunOptions(resume=True, snapshot_every=EVERY, keep_snapshots=False, **options))


@pytest.fixture(scope="module")
def undisturbed(clip: Path, mask: Path, model: VideoModel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    # `resume` on a folder that is not there starts normally.
    outcome = resumed(clip, mask, output, model)
    assert (outcome.frames, outcome.resumed_at) == (FRAMES, None)
    found = hashes(output)
    assert sorted(found) == sorted(
        ["journal.jsonl", "overlay.mp4", "run.json", *(f"masks/{i:05d}.png" for i in range(FRAMES))]
    )
    return found


# What kills the run (in turn, each time resumed) -> at which frame the last, undisturbed resumption goes on.
KILLS: dict[str, tuple[list[tuple[str, str, int]], int | None]] = {
    "before run.json is there": ([("before", "run.json", 1)], None),
    "before anything else is there": ([("after", "run.json", 1)], 0),
    "before the first snapshot": ([("after", "00001.png", 1)], 0),
    "between a mask and its journal line": ([("after", "00004.png", 1)], 3),
    "within a journal line": ([("within", "journal", 8)], 6),
    "before a snapshot has its name": ([("before", "00000006.safetensors", 1)], 3),
    "just after a snapshot": ([("after", "00000006.safetensors", 1)], 6),
    "when the overlay is complete": ([("after", "overlay.mp4", 1)], 9),
    "before run.json says done": ([("before", "run.json", 2)], 9),
    "while finished frames are read back": ([("after", "00005.png", 1), ("after", "00001.png", 1)], 3),
    "three times": ([("after", "00003.png", 1), ("after", "00007.png", 1), ("before", "00010.png", 1)], 9),
}

# File that does not fit -> bytes that fit, frames between snapshots, masks that are written before.
# A snapshot has more than 20,000 bytes, the overlay more than 4,000, everything else less.
LIMITS = {"00000003.safetensors": (20_000, EVERY, 3), "overlay.mp4": (4_000, 1000, FRAMES)}

# Killed with two snapshots on disk; copied for every test that goes on from there.
MIDWAY = "midway"


@dataclass(frozen=True)
class Wrecks:
    """Folders of runs that came to a bad end, by name below `root`, and how they ended."""

    root: Path
    endings: dict[str, list[str]]

    def copy(self, name: str, target: Path) -> Path:
        """A copy of one of them that a test may change."""
        return Path(shutil.copytree(self.root / name, target))


@pytest.fixture(scope="module")
def wrecks(clip: Path, mask: Path, tmp_path_factory: pytest.TempPathFactory) -> Wrecks:
    """All of them at once, because the start of a process takes longer than such a run."""
    root = tmp_path_factory.mktemp("wrecks")
    crashes = {name: crashes for name, (crashes, _) in KILLS.items()} | {MIDWAY: [("after", "00010.png", 1)]}
    plan = [
        CrashRun(str(clip), str(mask), str(root / name), crash_at, resume=number > 0, snapshot_every=EVERY)
        for name, own in crashes.items()
        for number, crash_at in enumerate(own)
    ]
    plan += [
        CrashRun(str(clip), str(mask), str(root / name), ("limit", "", size), snapshot_every=every)
        for name, (size, every, _) in LIMITS.items()
    ]
    endings: dict[str, list[str]] = {}
    for run, ending in zip(plan, run_until_crash(plan, root), strict=True):
        endings.setdefault(Path(run.output).name, []).append(ending)
    return Wrecks(root, endings)


@pytest.mark.parametrize("moment", KILLS)
def test_a_run_killed_at_any_moment_resumes_to_the_same_bytes(
    moment: str, clip: Path, mask: Path, model: VideoModel, undisturbed: dict[str, str], wrecks: Wrecks
) -> None:
    crashes, goes_on_at = KILLS[moment]
    assert wrecks.endings[moment] == ["killed"] * len(crashes)
    outcome = resumed(clip, mask, wrecks.root / moment, model)
    assert (outcome.resumed_at, outcome.frames) == (goes_on_at, FRAMES)
    assert hashes(wrecks.root / moment) == undisturbed


def test_a_killed_command_resumes_to_the_same_bytes(
    clip: Path, mask: Path, tmp_path: Path, undisturbed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = ["track", str(clip), "--mask", str(mask), "-o", str(output), "--overlay", "--short-side", "64"]
    arguments += ["--device", "cpu", "--snapshot-every", "2", "--drop-snapshots"]
    root = Path(__file__).parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-m", "vos", *arguments], cwd=root, env=env, stderr=subprocess.DEVNULL)
    wanted = random.Random(time.time_ns()).randrange(1, FRAMES)
    while process.poll() is None and not _has_lines(output / "journal.jsonl", wanted):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--resume", "-q"])
    assert stopped.value.code == 0
    assert hashes(output) == undisturbed, f"killed after {wanted} frames"

    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--resume"])
    assert stopped.value.code == 0
    assert "finished before, nothing to do" in capsys.readouterr().out
    assert hashes(output) == undisturbed


def _has_lines(path: Path, count: int) -> bool:
    return path.is_file() and path.read_bytes().count(b"\n") >= count


@pytest.mark.parametrize("name", LIMITS)
def test_a_full_disk_stops_with_one_line_and_can_be_resumed(
    name: str, clip: Path, mask: Path, model: VideoModel, undisturbed: dict[str, str], wrecks: Wrecks
) -> None:
    output = wrecks.root / name
    (said,) = wrecks.endings[name]
    shown = re.sub(r"\.[0-9a-f]{64}\.", ".", said)
    assert re.search(rf"{name}: (the snapshot )?cannot be (written|completed) \(.*File too large", shown), said
    finished = LIMITS[name][2]
    assert len(list((output / "masks").glob("*.png"))) == finished
    assert not (output / "overlay.mp4").exists()
    assert not list(output.rglob("*.part"))
    record = json.loads((output / "run.json").read_text())
    assert (record["status"], record["frames"], record["problem"]) == ("failed", finished, said)
    assert resumed(clip, mask, output, model).resumed_at == 0
    assert hashes(output) == undisturbed


def _break_newest_snapshot(output: Path) -> None:
    next((output / "snapshots").glob("00000009.*")).write_bytes(b"x" * 100)


def _change_a_number_in_the_newest_snapshot(output: Path) -> None:
    path = next((output / "snapshots").glob("00000009.*"))
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def _as_an_early_version_named_them(output: Path) -> None:
    for path in (output / "snapshots").iterdir():
        path.rename(path.with_name(plain_name(path)))


def _break_both_snapshots(output: Path) -> None:
    for path in (output / "snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:-9])


def _change_a_late_mask(output: Path) -> None:
    write_palette_png(output / "masks/00007.png", np.zeros((64, 96), np.uint8))


def _break_an_early_mask(output: Path) -> None:
    (output / "masks/00002.png").write_bytes(b"no picture")


def _lose_a_mask(output: Path) -> None:
    (output / "masks/00006.png").unlink()


def _break_the_journal(output: Path) -> None:
    journal = output / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"index": 7', b'"index": 8'))


@pytest.mark.parametrize(
    ("damage", "goes_on_at"),
    [
        (_break_newest_snapshot, 6),
        (_change_a_number_in_the_newest_snapshot, 6),
        (_break_both_snapshots, 0),
        (_as_an_early_version_named_them, 0),
        (_change_a_late_mask, 6),
        (_break_an_early_mask, 0),
        (_lose_a_mask, 6),
        (_break_the_journal, 6),
    ],
)
def test_damage_costs_time_but_never_the_result(
    damage: Callable[[Path], None],
    goes_on_at: int,
    clip: Path,
    mask: Path,
    model: VideoModel,
    undisturbed: dict[str, str],
    wrecks: Wrecks,
    tmp_path: Path,
) -> None:
    output = wrecks.copy(MIDWAY, tmp_path / "out")
    snapshots = sorted(plain_name(path) for path in (output / "snapshots").iterdir())
    assert snapshots == ["00000006.safetensors", "00000009.safetensors"], "the newest two are kept"
    damage(output)
    assert resumed(clip, mask, output, model).resumed_at == goes_on_at
    assert hashes(output) == undisturbed


def test_a_run_does_not_go_on_with_other_inputs(
    clip: Path, mask: Path, model: VideoModel, wrecks: Wrecks, tmp_path: Path
) -> None:
    output = wrecks.copy(MIDWAY, tmp_path / "out")
    before = hashes(output)
    other_clip = tmp_path / "other.mp4"
    other_clip.write_bytes(clip.read_bytes() + b"\0")
    script = PromptScript(tuple(read_masks(mask)))
    other_script = PromptScript((script.prompts[0], Box(20, 20, 40, 40, object_id=2)))
    jobs = {
        r"input\.bytes was \d+, is \d+; input\.sha256": TrackJob(str(other_clip), script, output, overlay=True),
        r"prompts\[1\]\.sha256 was": TrackJob(str(clip), other_script, output, overlay=True),
        r"outputs\.overlay was True, is False": TrackJob(str(clip), script, output),
    }
    for problem, job in jobs.items():
        with pytest.raises(OutputError, match=problem):
            run_job(job, model, RunOptions(resume=True))
    with pytest.raises(OutputError, match=r"options\.absent_below was 0\.5, is 0\.6"):
        resumed(clip, mask, output, model, absence=AbsencePolicy(below=0.6))
    other_model = load_model("compact", device="cpu", short_side=96)
    with pytest.raises(OutputError, match=r"options\.short_side was 64, is 96"):
        resumed(clip, mask, output, other_model)
    assert hashes(output) == before, "nothing was touched"


def test_resume_and_overwrite_exclude_each_other(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["track", str(clip), "--box", "9,9,30,30", "-o", str(tmp_path / "out"), "--resume", "--overwrite"]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "--overwrite and --resume exclude each other" in capsys.readouterr().err


def test_other_peoples_files_are_not_resumed_into(clip: Path, mask: Path, model: VideoModel, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds no run\.json to resume from"):
        resumed(clip, mask, tmp_path, model)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
