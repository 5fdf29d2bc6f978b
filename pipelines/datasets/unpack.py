"""Videos that come as JSON with masks as run lengths (BURST, OVIS, YouTube-VIS), laid out as folders of pictures and
index PNGs, which is what data sets are run and scored from.

    JPEGImages/<video>/        links to the pictures
    Annotations/<video>/       index PNGs of the annotated frames

Ids stay as they are where they fit into 8 bits, and are numbered from 1 otherwise. Where masks overlap, which an index
map cannot hold, the object that is listed later is in front.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.errors import DatasetError
from eval.masks import VOID_LABEL
from vos.files.index_png import write_palette_png
from vos.files.rle import decode_counts, mask_of_runs
from vos.runs.folder import OutputFolder

_MOST = VOID_LABEL - 1


@dataclass(frozen=True, slots=True)
class UnpackedVideo:
    """One video of a file.

    Attributes:
        name: Name of its folders.
        width, height: In pixels.
        pictures: Paths of all its pictures, relative to the folder of pictures.
        masks: Picture -> id -> run lengths, for the annotated pictures.
    """

    name: str
    width: int
    height: int
    pictures: tuple[str, ...]
    masks: dict[str, dict[int, Any]]


def unpack_videos(annotations: Path, pictures: Path, output: Path) -> tuple[int, int]:
    """Lays a file out.

    Args:
        annotations: JSON in the form of BURST ("sequences") or YouTube-VIS ("videos").
        pictures: Folder that the paths in it start from.
        output: New or empty folder.

    Returns:
        Number of videos, and of pixels that more than one object claimed.

    Raises:
        DatasetError: The file cannot be used, or a picture is absent.
        OutputError: The folder is not empty, or cannot be written.
    """
    try:
        document = json.loads(annotations.read_text(encoding="utf-8"))
        videos = list(_burst(document) if "sequences" in document else _youtube_vis(document))
    except OSError as error:
        raise DatasetError(f"{annotations}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{annotations}: not annotations as BURST or YouTube-VIS write them ({error!r})") from error
    for video in videos:
        if missing := [path for path in video.pictures if not (pictures / path).is_file()]:
            raise DatasetError(f"{pictures / missing[0]}: no such picture of {video.name}; check --pictures")
    OutputFolder(output).check(overwrite=False)
    return len(videos), sum(_lay_out(video, annotations, pictures, output) for video in videos)


def _burst(document: dict[str, Any]) -> Iterator[UnpackedVideo]:
    for sequence in document["sequences"]:
        folder = "/".join(str(sequence[key]) for key in ("dataset", "seq_name") if sequence.get(key))
        masks = {
            f"{folder}/{name}": {int(key): track["rle"] for key, track in tracks.items()}
            for name, tracks in zip(sequence["annotated_image_paths"], sequence["segmentations"], strict=True)
        }
        paths = tuple(f"{folder}/{name}" for name in sequence["all_image_paths"])
        name = folder.replace("/", "__")
        yield UnpackedVideo(name, int(sequence["width"]), int(sequence["height"]), paths, masks)


def _youtube_vis(document: dict[str, Any]) -> Iterator[UnpackedVideo]:
    by_video: dict[Any, list[Any]] = {}
    for annotation in document["annotations"]:
        by_video.setdefault(annotation["video_id"], []).append(annotation)
    for video in document["videos"]:
        names = tuple(str(name) for name in video["file_names"])
        masks: dict[str, dict[int, Any]] = {name: {} for name in names}
        for number, annotation in enumerate(by_video.get(video["id"], ()), start=1):
            for name, rle in zip(names, annotation["segmentations"], strict=True):
                if rle is not None:
                    masks[name][number] = rle["counts"]
        folder = Path(names[0]).parent.name or str(video["id"])
        yield UnpackedVideo(folder, int(video["width"]), int(video["height"]), names, masks)


def _lay_out(video: UnpackedVideo, annotations: Path, pictures: Path, output: Path) -> int:
    """Writes one video; returns the pixels that more than one object claimed."""
    links, maps = output / "JPEGImages" / video.name, output / "Annotations" / video.name
    links.mkdir(parents=True)
    maps.mkdir(parents=True)
    for path in video.pictures:
        (links / Path(path).name).symlink_to((pictures / path).resolve())
    ids = sorted({key for tracks in video.masks.values() for key in tracks})
    if len(ids) > _MOST:
        raise DatasetError(f"{annotations}: {video.name} has {len(ids)} objects; index maps hold at most {_MOST}")
    fits = not ids or (ids[0] >= 1 and ids[-1] <= _MOST)
    label_of = {key: key if fits else number for number, key in enumerate(ids, start=1)}
    doubled = 0
    for path, tracks in video.masks.items():
        labels = np.zeros((video.height, video.width), np.uint8)
        for key, counts in tracks.items():
            try:
                decode = decode_counts if isinstance(counts, str) else mask_of_runs
                mask = decode(counts, video.width, video.height)
            except (ValueError, TypeError) as error:
                raise DatasetError(f"{annotations}: {path}, object {key}: not a mask ({error})") from error
            doubled += int((labels[mask] != 0).sum())
            labels[mask] = label_of[key]
        write_palette_png(maps / f"{Path(path).stem}.png", labels)
    return doubled
