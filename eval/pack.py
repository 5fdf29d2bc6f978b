"""Packs predictions for a scoring server: one zip whose top level is the sequences' folders.

The DAVIS server (CodaLab) rejects a zip with an extra folder around the sequences, and fails wherever the official
tool fails; so everything is checked first: files, sizes against the images or annotations, single channel, ids. The
scorers of MOSEv2 and LVOS read the same form, a folder of index PNGs a video. No zip was tried on a server.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from eval.davis import MAX_PROPOSALS, RESOLUTION, sequence_names
from eval.errors import DatasetError, EvalUsageError, MaskFileError, MissingPredictionsError
from eval.folder_datasets import chosen, read_meta, split_root, subfolders
from eval.input_files import check_names, layout_of, read_file
from eval.mosev2 import meta_files
from eval.outputs import write_file
from eval.plan import PlanRequest
from eval.png import read_labels

# Fixed, so that the same masks make the same zip.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class PackedSequence:
    """Files of one sequence that go into the zip, and what they must look like.

    Attributes:
        name: Its folder in the zip.
        stems: Frames, in order.
        shape: (H, W) of the frames, if known.
        max_id: Highest id that the masks may hold, if known.
    """

    name: str
    stems: tuple[str, ...]
    shape: tuple[int, int] | None
    max_id: int | None


def _davis_sequences(request: PlanRequest, year: str, annotations: str, limit: int | None) -> list[PackedSequence]:
    sequences = []
    for name in sequence_names(request, request.root / "ImageSets" / year / f"{request.split}.txt"):
        images = sorted((request.root / "JPEGImages" / RESOLUTION / name).glob("*.jpg"))
        if not images:
            raise DatasetError(f"{request.root / 'JPEGImages' / RESOLUTION / name}: no images (*.jpg); check --root")
        first = request.root / annotations / RESOLUTION / name / f"{images[0].stem}.png"
        max_id = limit
        if limit is None and first.is_file():
            labels = read_labels(first)
            max_id = int(labels.max(where=labels != 255, initial=0))
        sequences.append(PackedSequence(name, tuple(path.stem for path in images), _image_shape(images[0]), max_id))
    return sequences


def _davis17(request: PlanRequest) -> list[PackedSequence]:
    return _davis_sequences(request, "2017", "Annotations", None)


def _davis17_unsupervised(request: PlanRequest) -> list[PackedSequence]:
    year = "2019" if request.split.startswith("test") else "2017"
    return _davis_sequences(request, year, "Annotations_unsupervised", MAX_PROPOSALS)


def _youtube_vos(request: PlanRequest) -> list[PackedSequence]:
    """YouTube-VOS: the frames that meta.json lists for some object of the video."""
    root = split_root(request)
    videos = read_meta(root / "meta.json")
    sequences = []
    for name in chosen(request, tuple(sorted(videos)), root):
        with layout_of(root / "meta.json"):
            objects = videos[name]["objects"]
            stems = sorted({str(stem) for entry in objects.values() for stem in entry["frames"]})
            highest = max(int(key) for key in objects)
        check_names(stems, root / "meta.json")
        given = sorted((root / "Annotations" / name).glob("*.png"))
        shape = _image_shape(given[0]) if given else None
        sequences.append(PackedSequence(name, tuple(stems), shape, highest))
    return sequences


def _mosev2(request: PlanRequest) -> list[PackedSequence]:
    """MOSEv2: every frame of every video; ids up to the highest that the meta file lists, where there is one."""
    root = split_root(request)
    meta = next((path for path in meta_files(request) if path.is_file()), None)
    videos = {} if meta is None else read_meta(meta)
    sequences = []
    for name in _picture_folders(request, root):
        listed = [int(key) for key in videos.get(name, {}).get("objects", ())]
        sequences.append(_all_frames(root, name, max(listed, default=None)))
    return sequences


def _lvos(request: PlanRequest) -> list[PackedSequence]:
    """LVOS: every frame of the videos in the meta file, at eight digits."""
    root = split_root(request)
    videos = read_meta(root / f"{request.split}_meta.json")
    names = chosen(request, tuple(sorted(videos)), root)
    return [_all_frames(root, name, max(int(key) for key in videos[name]["objects"])) for name in names]


def _picture_folders(request: PlanRequest, root: Path) -> tuple[str, ...]:
    return subfolders(request, root / "JPEGImages")


def _all_frames(root: Path, name: str, max_id: int | None) -> PackedSequence:
    folder = root / "JPEGImages" / name
    images = sorted(folder.glob("*.jpg"))
    if not images:
        raise DatasetError(f"{folder}: no images (*.jpg); check --root and --split")
    return PackedSequence(name, tuple(path.stem for path in images), _image_shape(images[0]), max_id)


_PACKERS = {
    "davis17": _davis17,
    "davis17-unsupervised": _davis17_unsupervised,
    "youtube-vos": _youtube_vos,
    "mosev2": _mosev2,
    "lvos-v1": _lvos,
    "lvos-v2": _lvos,
}


def pack_submission(
    predictions: Path, output: Path, *, dataset: str, root: Path, split: str, overwrite: bool = False
) -> int:
    """Checks the predictions and writes the zip.

    Returns:
        The number of masks packed.

    Raises:
        EvalUsageError: The data set has no server with a known format.
        MissingPredictionsError: Masks are absent.
        MaskFileError: A mask is not a single-channel PNG, has another size than its images, or ids that are too high.
    """
    try:
        packer = _PACKERS[dataset]
    except KeyError:
        known = ", ".join(_PACKERS)
        raise EvalUsageError(f"no submission format is known for {dataset!r}; choose one of {known}") from None
    sequences = packer(PlanRequest(root=root, predictions=predictions, split=split))
    paths = {
        f"{item.name}/{stem}.png": predictions / item.name / f"{stem}.png" for item in sequences for stem in item.stems
    }
    missing = tuple(path for path in paths.values() if not path.is_file())
    if missing:
        raise MissingPredictionsError(missing)
    for item in sequences:
        for stem in item.stems:
            _check(predictions / item.name / f"{stem}.png", item)

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, path in paths.items():
                archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), read_file(path, MaskFileError))

    write_file(output, write, overwrite)
    return len(paths)


def _check(path: Path, sequence: PackedSequence) -> None:
    labels = read_labels(path)
    if sequence.shape is not None and labels.shape != sequence.shape:
        height, width = sequence.shape
        raise MaskFileError(f"{path}: {labels.shape[1]}x{labels.shape[0]} pixels, but the frames have {width}x{height}")
    highest = int(labels.max())
    if sequence.max_id is not None and highest > sequence.max_id:
        raise MaskFileError(
            f"{path}: holds the id {highest}, but the highest that the server accepts is {sequence.max_id}"
        )


def _image_shape(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read as an image ({error})") from error
