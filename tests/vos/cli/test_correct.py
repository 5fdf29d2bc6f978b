"""Prompts typed on the command line: their order, frames and times, names; and corrections."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vos.scenes import moving_shapes
from vos.cli.main import main
from vos.cli.prompt_parser import PromptOptionParser
from vos.errors import UsageError
from vos.files.index_png import write_palette_png
from vos.prompts import Box, Mask, Points, Prompt, PromptScript, ReferenceImage, Removal, Text
from vos.video import VideoEncoder

FRAMES = 8
SCENE = moving_shapes(count=FRAMES, objects=2, height=64, width=96)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames at 0.5, 0.54, 0.58 ... s: the first is not at time zero."""
    path = tmp_path_factory.mktemp("clip") / "shapes.mp4"
    with VideoEncoder(path, width=96, height=64, time_base=Fraction(1, 1000), crf=10) as encoder:
        for index, frame in enumerate(SCENE.frames):
            encoder.write(frame, 500 + index * 40)
    return path


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("masks")
    one, two = SCENE.masks[1][5].astype(np.uint8), SCENE.masks[2][5].astype(np.uint8) * 2
    write_palette_png(folder / "one.png", one)
    write_palette_png(folder / "both.png", np.maximum(one, two))
    Image.fromarray(SCENE.frames[5]).save(folder / "picture.png")
    return {path.stem: path for path in folder.iterdir()}


def parsed(clip: Path, *given: object, names: dict[int, str] | None = None) -> PromptScript:
    """What the options, given as on the command line, say."""
    words = [str(word) for word in given]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    parser = PromptOptionParser(str(clip), {}, names or {})
    parser.reserve([value for _, value in pairs])
    for option, value in pairs:
        parser.feed(option.removeprefix("--"), value)
    return parser.script()


def test_frame_and_object_hold_for_the_prompts_that_follow(clip: Path) -> None:
    script = parsed(
        clip, "--box", "1,1,9,9", "--object", "bird", "--box", "2,2,9,9", "--at", "5", "--point", "3,3",
        "--negative-point", "8,8", "--point", "4,4", "--object", "7", "--direction", "both", "--box", "2,2,5,5",
        "--box", "9:2,2,5,5",
    )  # fmt: skip
    wanted: list[Prompt] = [
        Box(1, 1, 9, 9),
        Box(2, 2, 9, 9, object_id=2),
        Points([[3, 3], [4, 4]], [[8, 8]], (True, False, True), object_id=2, frame=5),
        Box(2, 2, 5, 5, object_id=7, frame=5, direction="both"),
        Box(2, 2, 5, 5, object_id=9, frame=5, direction="both"),
    ]
    assert list(script.prompts) == wanted
    assert script.names == {2: "bird"}


def test_names_of_the_run_are_known_and_new_ones_get_free_ids(clip: Path) -> None:
    script = parsed(
        clip, "--object", "rabbit", "--box", "1,1,9,9", "--object", "bird", "--box", "1,1,9,9", "--point", "3:2,2",
        "--at", "6", "--remove", "rabbit", names={4: "rabbit", 1: "tree"},
    )  # fmt: skip
    assert [prompt.object_id for prompt in script.prompts] == [4, 2, 3]
    assert script.removals == (Removal(4, 6),)
    assert script.names == {2: "bird"}


@pytest.mark.parametrize(
    ("at", "frame"),
    [("3", 3), ("0s", 0), ("0.04s", 1), ("0.0799s", 1), ("0.08s", 2), ("0:00.2", 5), ("00:00:00.28", 7), ("0.31s", 7)],
)
def test_a_time_means_the_frame_that_is_on_display(clip: Path, at: str, frame: int) -> None:
    assert parsed(clip, "--at", at, "--box", "1,1,9,9").prompts == (Box(1, 1, 9, 9, frame=frame),)


