"""`vos track -`: raw frames through a pipe, as `ffmpeg ... -f rawvideo -pix_fmt rgb24 -` sends them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vos.scenes import Scene, moving_shapes
from vos.cli.main import main

FRAMES, WIDTH, HEIGHT = 6, 160, 120
OPTIONS = ("--fps", "30000/1001", "--box", "1:20,20,80,80", "--device", "cpu", "--short-side", "96", "--quiet")


@pytest.fixture(scope="module")
def scene() -> Scene:
    return moving_shapes(count=FRAMES, objects=1)


def pipe(data: bytes, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `vos track -` in a process of its own and writes `data` to its standard input."""
    command = [sys.executable, "-m", "vos", "track", "-", *map(str, arguments), *OPTIONS]
    done = subprocess.run(command, input=data, capture_output=True, timeout=300)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def bytes_of(scene: Scene) -> bytes:
    return b"".join(np.ascontiguousarray(frame).tobytes() for frame in scene.frames)


def masks_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "masks").iterdir())}


@pytest.fixture(scope="module")
def piped(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run on standard input."""
    output = tmp_path_factory.mktemp("piped") / "out"
    done = pipe(bytes_of(scene), "--size", f"{WIDTH}x{HEIGHT}", "--overlay", "-o", output)
    assert (done.returncode, done.stderr) == (0, "")
    return output


@pytest.fixture(scope="module")
def frames(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frames of the pipe as a folder of images."""
    folder = tmp_path_factory.mktemp("frames") / "frames"
    folder.mkdir()
    for index, frame in enumerate(scene.frames):
        Image.fromarray(frame).save(folder / f"{index:05d}.png")
    return folder


def exit_of(*arguments: object) -> object:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code


def test_raw_frames_from_a_pipe_give_the_masks_of_the_same_frames_as_files(
    frames: Path, piped: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "vos", "track", frames, "-o", tmp_path / "files", *OPTIONS]
    subprocess.run(command, check=True, timeout=300)
    assert len(masks_in(piped)) == FRAMES
    assert masks_in(piped) == masks_in(tmp_path / "files")
    record = json.loads((piped / "run.json").read_text())
    assert record["status"] == "done" and record["input"]["video"] == "-"
    assert (record["video"]["width"], record["video"]["height"]) == (WIDTH, HEIGHT)
    assert record["options"]["source"] == {"rate": "30000/1001", "size": f"{WIDTH}x{HEIGHT}"}


def test_input_that_ends_within_a_frame_keeps_the_frames_before(scene: Scene, tmp_path: Path) -> None:
    done = pipe(bytes_of(scene)[: 3 * WIDTH * HEIGHT * 3 + 100], "--size", f"{WIDTH}x{HEIGHT}", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "the input ends after 100 of a frame's 57600 bytes" in done.stderr
    assert len(masks_in(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-", *OPTIONS, "-o", "out"), "--size 640x360 --fps 25"),
        (("-", *OPTIONS, "-o", "out", "--size", "160,120"), "a size of '160,120' is not possible; give WIDTHxHEIGHT"),
        (("-", *OPTIONS, "-o", "out", "--size", "0x120"), "a size of '0x120' is not possible"),
        (("-", *OPTIONS, "--size", "160x120"), "give one with --output"),
        (("-", "--at", "2.5s", *OPTIONS, "-o", "out", "--size", "160x120"), "--at 2.5s: standard input"),
        (("clip.mp4", "--box", "1,1,9,9", "--size", "160x120"), "'size' does not apply to a pyav source"),
    ],
)
def test_mistakes_with_raw_input_are_one_line(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"not looked at")
    assert exit_of("track", *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "RUN"), "read only once"),
        (("correct", "RUN", "--at", "2", "--point", "50,50"), "read only once"),
        (("convert", "RUN", "--to", "cutouts"), "to show them, track a file"),
        (("report", "RUN"), "to show them, track a file"),
        (("verify", "FRAMES", "RUN"), "read only once"),
    ],
)
def test_what_needs_the_frames_again_says_so(
    arguments: tuple[str, ...], message: str, frames: Path, piped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"RUN": piped, "FRAMES": frames}
    assert exit_of(*(places.get(argument, argument) for argument in arguments)) in (1, 2)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vos: error")]
    assert message in line


def test_the_masks_of_a_piped_run_are_converted_with_a_file_of_its_frames(
    frames: Path, piped: Path, tmp_path: Path
) -> None:
    output = tmp_path / "converted"
    assert exit_of("convert", piped / "masks", "--video", frames, "--to", "cutouts", "-o", output, "-q") == 0
    assert len(list((output / "cutouts").iterdir())) == FRAMES


def test_a_pipe_is_not_tracked_backwards_and_that_is_said_before_the_first_frame(scene: Scene, tmp_path: Path) -> None:
    size = f"{WIDTH}x{HEIGHT}"
    done = pipe(bytes_of(scene), "--size", size, "--at", "3", "--direction", "both", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "direction both needs a video that can be read again, and - can be read only once" in done.stderr
    assert not (tmp_path / "out").exists()
