"""MOTS (Voigtlaender et al., CVPR 2019): 16-bit PNG per frame, or one text file of COCO run lengths.

A pixel of the PNG, and an id of the text, is 1000 x class + instance, 0 is background. Classes are the names that the
user gave to objects, in the order of `labels.txt`; unnamed objects are of class 1, "object". Instances are the object
ids, which the format limits to 1..999.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vos.errors import OutputError
from vos.export.context import ExportContext
from vos.export.sink import MaskSink
from vos.export.spool import Spool
from vos.files.atomic import write_bytes
from vos.files.index_png import frame_pngs, make_folder, png_name, read_palette_png, save_png
from vos.files.rle import decode_counts, encode_counts
from vos.results import FrameResult
from vos.video import Frame, VideoInfo

_INSTANCES = 1000
# 64 x 1000 + 999 is the last that fits into 16 bits with all its instances.
_MAX_CLASS = 64
MASKS_FOLDER = "instances"
LABELS_FILE = "labels.txt"


class MotsPngSink(MaskSink):
    """`<folder>/instances/00000.png` ... and `<folder>/instances/labels.txt`, as CVAT and Datumaro read them."""

    def __init__(self, folder: str | Path, context: ExportContext | None = None) -> None:
        self.folder = Path(folder) / MASKS_FOLDER
        self._context = context or ExportContext()
        self._names: tuple[str, ...] = ()

    def open(self, info: VideoInfo) -> None:
        self._names = info.frame_names
        categories = self._context.categories
        if len(categories) > _MAX_CLASS:
            raise OutputError(f"{self.folder}: MOTS PNG has room for {_MAX_CLASS} classes, not {len(categories)}")
        make_folder(self.folder)
        write_bytes(self.folder / LABELS_FILE, ("\n".join(categories) + "\n").encode())

    def write(self, frame: Frame, result: FrameResult) -> None:
        pixels = np.zeros(result.labels.shape, np.uint16)
        for object_id in result.object_ids:
            pixels[result.mask_of(object_id)] = _mots_id(object_id, self._context, self.folder)
        save_png(self.folder / png_name(result.index, self._names), Image.fromarray(pixels))

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class MotsTextSink(MaskSink):
    """One line `frame id class height width rle` per object with pixels in a frame; frames count from 0."""

    def __init__(self, path: str | Path, context: ExportContext | None = None) -> None:
        self.path = Path(path)
        self._context = context or ExportContext()
        self._lines: Spool | None = None

    def open(self, info: VideoInfo) -> None:
        self._lines = Spool(self.path)

    def write(self, frame: Frame, result: FrameResult) -> None:
        if self._lines is None:
            raise RuntimeError("write before open")
        height, width = result.labels.shape
        for object_id in result.object_ids:
            mask = result.mask_of(object_id)
            mots_id = _mots_id(object_id, self._context, self.path)
            if mask.any():
                category = self._context.category_of(object_id)
                line = f"{result.index} {mots_id} {category} {height} {width} {encode_counts(mask)}\n"
                self._lines.add(line)

    def close(self) -> None:
        if self._lines is None:
            raise RuntimeError("close before open")
        self._lines.save("", "")

    def abort(self) -> None:
        if self._lines is not None:
            self._lines.close()


def read_mots_png(folder: Path, names: Sequence[str] = ()) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel.

    Args:
        folder: What the sink wrote.
        names: `VideoInfo.frame_names` of an image folder.

    Raises:
        OutputError: There are no masks in `<folder>/instances`, or one cannot be read.
    """
    files = frame_pngs(folder / MASKS_FOLDER, names)
    if not files:
        raise OutputError(f"{folder}: no MOTS masks in {MASKS_FOLDER}")
    objects: dict[int, dict[int, np.ndarray]] = {}
    for index, path in files.items():
        pixels = read_palette_png(path)
        for value in np.unique(pixels[pixels > 0]):
            objects.setdefault(int(value) % _INSTANCES, {})[index] = pixels == value
    return objects


def read_mots_text(path: Path) -> dict[int, dict[int, np.ndarray]]:
    """Object id -> frame index -> (H, W) bool, without frames where the object has no pixel.

    Raises:
        OutputError: The file cannot be read or is not of this form.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: cannot be read ({error})") from error
    objects: dict[int, dict[int, np.ndarray]] = {}
    for number, line in enumerate(lines, 1):
        try:
            index, mots_id, _, height, width, counts = line.split(" ")
            mask = decode_counts(counts, int(width), int(height))
            objects.setdefault(int(mots_id) % _INSTANCES, {})[int(index)] = mask
        except ValueError as error:
            raise OutputError(f"{path}: line {number}: not a line of MOTS ({error})") from error
    return objects


def _mots_id(object_id: int, context: ExportContext, path: Path) -> int:
    if object_id >= _INSTANCES:
        raise OutputError(
            f"{path}: MOTS numbers objects 1..{_INSTANCES - 1} and cannot hold object {object_id}; "
            "choose another format, or leave this object out"
        )
    return context.category_of(object_id) * _INSTANCES + object_id