def test_masks_words_and_pictures(clip: Path, masks: dict[str, Path]) -> None:
    script = parsed(
        clip, "--at", "5", "--mask", masks["both"], "--object", "8", "--mask", masks["one"], "--text", "a disc",
        "--reference", masks["picture"], "--reference-mask", masks["one"],
    )  # fmt: skip
    assert script.prompts == (
        Mask(SCENE.masks[1][5], frame=5),
        Mask(SCENE.masks[2][5], object_id=2, frame=5),
        Mask(SCENE.masks[1][5], object_id=8, frame=5),
        Text("a disc", object_id=8, frame=5),
        ReferenceImage(SCENE.frames[5], Mask(SCENE.masks[1][5], object_id=8), object_id=8, frame=5),
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["--at", "soon"], "--at soon: expected a frame like 40, or a time like"),
        (["--at", "1:75"], "--at 1:75: expected a frame"),
        (["--at", "0.33s"], r"--at 0\.33s: 0\.33 s is after the end of the video; its last frame is shown at 0\.28 s"),
        (["--object", "0"], r"object 0: an object id is in 1\.\.65535"),
        (["--direction", "up"], "--direction up: not one of forward, backward, both"),
        (["--remove", "cat"], "--remove cat: no object has this name; names: dog"),
        (["--at", "3", "--first-frame-stroke", "s.png"], "comes after --at 3; use --stroke there"),
        (["--object", "3", "--mask", "both"], "has several objects; leave --object out"),
        (["--reference", "picture"], "mark the object on it with --reference-mask"),
        (["--reference", "picture", "--box", "1,1,2,2"], "--reference-mask or --reference-stroke must follow it"),
        (["--reference-mask", "one"], "the picture must come first, with --reference"),
        (["--box", "1,1,9,9", "--at", "25"], "--at 25: no prompt comes after it; give --at before the prompts"),
        (["--box", "1,1,9,9", "--object", "dog"], "--object dog: no prompt comes after it"),
        (["--box", "1,1,9,9", "--direction", "backward"], "--direction backward: no prompt comes after it"),
        (["--object", "dog", "--remove", "1"], "--object dog: no prompt comes after it"),
        (["--at", "3", "--at", "4", "--box", "1,1,9,9"], "--at 3: no prompt comes between it and --at 4"),
    ],
)
def test_options_that_do_not_go_together_are_explained(
    clip: Path, masks: dict[str, Path], said: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(clip, *(masks.get(word, word) for word in said), names={1: "dog"})


def test_the_frame_of_a_removal_is_a_use_of_at(clip: Path) -> None:
    assert parsed(clip, "--at", "3", "--remove", "1").removals == (Removal(1, 3),)


def test_track_refuses_a_setting_without_a_prompt_after_it(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vos("track", clip, "--box", "1,1,9,9", "--at", "5", "-o", tmp_path / "run") == 2
    assert "--at 5: no prompt comes after it" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def vos(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def test_a_run_is_tracked_corrected_and_made_again_from_its_record(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--short-side", 64, "--device", "cpu", "--quiet"]
    out, again = tmp_path / "out", tmp_path / "again"
    assert vos("track", clip, "--object", "disc", "--box", "9,9,40,40", "-o", out, *small) == 0
    assert vos("correct", out) == 2
    assert "no correction: say what to change" in capsys.readouterr().err
    assert (
        vos("correct", out, "--at", "5", "--object", "disc", "--point", "40,30", "--negative-point", "90,60", "--json")
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["recomputed"], told["first"], told["last"], told["frames"]) == (3, 5, 7, FRAMES)
    record = json.loads((out / "run.json").read_text())
    assert [(p["kind"], p["frame"], p["object"]) for p in record["prompts"]] == [("box", 0, 1), ("points", 5, 1)]
    assert record["names"] == {"1": "disc"}
    assert vos("track", clip, "--script", out / "run.json", "-o", again, *small) == 0
    for index in range(FRAMES):
        name = f"masks/{index:05d}.png"
        assert (out / name).read_bytes() == (again / name).read_bytes()


def test_a_broken_script_is_named_with_file_and_place(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "clip.json"
    script.write_text('{"vos_prompts": 1, "prompts": [{"object": 1, "box": [1, 1, "x", 9]}]}')
    assert vos("track", clip, "--script", script, "-o", tmp_path / "out") == 2
    assert f"{script}: $.prompts[0].box[2]: expected a number" in capsys.readouterr().err


def test_replace_holds_for_the_frame_that_it_is_given_for(clip: Path) -> None:
    script = parsed(
        clip, "--point", "1,1", "--at", "4", "--replace", "", "--point", "3,3", "--at", "6", "--negative-point", "2,2"
    )  # fmt: skip
    assert [(prompt.frame, prompt.replaces) for prompt in script.prompts] == [(0, False), (4, True), (6, False)]


def test_replace_needs_a_prompt_after_it(clip: Path) -> None:
    with pytest.raises(UsageError, match="--replace: no prompt comes after it"):
        parsed(clip, "--point", "1,1", "--replace", "")
