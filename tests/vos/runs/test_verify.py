"""`vos verify`: every way in which finished work can stop being what it claims to be is found and located."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vos.scenes import moving_shapes
from vos.cli.main import main
from vos.files.index_png import read_palette_png, write_palette_png
from vos.prompts import Mask, PromptScript
from vos.runs.run import TrackJob, run_job
from vos.tracking.load_model import load_model
from vos.video import VideoEncoder

FRAMES = 7


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variable rate and a first frame that is not at zero."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    with VideoEncoder(path, width=96, height=64, time_base=Fraction(1, 1000), codec="ffv1") as encoder:
        for index, frame in enumerate(moving_shapes(count=FRAMES, height=64, width=96).frames):
            encoder.write(frame, 500 + index * 40 + index % 3)
    return path


@pytest.fixture(scope="module")
def finished(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("finished") / "out"
    mask = moving_shapes(count=FRAMES, height=64, width=96).masks[1][0]
    run_job(
        TrackJob(str(clip), PromptScript((Mask(mask),)), output), load_model("compact", device="cpu", short_side=64)
    )
    return output


def verified(clip: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(clip), str(output), "--json"])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, json.loads(capsys.readouterr().out)


def change_json(path: Path, **members: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


def change_line(path: Path, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    lines = path.read_text().splitlines()
    value = json.loads(lines[number])
    change(value)
    lines[number] = json.dumps(value)
    path.write_text("\n".join(lines) + "\n")


def change_a_pixel(output: Path) -> None:
    labels = read_palette_png(output / "masks/00003.png")
    labels[0, 0] = 1 - labels[0, 0]
    write_palette_png(output / "masks/00003.png", labels)


def add_a_mask(output: Path) -> None:
    write_palette_png(output / f"masks/{FRAMES:05d}.png", np.zeros((64, 96), np.uint8))


def drop_the_last_line(output: Path) -> None:
    journal = output / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))


def add_a_line(output: Path) -> None:
    journal = output / "journal.jsonl"
    last = json.loads(journal.read_text().splitlines()[-1])
    journal.write_text(journal.read_text() + json.dumps({**last, "index": FRAMES}) + "\n")


# What is done to the output -> the frame that is named, and words of the message.
DAMAGES: dict[str, tuple[Callable[[Path], object], int | None, str]] = {
    "a pixel": (change_a_pixel, 3, "checksum"),
    "a mask less": (lambda out: (out / "masks/00005.png").unlink(), 5, "00005.png"),
    "a mask more": (add_a_mask, None, "00007.png"),
    "a mask that is none": (lambda out: (out / "masks/00002.png").write_bytes(b"x"), 2, "00002.png"),
    "a mask of another size": (
        lambda out: write_palette_png(out / "masks/00004.png", np.zeros((64, 95), np.uint8)),
        4,
        "95x64 pixels, the frame 96x64",
    ),
    "a time": (lambda out: change_line(out / "journal.jsonl", 6, lambda line: line.update(pts=1)), 6, "pts 740"),
    "an object": (
        lambda out: change_line(out / "journal.jsonl", 1, lambda line: line.update(presence={"9": 1})),
        1,
        "object 1",
    ),
    "no last line": (drop_the_last_line, 6, "journal ends"),
    "a line more": (add_a_line, 7, "the clip ends with frame 6"),
    "no journal": (lambda out: (out / "journal.jsonl").unlink(), None, "journal.jsonl"),
    "another count": (lambda out: change_json(out / "run.json", frames=9), None, "counts 9 frames"),
    "other objects": (lambda out: change_json(out / "run.json", objects={}), None, "same objects"),
    "another checksum": (
        lambda out: change_json(out / "run.json", mask_crc32=["0" * 8] * FRAMES),
        0,
        "run.json has mask_crc32 00000000, the journal says",
    ),
    "a time less": (lambda out: change_json(out / "run.json", pts=[]), 0, "run.json has pts None"),
    "not finished": (lambda out: change_json(out / "run.json", status="running"), None, "--resume"),
}


def test_finished_work_passes(clip: Path, finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert verified(clip, finished, capsys) == (
        0,
        {"ok": True, "status": "done", "frames": FRAMES, "frame": None, "problem": None},
    )
    moved = shutil.copy(clip, tmp_path / "elsewhere.mkv")
    assert verified(moved, finished, capsys)[0] == 0
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(clip), str(finished)])
    assert stopped.value.code == 0
    assert "7 masks, all as they should be" in capsys.readouterr().out


@pytest.mark.parametrize("name", DAMAGES)
def test_any_damage_is_found_and_located(
    name: str, clip: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, frame, words = DAMAGES[name]
    output = Path(shutil.copytree(finished, tmp_path / "out"))
    damage(output)
    code, found = verified(clip, output, capsys)
    assert (code, found["ok"], found["frame"]) == (1, False, frame)
    assert words in found["problem"]
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(clip), str(output)])
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "frame" not in message or frame is None or f"frame {frame}: " in message


def test_another_clip_is_noticed(
    clip: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.mkv"
    other.write_bytes(clip.read_bytes() + b"\0")
    code, found = verified(other, finished, capsys)
    assert code == 1
    assert "not the video" in found["problem"]


def test_a_folder_that_holds_no_run_is_explained(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(clip), str(tmp_path)])
    assert stopped.value.code == 1
    assert "not the output of a run" in capsys.readouterr().err
