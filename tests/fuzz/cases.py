"""Kinds of cases: each makes, from a random generator, one input and says what a good answer to it is."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np

import seem_model
from seem_model.compact.weights_file import WEIGHTS_NAME
from tests.fuzz.commands import ODD_NAMES, Maker, batch, tracking, write_script
from tests.fuzz.corpus import BOX, HEIGHT, SCRIBBLES, SCRIPT, SHORT_SIDE, WIDTH, Corpus
from tests.fuzz.judge import Case
from tests.fuzz.mutations import (
    Rng,
    break_bytes,
    break_json,
    break_png,
    break_safetensors,
    json_bytes,
    pick,
    png_bomb,
)
from tests.fuzz.tricks import (
    no_video,
    odd_name,
    odd_target,
    strange_ids,
    strange_option,
    tricky_manifest,
    tricky_script,
    wrong_picture,
)

_WEIGHTS = Path(seem_model.__file__).parent / "weights" / WEIGHTS_NAME


def broken_video(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    source = pick(rng, corpus.clips)
    path = folder / source.name
    data = source.read_bytes()
    for _ in range(int(rng.integers(1, 4))):
        data = break_bytes(data, rng)
    path.write_bytes(data)
    if rng.random() < 0.5:
        return Case(f"video: {source.name} examined", ("doctor", "--decode", str(path)), (source.name,))
    output = folder / "out"
    arguments = tracking(path, output, *BOX)
    if rng.random() < 0.2:
        arguments = ("track", "--overlay", *arguments[1:])
    # A broken header can change the size, and then the box can lie outside.
    return Case(f"video: {source.name} tracked", arguments, (source.name, "box", "the video is"), (output,))


def huge_video(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """Sizes in the headers of an mp4 or mov, which nothing that decodes confirms."""
    source = pick(rng, [clip for clip in corpus.clips if clip.suffix in (".mp4", ".mov")])
    data = bytearray(source.read_bytes())
    size = struct.pack(">HH", *(int(pick(rng, (0, 1, 16384, 65535))) for _ in range(2)))
    place = data.find(struct.pack(">HH", WIDTH, HEIGHT))
    while place >= 0:
        data[place : place + 4] = size
        place = data.find(struct.pack(">HH", WIDTH, HEIGHT), place + 1)
    path = folder / source.name
    path.write_bytes(data)
    output = folder / "out"
    return Case("video size", tracking(path, output, *BOX), (source.name, "box"), (output,))


def broken_png(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    source = pick(rng, corpus.masks)
    path = folder / source.name
    breaker = break_png if rng.random() < 0.7 else break_bytes
    path.write_bytes(breaker(source.read_bytes(), rng))
    option = pick(rng, ("--mask", "--first-frame-stroke"))
    output = folder / "out"
    return Case(f"png: {option}", tracking(corpus.clip, output, option, path), (source.name,), (output,))


def broken_script(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """A prompt script or a scribble file, for a job of a batch: a manifest takes any kind of prompt."""
    whole = pick(rng, (SCRIPT, SCRIBBLES))
    if rng.random() < 0.8:
        data = json_bytes(break_json(whole, rng))
    else:
        data = break_bytes(json_bytes(whole), rng)
    write_script(folder, corpus, data)
    shutil.copy(corpus.clip, folder / "a.mp4")
    manifest = folder / "jobs.jsonl"
    manifest.write_text(json.dumps({"video": "a.mp4", "script": "script.json"}))
    return batch("script", manifest, folder, ("script.json", "frame", "object"))


def broken_record(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """run.json, the journal or a mask of a finished run."""
    output = folder / "run"
    shutil.copytree(corpus.finished, output)
    path = pick(rng, [output / "run.json", output / "run.json", output / "journal.jsonl", output / "masks/00003.png"])
    if path.name == "run.json" and rng.random() < 0.8:
        path.write_bytes(json_bytes(break_json(json.loads(path.read_bytes()), rng)))
    else:
        path.write_bytes(break_bytes(path.read_bytes(), rng))
    command = pick(rng, ("verify", "verify", "replay"))
    arguments = ("verify", str(corpus.clip), str(output)) if command == "verify" else ("replay", str(output), "-q")
    return Case(f"record: {command}", arguments, (str(output),), untouched=(folder,))


# What takes the folder of a run; the clip's place is filled in.
_READERS: tuple[tuple[str, ...], ...] = (
    ("verify", "CLIP", "RUN"),
    ("replay", "RUN", "-q"),
    ("report", "RUN", "-q"),
    ("convert", "RUN", "--to", "coco", "-q"),
    ("correct", "RUN", "--at", "1", "--box", "1,1,9,9", "-q"),
    ("track", "CLIP", "--resume", *BOX, "--short-side", SHORT_SIDE, "--device", "cpu", "-q", "-o", "RUN"),
)


def hostile_run(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """A run's folder in which a link, a pipe, or a name in a file would lead out of it."""
    mine = folder / "mine"
    mine.mkdir()
    (mine / "00000.png").write_bytes(b"mine")
    (mine / "note.txt").write_bytes(b"mine")
    run = folder / "run"
    shutil.copytree(corpus.finished if rng.random() < 0.5 else corpus.cut_off, run)
    target = pick(rng, ("../mine", "../mine/note.txt", str(mine), "/dev/zero", "gone", "."))
    name = pick(
        rng, ("run.json", "journal.jsonl", "masks", "masks/00001.png", "snapshots", "correction", "layers", "edits")
    )
    match int(rng.integers(4)):
        case 0:
            place = run / name
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
            place.symlink_to(target)
        case 1:
            place = run / pick(rng, ("run.json", "journal.jsonl", "masks/00001.png", "report.html", "x"))
            place.unlink(missing_ok=True)
            os.mkfifo(place)
        case 2:
            shutil.copytree(run, run / "correction")
            named = pick(rng, ("../mine/note.txt", str(mine / "note.txt"), "masks/../../mine/note.txt", "", ".", "\0"))
            (run / "correction/ready.json").write_text(json.dumps({"remove": [named]}))
        case _:
            record = json.loads((run / "run.json").read_bytes())
            record["video"]["frame_names"] = [pick(rng, ("../../mine/00000", "/etc/x", "..", "a\0", "00000"))] * 8
            (run / "run.json").write_bytes(json_bytes(record))
    places = {"CLIP": str(corpus.clip), "RUN": str(run)}
    arguments = tuple(places.get(word, word) for word in pick(rng, _READERS))
    return Case(f"folder: {arguments[0]}", arguments, (str(run), "report.html"), untouched=(mine, corpus.finished))


