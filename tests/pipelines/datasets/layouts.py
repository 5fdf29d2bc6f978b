"""Tiny data sets in their official layouts, and the command that runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.perf.clips import draw_frames
from tests.pipelines.fleet.helpers import SHORT_SIDE, vos
from vos.files.index_png import write_palette_png
from vos.files.rle import encode_counts, runs_of

WIDTH, HEIGHT, FRAMES = 96, 64, 6


def benchmark(dataset: str, root: Path, output: Path, *options: object) -> int:
    common = ("--device", "cpu", "--short-side", SHORT_SIDE, "--quiet")
    return vos("benchmark", dataset, "--root", root, "-o", output, *common, *options)


def save_frame(folder: Path, stem: str, rgb: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(folder / f"{stem}.jpg", quality=95)


def save_labels(folder: Path, stem: str, labels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_palette_png(folder / f"{stem}.png", labels)


def save_binary(folder: Path, stem: str, mask: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{stem}.png")


def write_davis(root: Path, year: int, sequences: dict[str, int]) -> Path:
    """A data set in the layout of DAVIS; name -> number of objects."""
    lists = root / "ImageSets" / str(year)
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("\n".join(sequences) + "\n")
    for name, objects in sequences.items():
        for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, objects)):
            save_frame(root / "JPEGImages" / "480p" / name, f"{index:05d}", frame)
            masks = root / "Annotations" / "480p" / name
            if year == 2016:
                save_binary(masks, f"{index:05d}", labels > 0)
            else:
                save_labels(masks, f"{index:05d}", labels)
    return root


def write_scribbles(root: Path, name: str, objects: int, frame: int, *, number: int = 1) -> Path:
    """`Scribbles/<name>/00N.json`: a line over the middle of each object of a DAVIS sequence in one of its frames."""
    _, labels = list(draw_frames(WIDTH, HEIGHT, FRAMES, objects))[frame]
    strokes = []
    for object_id in range(1, objects + 1):
        rows, columns = np.nonzero(labels == object_id)
        y = float(rows.mean()) / (HEIGHT - 1)
        x = [float(columns.mean() + shift) / (WIDTH - 1) for shift in (-3, 3)]
        strokes.append({"path": [[x[0], y], [x[1], y]], "object_id": object_id, "start_time": 0, "end_time": 900})
    path = root / "Scribbles" / name / f"{number:03d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [strokes if index == frame else [] for index in range(FRAMES)]
    path.write_text(json.dumps({"scribbles": frames, "sequence": name}))
    return path


def late_frames(enters: dict[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames and labels in which each object is annotated from a frame of its own on: id -> frame."""
    for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, len(enters))):
        for object_id, first in enters.items():
            if index < first:
                labels[labels == object_id] = 0
        yield frame, labels


ENTERS = {1: 1, 2: 3}


def write_youtube_vos(root: Path, split: str = "train", *, only_given: bool = False) -> Path:
    """One video at every fifth frame, whose first object comes in at the second frame and the other at the fourth.

    With `only_given`, as in the splits without public truth: nothing but each object's first annotation.
    """
    folder = root / split
    stems = [f"{5 * index:05d}" for index in range(FRAMES)]
    for index, (frame, labels) in enumerate(late_frames(ENTERS)):
        save_frame(folder / "JPEGImages" / "v1", stems[index], frame)
        new = [object_id for object_id, first in ENTERS.items() if first == index]
        if only_given:
            labels[~np.isin(labels, new)] = 0
        if new or not only_given:
            save_labels(folder / "Annotations" / "v1", stems[index], labels)
    objects = {str(key): {"category": "disc", "frames": stems[first:]} for key, first in ENTERS.items()}
    (folder / "meta.json").write_text(json.dumps({"videos": {"v1": {"objects": objects}}}))
    return root


def write_all_frames(root: Path, split: str) -> None:
    """`<split>_all_frames` of `write_youtube_vos`: with one more frame between two of its frames, not four."""
    frames = list(draw_frames(WIDTH, HEIGHT, FRAMES, len(ENTERS)))
    for index, (frame, _) in enumerate(frames):
        for number in (5 * index, 5 * index + 2):
            save_frame(root / f"{split}_all_frames" / "JPEGImages" / "v1", f"{number:05d}", frame)


