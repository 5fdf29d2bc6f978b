"""`vos track` as a user meets it: what it writes, what it prints, what it says about mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.vos.scenes import iou, moving_shapes
from vos.cli.main import main
from vos.files.index_png import read_palette_png, write_palette_png
from vos.video import VideoEncoder

FRAMES = 8


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight frames at a variable rate."""
    path = tmp_path_factory.mktemp("clip") / "shapes.mp4"
    scene = moving_shapes(count=FRAMES, objects=2)
    with VideoEncoder(path, width=160, height=120, time_base=Fraction(1, 1000), crf=10) as encoder:
        for index, frame in enumerate(scene.frames):
            encoder.write(frame, index * 40 + (index % 3) * 7)
    return path


@pytest.fixture(scope="module")
def mask_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = moving_shapes(count=FRAMES, objects=2)
    labels = np.zeros((120, 160), np.uint8)
    for object_id in (1, 2):
        labels[scene.masks[object_id][0]] = object_id
    path = tmp_path_factory.mktemp("prompts") / "mask.png"
    write_palette_png(path, labels)
    return path


def vos(*arguments: object) -> int:
    """Runs the command in this process and returns its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def track(*arguments: object) -> int:
    return vos("track", *arguments, "--device", "cpu", "--short-side", 160, "--quiet")


def test_a_mask_prompt_gives_one_mask_per_frame_and_a_record(clip: Path, mask_png: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert track(clip, "--mask", mask_png, "-o", output) == 0
    names = sorted(path.name for path in (output / "masks").iterdir())
    assert names == [f"{i:05d}.png" for i in range(FRAMES)]
    with Image.open(output / "masks" / names[-1]) as image:
        assert image.mode == "P"
        assert image.size == (160, 120)
    scene = moving_shapes(count=FRAMES, objects=2)
    last = read_palette_png(output / "masks" / names[-1])
    for object_id in (1, 2):
        assert iou(last == object_id, scene.masks[object_id][-1]) > 0.7
    record = json.loads((output / "run.json").read_text())
    assert record["status"] == "done"
    assert record["frames"] == FRAMES
    assert sorted(record["objects"]) == ["1", "2"]
    assert len((output / "journal.jsonl").read_text().splitlines()) == FRAMES
    leftovers = [path for path in output.rglob("*") if path.name.startswith(".")]
    assert leftovers == []


def test_the_overlay_keeps_every_frame_and_its_time(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert track(clip, "--box", "20,20,60,62", "-o", output, "--overlay", "--contact-sheet") == 0

    def times(path: Path) -> list[Fraction]:
        with av.open(str(path)) as container:
            frames = list(container.decode(video=0))
            return [frame.pts * Fraction(frame.time_base) for frame in frames]

    assert times(output / "overlay.mp4") == times(clip)
    with Image.open(output / "contact_sheet.png") as sheet:
        assert sheet.width > 160


def test_two_runs_write_the_same_bytes(clip: Path, mask_png: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        formats = ["--overlay", "--format", "coco,objects", "--format", "sheet"]
        assert track(clip, "--mask", mask_png, "-o", tmp_path / name, *formats) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > FRAMES
    assert {"coco.json", "objects", "overlay.mp4", "contact_sheet.png"} <= {file.parts[0] for file in files}
    for file in files:
        if file.name != "run.json":
            assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_json_mode_is_for_machines(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    arguments = ["track", clip, "--point", "5:40,42", "-o", output, "--json", "--short-side", 160, "--device", "cpu"]
    assert vos(*arguments) == 0
    captured = capsys.readouterr()
    done = json.loads(captured.out)
    assert done["frames"] == FRAMES
    assert done["objects"] == [5]
    for line in captured.err.splitlines():
        assert json.loads(line)["event"] == "progress"


def test_an_output_that_holds_something_is_not_touched(
    clip: Path, mask_png: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("keep me")
    assert track(clip, "--mask", mask_png, "-o", output) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    assert track(clip, "--mask", mask_png, "-o", output, "--overwrite") == 0
    assert (output / "mine.txt").read_text() == "keep me"


def _broken_inputs(folder: Path, clip: Path) -> dict[str, tuple[list[str], int, str]]:
    """Name -> arguments of vos track, exit status, and what the message must hold."""
    empty = folder / "empty.mp4"
    empty.write_bytes(b"")
    text = folder / "notes.mp4"
    text.write_text("this is not a video")
    no_images = folder / "nothing_here"
    no_images.mkdir()
    small = folder / "small.png"
    write_palette_png(small, np.ones((10, 10), np.uint8))
    blank = folder / "blank.png"
    write_palette_png(blank, np.zeros((120, 160), np.uint8))
    a_file = folder / "file"
    a_file.write_text("")
    box = ["--box", "20,20,60,62"]
    return {
        "no prompt": ([str(clip)], 2, "--first-frame-stroke"),
        "missing video": ([str(folder / "missing.mp4"), *box], 1, "missing.mp4"),
        "zero-byte video": ([str(empty), *box], 1, "empty.mp4"),
        "not a video": ([str(text), *box], 1, "notes.mp4"),
        "folder without images": ([str(no_images), *box], 1, "nothing_here"),
        "mask of another size": ([str(clip), "--mask", str(small)], 2, "10x10"),
        "empty mask": ([str(clip), "--mask", str(blank)], 2, "blank.png"),
        "stroke of another size": ([str(clip), "--first-frame-stroke", str(small)], 2, "10x10"),
        "missing stroke": ([str(clip), "--first-frame-stroke", str(folder / "no.png")], 2, "no.png"),
        "stroke that is no picture": ([str(clip), "--first-frame-stroke", str(text)], 2, "notes.mp4"),
        "box outside": ([str(clip), "--box", "500,500,600,600"], 2, "outside"),
        "box upside down": ([str(clip), "--box", "60,60,20,20"], 2, "x0 < x1"),
        "box of words": ([str(clip), "--box", "a,b,c,d"], 2, "--box"),
        "point outside": ([str(clip), "--point", "1000,10"], 2, "outside"),
        "unknown model": ([str(clip), *box, "--model", "nonesuch"], 2, "compact"),
        "unknown device": ([str(clip), *box, "--device", "cuda:99"], 2, "--device"),
        "unknown option": ([str(clip), *box, "--frobnicate"], 2, "frobnicate"),
        "tiny resolution": ([str(clip), *box, "--short-side", "3"], 2, "short-side"),
        "output below a file": ([str(clip), *box, "-o", str(a_file / "out")], 1, "file"),
        "output is a file": ([str(clip), *box, "-o", str(a_file)], 1, "file"),
        "weights of something else": ([str(clip), *box, "--weights", str(text)], 1, "notes.mp4"),
    }


CASES = (
    "no prompt",
    "missing video",
    "zero-byte video",
    "not a video",
    "folder without images",
    "mask of another size",
    "empty mask",
    "stroke of another size",
    "missing stroke",
    "stroke that is no picture",
    "box outside",
    "box upside down",
    "box of words",
    "point outside",
    "unknown model",
    "unknown device",
    "unknown option",
    "tiny resolution",
    "output below a file",
    "output is a file",
    "weights of something else",
)


def test_every_mistake_is_tried(clip: Path, tmp_path: Path) -> None:
    assert set(_broken_inputs(tmp_path, clip)) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_clear_line_and_leaves_nothing_behind(
    case: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, status, needle = _broken_inputs(tmp_path, clip)[case]
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    if "-o" not in arguments:
        arguments = [*arguments, "-o", str(tmp_path / "out")]
    assert vos("track", *arguments) == status
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert needle in captured.err
    message = [line for line in captured.err.splitlines() if line.lower().startswith(("vos: error", "error"))]
    assert len(message) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_truncated_video_gives_the_masks_before_the_cut_and_fails(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = moving_shapes(count=45)
    cut = tmp_path / "cut.mkv"
    with VideoEncoder(
        cut, width=160, height=120, time_base=Fraction(1, 25), average_rate=Fraction(25), codec="ffv1"
    ) as encoder:
        for index, frame in enumerate(scene.frames):
            encoder.write(frame, index)
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * 0.6)])
    output = tmp_path / "out"
    assert track(cut, "--box", "20,20,60,62", "-o", output) == 1
    written = len(list((output / "masks").glob("*.png")))
    assert 0 < written < 45
    record = json.loads((output / "run.json").read_text())
    assert record["status"] == "truncated"
    assert record["truncated"] is True
    assert record["frames"] == written
    assert f"frame {written}" in capsys.readouterr().err


def test_help_answers_without_loading_the_network() -> None:
    probe = "import sys\nfrom vos.cli.main import main\ntry:\n main(['--help'])\nexcept SystemExit: pass\n"
    probe += "print([m for m in ('torch', 'av', 'cv2', 'ray', 'decord', 'rich') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("[]")


def test_importing_the_package_does_not_import_torch() -> None:
    probe = "import sys, vos; print('torch' in sys.modules); vos.Box; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_paint_over_a_copy_of_the_first_frame(clip: Path, tmp_path: Path, kind: str, capsys: Any) -> None:
    import cv2

    from vos.video import open_source

    with open_source(clip) as source:
        painted = next(iter(source)).rgb
    scene = moving_shapes(count=FRAMES, objects=1)
    rows, columns = np.nonzero(scene.masks[1][0])
    centre = (int(columns.mean()), int(rows.mean()))
    cv2.line(painted, (centre[0] - 12, centre[1]), (centre[0] + 12, centre[1]), (255, 0, 0), 7, cv2.LINE_AA)
    Image.fromarray(painted).save(tmp_path / f"copy.{kind}")
    output = tmp_path / "out"
    assert track(clip, "--first-frame-stroke", tmp_path / f"copy.{kind}", "-o", output) == 0
    assert "painted over a copy of the frame" in capsys.readouterr().err
    labels = read_palette_png(output / "masks" / "00000.png")
    assert set(np.unique(labels)) == {0, 1}
    assert iou(labels == 1, scene.masks[1][0]) > 0.7


@pytest.mark.parametrize(
    "prompt",
    [("--box", "0.06,0.33,0.31,0.66"), ("--point", "0.19,0.5"), ("--box", "0,0,1,1"), ("--polygon", "0,0 0.5,0 0,0.5")],
)
def test_coordinates_as_shares_of_the_picture_are_asked_about(
    clip: Path, tmp_path: Path, prompt: tuple[str, str], capsys: Any
) -> None:
    assert track(clip, *prompt, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "all coordinates lie in 0..1: are they shares of the picture?" in error
    assert "160x120" in error
    assert not (tmp_path / "out").exists()


def test_a_box_that_leaves_the_picture_is_clipped_with_a_note(clip: Path, tmp_path: Path, capsys: Any) -> None:
    assert track(clip, "--box", "-20,30,60,500", "-o", tmp_path / "out") == 0
    note = "--box -20,30,60,500: box of object 1 leaves the 160x120 picture: clipped to it"
    assert f"vos: {note}" in capsys.readouterr().err
    assert note in json.loads((tmp_path / "out" / "run.json").read_text())["notes"]
    assert track(clip, "--box", "-20,30,-1,50", "-o", tmp_path / "beside") == 2
    assert "lies outside the image" in capsys.readouterr().err


def test_nothing_found_is_a_warning_a_note_and_status_1(clip: Path, tmp_path: Path, capsys: Any) -> None:
    # With a bar that no presence reaches, the box finds nothing; a mask would be its own object.
    output = tmp_path / "out"
    assert track(clip, "--box", "100,5,104,9", "--absent-below", "1", "-o", output) == 1
    printed = capsys.readouterr().err
    record = json.loads((output / "run.json").read_text())
    assert record["notes"] == ["object 1 got no pixel in any frame; check its prompt (box on frame 0)"]
    assert f"vos: {record['notes'][0]}" in printed
    assert "no object was found in any frame" in printed
    assert record["status"] == "done"
    # Told again when there is nothing left to do.
    assert track(clip, "--box", "100,5,104,9", "--absent-below", "1", "-o", output, "--resume") == 1


def test_notes_of_reading_reach_stderr_and_the_record(tmp_path: Path, mask_png: Path, capsys: Any) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    scene = moving_shapes(count=FRAMES, objects=2)
    for index in (1, 2, 4, 5):
        Image.fromarray(scene.frames[index]).save(frames / f"{index:05d}.png")
    Image.fromarray(scene.frames[0]).save(frames / "thumbnail.png")
    assert track(frames, "--mask", mask_png, "-o", tmp_path / "out") == 0
    printed = capsys.readouterr().err
    notes = json.loads((tmp_path / "out" / "run.json").read_text())["notes"]
    assert f"vos: {mask_png}: 2 objects" in printed
    assert notes[0] == "1 number is missing, first between 2 and 4; frames are counted without gaps"
    assert notes[1].startswith("thumbnail.png passed over")
    assert all(printed.count(f"vos: {note}\n") == 1 for note in notes)
    assert sorted(p.name for p in (tmp_path / "out/masks").iterdir()) == [f"0000{i}.png" for i in (1, 2, 4, 5)]