def broken_resume(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    """What a killed run left behind, damaged: it is gone on with, or started over from what is whole."""
    output = folder / "run"
    shutil.copytree(corpus.cut_off, output)
    files = [p for p in sorted(output.rglob("*")) if p.is_file()]
    path = pick(rng, files)
    if path.suffix == ".safetensors" and rng.random() < 0.7:
        path.write_bytes(break_safetensors(path.read_bytes(), rng))
    elif path.suffix == ".json":
        path.write_bytes(json_bytes(break_json(json.loads(path.read_bytes()), rng)))
    else:
        path.write_bytes(break_bytes(path.read_bytes(), rng))
    arguments = ("track", "--resume", *tracking(corpus.clip, output, *BOX)[1:])
    may_fail = path.name == "run.json"  # which says what the run was made from
    outputs = () if may_fail else (output,)
    return Case(f"resume: {path.suffix}", arguments, (str(output),), outputs, may_fail=may_fail)


def broken_weights(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    path = folder / "weights.safetensors"
    path.write_bytes(break_safetensors(_WEIGHTS.read_bytes(), rng))
    output = folder / "out"
    arguments = tracking(corpus.clip, output, *BOX, weights=str(path))
    return Case("weights", arguments, (path.name,), (output,))


def broken_images(rng: Rng, corpus: Corpus, folder: Path) -> Case:
    images = folder / "images"
    shutil.copytree(corpus.images, images)
    path = pick(rng, sorted(images.iterdir()))
    match int(rng.integers(7)):
        case 0:
            path.write_bytes(break_png(path.read_bytes(), rng))
        case 1:
            path.write_bytes(break_bytes(path.read_bytes(), rng))
        case 2:
            path.unlink()
            path.symlink_to(pick(rng, ("gone.png", path.name, "/dev/zero", "..")))
        case 3:
            path.unlink()
            path.mkdir()
        case 4:
            path.write_bytes(png_bomb(20_000, int(pick(rng, (20_000, 2**30)))))
        case 5:
            shutil.copy(path, images / f"{path.stem}.jpg")
        case _:
            path.rename(images / f"{pick(rng, ODD_NAMES)}.png")
    output = folder / "out"
    return Case("images", tracking(images, output, *BOX), ("images", "the video is"), (output,))


# Kind -> its share of all cases.
MAKERS: dict[Maker, int] = {
    broken_video: 30,
    huge_video: 3,
    broken_png: 14,
    wrong_picture: 6,
    strange_ids: 2,
    broken_script: 12,
    tricky_script: 4,
    tricky_manifest: 4,
    broken_record: 8,
    hostile_run: 8,
    broken_resume: 4,
    broken_weights: 1,
    strange_option: 5,
    odd_name: 2,
    odd_target: 3,
    broken_images: 4,
    no_video: 2,
}


def make_case(number: int, seed: int, corpus: Corpus, folder: Path, makers: dict[Maker, int] = MAKERS) -> Case:
    """Case `number` of a seed: the same every time. `folder` is empty and its own."""
    rng = np.random.default_rng((seed, number))
    shares = np.array(list(makers.values()), float)
    maker = list(makers)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    return maker(rng, corpus, folder)