def write_mose(root: Path, split: str = "train", *, only_given: bool = False) -> Path:
    """A video of two objects in the layout of MOSE."""
    for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, 2)):
        save_frame(root / split / "JPEGImages" / "v1", f"{index:05d}", frame)
        if index == 0 or not only_given:
            save_labels(root / split / "Annotations" / "v1", f"{index:05d}", labels)
    return root


def write_lvos(root: Path) -> Path:
    """One video of LVOS, `valid`, at every fifth frame."""
    folder = root / "valid"
    for index, (frame, labels) in enumerate(late_frames(ENTERS)):
        save_frame(folder / "JPEGImages" / "v1", f"{5 * index + 1:08d}", frame)
        save_labels(folder / "Annotations" / "v1", f"{5 * index + 1:08d}", labels)
    objects = {
        str(key): {
            "frame_range": {"start": str(5 * first + 1), "end": str(5 * FRAMES - 3), "frame_nums": str(FRAMES - first)}
        }
        for key, first in ENTERS.items()
    }
    (folder / "valid_meta.json").write_text(json.dumps({"videos": {"v1": {"objects": objects}}}))
    (folder / "unseen_videos.txt").write_text("v1\n")
    return root


def write_sav(root: Path) -> Path:
    """One video of SA-V: pictures of every frame, annotations of every second, objects 000 and 001."""
    for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, 2 * FRAMES, 2)):
        save_frame(root / "JPEGImages_24fps" / "v1", f"{index:05d}", frame)
        if index % 2 == 0:
            for number in range(2):
                save_binary(root / "Annotations_6fps" / "v1" / f"{number:03d}", f"{index:05d}", labels == number + 1)
    return root


def write_secvos(root: Path) -> Path:
    """One video of SeCVOS: all frames annotated, objects 001 and 002."""
    for index, (frame, labels) in enumerate(draw_frames(WIDTH, HEIGHT, FRAMES, 2)):
        save_frame(root / "JPEGImages" / "v1", f"{index:05d}", frame)
        for number in (1, 2):
            save_binary(root / "Annotations" / "v1" / f"{number:03d}", f"{index:05d}", labels == number)
    return root


def write_burst(root: Path) -> Path:
    """The file of one sequence of BURST, every second frame annotated, and its pictures below `root`."""
    names, annotated, segmentations = [], [], []
    for index, (frame, labels) in enumerate(late_frames(ENTERS)):
        names.append(f"{index:05d}.jpg")
        save_frame(root / "x" / "v1", f"{index:05d}", frame)
        if index % 2 == 0 or index == FRAMES - 1:
            annotated.append(names[-1])
            segmentations.append(
                {str(k): {"rle": encode_counts(labels == k), "is_gt": True} for k in ENTERS if (labels == k).any()}
            )
    sequence = {
        "id": 0,
        "seq_name": "v1",
        "dataset": "x",
        "width": WIDTH,
        "height": HEIGHT,
        "all_image_paths": names,
        "annotated_image_paths": annotated,
        "segmentations": segmentations,
    }
    path = root / "burst.json"
    path.write_text(json.dumps({"sequences": [sequence]}))
    return path


def write_youtube_vis(root: Path) -> Path:
    """The file of one video of YouTube-VIS or OVIS, with run lengths as lists, and its pictures below `root`."""
    frames = list(late_frames(ENTERS))
    names = [f"v1/{index:05d}.jpg" for index in range(len(frames))]
    for index, (frame, _) in enumerate(frames):
        save_frame(root / "v1", f"{index:05d}", frame)
    annotations = [
        {
            "id": 10 * key,
            "video_id": 5,
            "category_id": 1,
            "segmentations": [
                {"size": [HEIGHT, WIDTH], "counts": runs_of(labels == key)} if (labels == key).any() else None
                for _, labels in frames
            ],
        }
        for key in ENTERS
    ]
    video = {"id": 5, "width": WIDTH, "height": HEIGHT, "length": len(frames), "file_names": names}
    path = root / "vis.json"
    path.write_text(json.dumps({"videos": [video], "categories": [{"id": 1}], "annotations": annotations}))
    return path
