"""Cases that somebody thought of: each is odd in a way of its own. `kind` chooses one; without it chance does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz.commands import ODD_NAMES, batch, tracking, write_script
from tests.fuzz.corpus import BOX, FRAMES, HEIGHT, WIDTH, Corpus
from tests.fuzz.judge import Case
from tests.fuzz.mutations import Rng, break_bytes, pick, png_bomb


def _palette_of_another_size(rng: Rng, path: Path) -> None:
    labels = np.zeros((HEIGHT + int(rng.integers(1, 9)), WIDTH), np.uint8)
    labels[5:20, 5:20] = 1
    Image.fromarray(labels).save(path)


def _bomb(rng: Rng, path: Path) -> None:
    path.write_bytes(png_bomb(*(int(pick(rng, (8000, 12_000, 30_000, 2**30))) for _ in range(2))))


def _full(rng: Rng, path: Path) -> None:
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), int(rng.integers(1, 256)), np.uint8)).save(path)


def _noise(rng: Rng, path: Path) -> None:
    Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(path)


def _jpeg(rng: Rng, path: Path) -> None:
    colours = rng.integers(0, 2, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8) * 255
    Image.fromarray(colours).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST).save(path, format="JPEG")


# Pictures that are no prompts.
WRONG_PICTURES: dict[str, Callable[[Rng, Path], object]] = {
    "another size": _palette_of_another_size,
    "bomb": _bomb,
    "everything painted": _full,
    "noise": _noise,
    "a JPEG": _jpeg,
    "zero bytes": lambda _rng, path: path.write_bytes(b""),
    "text": lambda _rng, path: path.write_text("P5 1 1 255 \0"),
    "nothing painted": lambda _rng, path: Image.new("P", (WIDTH, HEIGHT)).save(path),
    "a folder": lambda _rng, path: path.mkdir(),
    "a pipe": lambda _rng, path: os.mkfifo(path),
    "a link to itself": lambda _rng, path: path.symlink_to(path),
    "a link to nothing": lambda _rng, path: path.symlink_to("gone.png"),
    "a device": lambda _rng, path: path.symlink_to("/dev/zero"),
}


def wrong_picture(rng: Rng, corpus: Corpus, folder: Path, kind: str | None = None) -> Case:
    kind = kind or pick(rng, tuple(WRONG_PICTURES))
    path = folder / "prompt.png"
    WRONG_PICTURES[kind](rng, path)
    option = pick(rng, ("--mask", "--first-frame-stroke"))
    output = folder / "out"
    may_succeed = kind in ("everything painted", "noise")  # every label of a grey or palette picture is an id
    return Case(
        f"picture: {kind}",
        tracking(corpus.clip, output, option, path),
        ("prompt.png",),
        (output,),
        may_succeed=may_succeed,
    )


def strange_ids(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """Ids up to 65535 are fine, also above 255; prompts of several objects may overlap."""
    output = folder / "out"
    number = int(pick(rng, (0, 1, 254, 255, 256, 300, 65535, 65536, 10**30, -1)))
    is_id = 1 <= number <= 65535
    prompts = ["--box", f"{number}:10,8,40,36", "--point", "2:20,20"]
    return Case("ids", tracking(corpus.clip, output, *prompts), (str(number),), (output,), is_id, not is_id)


# What is in a script -> whether it can work. `{outside}` is a picture outside the script's folder.
SCRIPT_ENTRIES: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "a path out of the folder": ([{"object": 1, "mask": {"png": "../outside.png"}}], False),
    "an absolute path": ([{"object": 1, "mask": {"png": "{outside}"}}], False),
    "a link out of the folder": ([{"object": 1, "mask": {"png": "link.png"}}], False),
    "a path with a NUL": ([{"object": 1, "mask": {"png": "a\0b"}}], False),
    "a frame that does not exist": (
        [{"object": 1, "box": [1, 1, 9, 9]}, {"object": 2, "frame": FRAMES, "box": [1, 1, 9, 9]}],
        False,
    ),
    "no prompt on the first frame": ([{"object": 1, "frame": 3, "box": [1, 1, 30, 30]}], True),
    "an id above 65535": ([{"object": 65536, "box": [1, 1, 9, 9]}], False),
    "an id above 255": ([{"object": 65535, "box": [10, 8, 40, 36]}], True),
    "overlapping prompts": ([{"object": 1, "box": [9, 9, 40, 36]}, {"object": 2, "box": [10, 8, 40, 36]}], True),
    "an object twice": ([{"object": 1, "box": [1, 1, 9, 9]}, {"object": 1, "box": [2, 2, 9, 9]}], False),
    "another size": ([{"object": 1, "size": [640, 480], "box": [1, 1, 9, 9]}], False),
    "outside the picture": ([{"object": 1, "box": [70, 40, 700, 500]}], False),
    "a huge run length": ([{"object": 1, "mask": {"rle": {"size": [48, 64], "counts": "ooooooooooooo1"}}}], False),
    "a huge raster": ([{"object": 1, "mask": {"rle": {"size": [65535, 65535], "counts": "0"}}}], False),
    "an object that is removed": (
        [{"object": 1, "box": [10, 8, 40, 36]}, {"object": 1, "frame": 3, "remove": True}],
        True,
    ),
    "nothing": ([], False),
}


def tricky_script(rng: Rng, corpus: Corpus, folder: Path, kind: str | None = None) -> Case:
    kind = kind or pick(rng, tuple(SCRIPT_ENTRIES))
    entries, may_succeed = SCRIPT_ENTRIES[kind]
    outside = corpus.masks[0]
    shutil.copy(outside, folder.parent / "outside.png")
    (folder / "link.png").symlink_to(outside)
    text = json.dumps({"vos_prompts": 1, "prompts": entries}).replace("{outside}", str(outside))
    write_script(folder, corpus, text.encode())
    shutil.copy(corpus.clip, folder / "a.mp4")
    manifest = folder / "jobs.csv"
    manifest.write_text("video,script\na.mp4,script.json\n")
    case = batch(f"script: {kind}", manifest, folder, ("script.json", f"frame {FRAMES}", "frame"))
    return Case(case.name, case.arguments, case.names, case.outputs, may_succeed, not may_succeed or "first" in kind)


# Columns of a manifest that nobody should write; the name of a job becomes a folder.
_ROWS: tuple[dict[str, Any], ...] = (
    {"name": "../escaped"},
    {"name": "/tmp/absolute"},
    {"name": "a/b"},
    {"name": ".hidden"},
    {"name": "nul\0"},
    {"name": "x" * 300},
    {"name": 7},
    {"video": "../gone.mp4"},
    {"video": "/dev/zero"},
    {"video": "-"},
    {"video": "https://example.org/a.mp4"},
    {"box": "1,2,3"},
    {"box": "nan,0,inf,9"},
    {"mask": "../../../../etc/passwd"},
    {"short_side": "0"},
    {"absent_below": "2"},
    {"overlay": "perhaps"},
    {"model": "none"},
    {"weights": "gone.safetensors"},
    {"rate": "1/0"},
    {"stranger": "1"},
)


def tricky_manifest(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    shutil.copy(corpus.clip, folder / "a.mp4")
    row = {"video": "a.mp4", "box": BOX[1], **pick(rng, _ROWS)}
    data = json.dumps(row).encode()
    if rng.random() < 0.4:
        data = break_bytes(data, rng)
    manifest = folder / "jobs.jsonl"
    manifest.write_bytes(data + b"\n")
    case = batch("manifest", manifest, folder, ("a.mp4", "/dev/zero", "/etc/passwd"))
    return Case(case.name, case.arguments, case.names)


_TEXTS = ("", " ", "nan", "inf", "-1", "0", "1e400", "99999999999999999999", "1,2", "1,2,3,4,5", "a,b,c,d", "1:1,1,1,1")
_TEXTS += ("0:1,1,9,9", "::", "١,٢,٣,٤", "5,5,1,1", "1,1,9,9\n2,2,8,8", "\0", "-5,-5,5,5", "0,0,1e9,1e9", "--help-me")
_TEXT_OPTIONS = ("--box", "--point", "--polygon", "--fps", "--max-memory", "--device", "--model", "--mask", "--weights")
_TEXT_OPTIONS += ("--short-side", "--absent-below", "--stop-after", "--first-frame-stroke", "--on-absent")


def strange_option(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    option, text = pick(rng, _TEXT_OPTIONS), pick(rng, _TEXTS)
    output = folder / "out"
    extra = (option, text) if option in ("--box", "--point", "--polygon") else (*BOX, option, text)
    # An empty or unprintable value can only be named by its option or by what it was meant to be.
    names = (option, option.strip("-"), "Usage", "rate", "device", "prompt", "file", "size", "'fps'")
    return Case(f"option: {option}", tracking(corpus.clip, output, *extra), names, (output,))


def odd_name(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """Names are just names."""
    name = pick(rng, ODD_NAMES)
    source = pick(rng, corpus.clips[:4])
    video = folder / f"{name}{source.suffix}"
    shutil.copy(source, video)
    mask = folder / f"{name}.png"
    shutil.copy(corpus.masks[0], mask)
    output = folder / f"{name}_out"
    return Case("name", tracking(video, output, "--mask", mask), (name,), (output,), may_fail=False)


def _target(kind: str, folder: Path) -> tuple[Path, bool]:
    """A place for output that is odd, and whether it can be written."""
    output = folder / "out"
    match kind:
        case "a file":
            output.write_text("mine")
        case "below a file":
            (folder / "file").write_text("mine")
            output = folder / "file" / "out"
        case "read-only":
            return Path("/proc/out"), False
        case "a device":
            return Path("/dev/null"), False
        case "a link to a folder":
            (folder / "real").mkdir()
            output.symlink_to("real")
            return output, True
        case "a link to nothing":
            output.symlink_to("gone")
        case "a link to itself":
            output.symlink_to(output)
        case "a name that is too long":
            output = folder / ("x" * 300)
        case "not empty":
            output.mkdir()
            (output / "mine.txt").write_text("mine")
        case "masks is a file":
            output.mkdir()
            (output / "masks").write_text("mine")
        case "masks is a link out":
            output.mkdir()
            (folder / "elsewhere").mkdir()
            (output / "masks").symlink_to("../elsewhere")
        case _:
            (folder / "a").mkdir()
            return folder / "a" / ".." / "deep" / "er", True
    return output, False


TARGETS = ("a file", "below a file", "read-only", "a device", "a link to a folder", "a link to nothing")
TARGETS += (
    "a link to itself",
    "a name that is too long",
    "not empty",
    "masks is a file",
    "masks is a link out",
    "deep",
)


def odd_target(rng: Rng, corpus: Corpus, folder: Path, kind: str | None = None) -> Case:
    kind = kind or pick(rng, TARGETS)
    output, works = _target(kind, folder)
    names = (str(output), output.name[:50])
    outputs = (output,) if works else ()
    return Case(f"target: {kind}", tracking(corpus.clip, output, *BOX), names, outputs, works, not works)


NO_VIDEOS = ("zero bytes", "text", "a pipe", "a link to itself", "a folder", "a device", "playlist", "concat")


def no_video(rng: Rng, _corpus: Corpus, folder: Path, kind: str | None = None) -> Case:
    kind = kind or pick(rng, NO_VIDEOS)
    path = folder / "clip.mp4"
    match kind:
        case "zero bytes":
            path.write_bytes(b"")
        case "text":
            path.write_text("no video\n" * 50)
        case "a pipe":
            os.mkfifo(path)
        case "a link to itself":
            path.symlink_to(path)
        case "a folder":
            path.mkdir()
        case "a device":
            path.symlink_to("/dev/zero")
        case "playlist":
            path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttps://example.org/a.ts\n#EXT-X-ENDLIST\n")
        case _:
            path.write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    output = folder / "out"
    return Case(f"no video: {kind}", tracking(path, output, *BOX), (path.name,), (output,), may_succeed=False)
