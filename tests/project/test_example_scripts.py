"""Every script in examples/ runs, on a few frames of the demo clip, and does what it says."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.extras import need
from vos import open_source
from vos.cli.demo import find_clip
from vos.errors import VideoError
from vos.files.index_png import read_palette_png
from vos.video import VideoEncoder

EXAMPLES = Path(__file__).parents[2] / "examples"
FRAMES = 6
# The rabbit and the rocks on the first frame of the clip, which is made a quarter as wide and high.
RABBIT, ROCK = "60,62,132,140", "250,85"
SMALL = ("--short-side", "96")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the demo clip in small, with its times and its sound."""
    try:
        whole = find_clip()
    except VideoError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("examples") / "clip.mp4"
    with open_source(whole) as source:
        info = source.info
        with VideoEncoder(
            path, width=320, height=180, time_base=info.time_base, average_rate=info.average_rate, audio_from=whole
        ) as encoder:
            for frame in source:
                if frame.index == FRAMES:
                    break
                encoder.write(cv2.resize(frame.rgb, (320, 180), interpolation=cv2.INTER_AREA), frame.pts)
    return path


def run_example(name: str, *arguments: object) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]([str(argument) for argument in arguments])


def pictures(path: Path) -> list[np.ndarray]:
    with open_source(path) as source:
        return [frame.rgb.astype(int) for frame in source]


def share_changed(before: list[np.ndarray], after: list[np.ndarray]) -> list[float]:
    """Per frame, the share of pixels that differ by more than encoding can explain."""
    return [float((abs(a - b).max(axis=2) > 40).mean()) for a, b in zip(before, after, strict=True)]


def test_two_objects_are_painted_with_the_times_and_sound_of_the_source(
    clip: Path, tmp_path: Path, capsys: Any
) -> None:
    output = tmp_path / "two.mp4"
    run_example("two_objects", clip, "--box", RABBIT, "--point", ROCK, "-o", output, *SMALL)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("frame ")]
    assert len(lines) == FRAMES
    with open_source(output) as ours, open_source(clip) as source:
        assert [f.pts for f in ours] == [f.pts for f in source]
        assert ours.info.has_audio
    painted = pictures(output)[0]
    red, green = painted[:, :, 0] - painted[:, :, 1], painted[:, :, 1] - painted[:, :, 0]
    assert red[105, 92] > 20, "the rabbit is object 1, red in the DAVIS palette"
    assert green[85, 250] > 20, "the rocks are object 2, green"


def test_a_correction_changes_the_frames_from_it_on(clip: Path, tmp_path: Path, capsys: Any) -> None:
    output = tmp_path / "run"
    run_example(
        "correction", clip, "--box", RABBIT, "--at", 3, "--point", ROCK, "--point", "275,100", "-o", output, *SMALL
    )
    out = capsys.readouterr().out
    assert f"{FRAMES} masks in {output / 'masks'}" in out
    assert f"3 frames from 3 to {FRAMES - 1} recomputed, 3 masks changed" in out
    masks = [read_palette_png(output / "masks" / f"{index:05d}.png") for index in range(FRAMES)]
    assert [bool(mask[85, 250]) for mask in masks] == [False] * 3 + [True] * 3
    assert [prompt["frame"] for prompt in json.loads((output / "run.json").read_text())["prompts"]] == [0, 3]


def test_the_webcam_is_recorded_with_its_overlay(clip: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    # OpenCV reads the clip where it would read the camera: real pictures, and an end.
    open_capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda device: open_capture(str(clip)) if device == 2 else None)
    output = tmp_path / "webcam.mp4"
    run_example("webcam", "--camera", 2, "--seconds", 60, "-o", output, "--short-side", "96")
    assert capsys.readouterr().out.count("fps") == FRAMES
    changed = share_changed(pictures(clip), pictures(output))
    assert len(changed) == FRAMES
    assert changed[0] > 0.02


def test_supervision_annotates_the_object_and_its_name(clip: Path, tmp_path: Path) -> None:
    need("supervision", "formats")
    output = tmp_path / "annotated.mp4"
    run_example("supervision_annotator", clip, "--box", RABBIT, "--name", "rabbit", "-o", output, *SMALL)
    before, after = pictures(clip), pictures(output)
    changed = share_changed(before, after)
    assert len(changed) == FRAMES and min(changed) > 0.01
    assert share_changed([p[100:, 240:] for p in before], [p[100:, 240:] for p in after]) == [0.0] * FRAMES


def test_the_list_of_examples_is_complete() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for script in sorted(EXAMPLES.glob("*.py")):
        assert f"]({script.name})" in readme and f"python examples/{script.name} " in readme
