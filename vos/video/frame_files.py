"""Which files of a folder are the frames of a sequence, and in which order.

A sequence is one pattern of names: the same text around one number that counts, and one kind of picture. Everything
else in the folder is passed over with a note where that is certainly right (no picture at all, a thumbnail, a mask
beside its frame, a second download of a frame that is there), and otherwise the folder is refused: a frame too many
or too few gives every mask behind it the number of another frame.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vos.errors import VideoError

# File name extension -> Pillow's format. What a file really holds decides when it is read.
IMAGE_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".pnm": "PPM",
}
_NAMES_OF_FORMATS = ".jpg, .jpeg, .png, .bmp, .webp, .tif, .tiff, .ppm, .pgm"
# Pictures that are not read. A file of another kind (.txt, .json, .xml, ...) is no frame anybody would miss.
# fmt: off
_OTHER_PICTURES = frozenset({
    ".avif", ".heic", ".heif", ".jxl", ".jp2", ".j2k", ".exr", ".hdr", ".dpx", ".cin", ".tga", ".gif", ".psd",
    ".svg", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".pfm", ".pbm", ".ico",
    ".pcx",
})
# fmt: on
# What else is kept beside frames, and says so in its name.
# fmt: off
_SIDE_WORDS = frozenset({
    "mask", "masks", "thumb", "thumbs", "thumbnail", "thumbnails", "preview", "poster", "cover", "folder",
    "icon", "label", "labels", "seg", "segmentation", "gt", "groundtruth", "annotation", "annotations", "alpha",
    "matte", "trimap", "depth", "disparity", "flow", "normal", "normals", "overlay", "contact", "sheet",
    "contactsheet", "backup",
})
# fmt: on
_COPY_MARK = re.compile(r"(.*?) ?\(\d+\)")
# What stands before a negative number: nothing but the minus, or a separator and the minus.
_NEGATIVE = re.compile(r"(^|[_ =.])-$")
_LISTED = 6

REMEDY = "say which files are the frames with --images, such as --images '{example}'"


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The frames of a folder.

    Attributes:
        paths: In frame order, at least one.
        notes: What was passed over or looks unusual, one sentence each.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A file name taken apart: `cam1_0007.jpg` has the texts `cam`, `_`, `` and the numbers 1, 7."""

    path: Path
    texts: tuple[str, ...]
    digits: tuple[str, ...]
    kind: str

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(map(int, self.digits))


def find_frames(folder: Path, images: str | None = None) -> FrameFiles:
    """The files of a folder that are the frames of one sequence.

    Args:
        folder: The folder; subfolders and hidden files are not looked at.
        images: A glob of file names; then these are the frames, in natural order (as `ls -v` sorts), whatever their
            pattern.

    Raises:
        VideoError: There are none, or it cannot be told for certain which files they are.
    """
    try:
        entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise VideoError(f"{folder}: cannot list the folder ({error.strerror}); check the path and its mode") from error
    files = [p for p in entries if not p.is_dir()]
    if images is not None:
        return _chosen_by_user(folder, files, images)
    names = [_taken_apart(p) for p in files]
    pictures = [n for n in names if n.kind]
    if not pictures:
        if others := [n.path for n in names if n.path.suffix.lower() in _OTHER_PICTURES]:
            raise VideoError(f"{folder}: {_listed(others)}: pictures of this kind are not read; convert them to PNG")
        inside = [p for p in entries if p.is_dir() and _holds_images(p)]
        hint = f"; there are some in {_listed(inside)}: give that folder" if inside else ""
        raise VideoError(f"{folder}: no images in the folder; expected {_NAMES_OF_FORMATS} files{hint}")
    sequence = _sequence_among(folder, pictures)
    counter = _counter_of(folder, sequence)
    sequence.sort(key=lambda n: n.numbers[counter] if counter is not None else 0)
    passed_over = _passed_over(folder, sequence, [n for n in names if n not in sequence])
    _check_links([n.path for n in sequence])
    notes = _notes_on_numbers(sequence, counter)
    if passed_over:
        notes = (*notes, f"{_listed(passed_over)} passed over: not of the sequence {_pattern(sequence)}")
    return FrameFiles(tuple(n.path for n in sequence), notes)


def _holds_images(folder: Path) -> bool:
    try:
        return any(is_image_name(p) and not p.name.startswith(".") for p in folder.iterdir())
    except OSError:
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that compares runs of digits as numbers and the rest as text."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def is_image_name(path: Path) -> bool:
    """Whether a file could be a frame by its extension."""
    return path.suffix.lower() in IMAGE_FORMATS


def _is_picture(path: Path) -> bool:
    return is_image_name(path) or path.suffix.lower() in _OTHER_PICTURES


def _chosen_by_user(folder: Path, files: list[Path], images: str) -> FrameFiles:
    chosen = [p for p in files if fnmatch.fnmatchcase(p.name, images) and _is_picture(p)]
    if not chosen:
        raise VideoError(f"{folder}: no file matches --images {images!r}; there are {_listed(files) or 'no files'}")
    unread = [p for p in chosen if not is_image_name(p)]
    if unread:
        raise VideoError(f"{folder}: {_listed(unread)}: not a picture that is read; expected {_NAMES_OF_FORMATS}")
    _check_links(chosen)
    chosen.sort(key=lambda p: (natural_key(p.stem), p.name))
    for first, second in pairwise(chosen):
        if first.stem == second.stem:
            raise VideoError(f"{folder}: {first.name} and {second.name} claim the same frame; narrow --images")
    names = [_taken_apart(p) for p in chosen]
    if len({(n.texts, n.kind) for n in names}) > 1:
        notes: tuple[str, ...] = (
            f"--images {images!r}: {len(chosen)} files in natural order of their names, from {chosen[0].name} to "
            f"{chosen[-1].name}",
        )
    else:
        varying = _varying(names)
        notes = _notes_on_numbers(names, varying[0] if len(varying) == 1 else None)
        numbers: dict[tuple[int, ...], _Name] = {}
        for name in names:
            same = numbers.setdefault(name.numbers, name)
            if same is not name:
                notes = (*notes, f"{same.path.name} and {name.path.name} have the same number; both are frames")
    return FrameFiles(tuple(chosen), notes)


def _taken_apart(path: Path) -> _Name:
    parts = re.split(r"(\d+)", path.stem)
    return _Name(path, tuple(parts[::2]), tuple(parts[1::2]), IMAGE_FORMATS.get(path.suffix.lower(), ""))


def _sequence_among(folder: Path, pictures: Sequence[_Name]) -> list[_Name]:
    """The pictures of the most frequent pattern of names."""
    groups: dict[tuple[tuple[str, ...], str], list[_Name]] = {}
    for name in pictures:
        groups.setdefault((name.texts, name.kind), []).append(name)
    ranked = sorted(groups.values(), key=lambda g: (-len(g), bool(_side_words(g[0])), not g[0].digits, g[0].path.name))
    sequence = ranked[0]
    if not sequence[0].digits and len(pictures) > 1:
        raise VideoError(
            f"{folder}: {_listed([n.path for n in pictures])}: no number in the names says which frame is which; "
            + REMEDY.format(example="*" + sequence[0].path.suffix)
        )
    return sequence


def _varying(names: Sequence[_Name]) -> list[int]:
    """Places of the numbers that are not the same in all names of one pattern."""
    return [i for i in range(len(names[0].digits)) if len({n.numbers[i] for n in names}) > 1]


def _counter_of(folder: Path, sequence: Sequence[_Name]) -> int | None:
    """Which number of the names counts the frames; None for a single picture without one.

    Raises:
        VideoError: Two numbers vary, the number is negative or a decimal fraction, or two names have the same.
    """
    first = sequence[0]
    listed = _listed([n.path for n in sequence])
    remedy = REMEDY.format(example="*" + first.path.suffix)
    varying = _varying(sequence)
    if len(varying) > 1:
        names = " or ".join(f"number {i + 1}" for i in varying)
        raise VideoError(f"{folder}: {listed}: {names} of the names may count the frames; {remedy}")
    if not first.digits:
        return None
    if not varying and len(sequence) > 1:
        raise VideoError(f"{folder}: {listed} claim the same frame; keep one of them, or {remedy}")
    counter = varying[0] if varying else len(first.digits) - 1
    before = first.texts[counter]
    if len(sequence) > 1 and _NEGATIVE.search(before):
        raise VideoError(f"{folder}: {listed}: negative numbers; number the frames from 0, or {remedy}")
    is_fraction = counter > 0 and before == "." and bool(first.digits[counter - 1])
    if is_fraction and len({len(n.digits[counter]) for n in sequence}) > 1:
        raise VideoError(f"{folder}: {listed}: decimal fractions of different length; {remedy} (in natural order)")
    numbers: dict[int, _Name] = {}
    for name in sequence:
        same = numbers.setdefault(name.numbers[counter], name)
        if same is not name:
            raise VideoError(
                f"{folder}: {same.path.name} and {name.path.name} claim the same frame; keep one of them, or {remedy}"
            )
    return counter


def _passed_over(folder: Path, sequence: Sequence[_Name], rest: Sequence[_Name]) -> list[Path]:
    """What is certainly no frame though it is a picture. Raises VideoError for what may be one."""
    stems = {n.path.stem for n in sequence}
    shape = sequence[0].texts
    doubtful, certain = [], []
    for name in rest:
        if not _is_picture(name.path):
            continue
        if name.path.stem in stems and name.kind:
            beside = next(n for n in sequence if n.path.stem == name.path.stem)
            raise VideoError(
                f"{folder}: {beside.path.name} and {name.path.name} claim the same frame; keep one kind of image, or "
                + REMEDY.format(example="*" + beside.path.suffix)
            )
        if name.texts == shape and name.digits:
            doubtful.append(name)
        elif _is_certainly_beside(name, stems, sequence):
            certain.append(name)
        else:
            doubtful.append(name)
    if doubtful:
        example = _example(sequence)
        files = "file" if len(sequence) == 1 else "files"
        raise VideoError(
            f"{folder}: {_listed([n.path for n in doubtful])} beside {len(sequence)} {files} like "
            f"{sequence[0].path.name}: may be frames too; move them away, or {REMEDY.format(example=example)}"
        )
    return [n.path for n in certain]


def _is_certainly_beside(name: _Name, stems: set[str], sequence: Sequence[_Name]) -> bool:
    copied = _COPY_MARK.fullmatch(name.path.stem)
    if copied is not None and copied[1] in stems:
        return True
    if _side_words(name):
        return True
    # A name without a number cannot be a frame of a numbered sequence, unless it is what the numbers were added to:
    # `IMG.jpg`, `IMG (1).jpg`, `IMG (2).jpg`.
    return not name.digits and len(sequence) > 1 and _letters(name) != _letters(sequence[0])


def _letters(name: _Name) -> str:
    return re.sub(r"[\W_]", "", "".join(name.texts)).lower()


def _side_words(name: _Name) -> set[str]:
    return set(re.findall(r"[a-z]+", name.path.stem.lower())) & _SIDE_WORDS


def _check_links(paths: Sequence[Path]) -> None:
    """Raises VideoError for a link to nothing: git-annex, and folders that were copied without what they link to."""
    dangling = [p for p in paths if not p.exists()]
    if dangling:
        raise VideoError(
            f"{dangling[0].parent}: {_listed(dangling)}: a link to a file that is not there; get the file "
            "(git annex get, git lfs pull) or remove the link"
        )
    for path in paths:
        if not path.is_file():
            raise VideoError(f"{path}: not a regular file; remove it, or choose the frames with --images")


def _notes_on_numbers(sequence: Sequence[_Name], counter: int | None) -> tuple[str, ...]:
    """Notes on numbers that are missing or written with different widths."""
    if counter is None or not sequence[0].digits:
        return ()
    notes = []
    numbers = [n.numbers[counter] for n in sequence]
    missing = sum(max(0, b - a - 1) for a, b in pairwise(numbers))
    steps = {b - a for a, b in pairwise(numbers)}
    if missing and len(steps) == 1:
        step = min(steps)
        notes.append(f"numbers in steps of {step}, {numbers[0]} to {numbers[-1]}; frames are counted without gaps")
    elif missing:
        a, b = next((a, b) for a, b in pairwise(numbers) if b > a + 1)
        plural = f"{missing} numbers are" if missing > 1 else "1 number is"
        notes.append(f"{plural} missing, first between {a} and {b}; frames are counted without gaps")
    digits = [n.digits[counter] for n in sequence]
    if len({len(d) for d in digits}) > 1 and any(d.startswith("0") and len(d) > 1 for d in digits):
        notes.append("numbers are written with different widths; frames are in order of the numbers' values")
    return tuple(notes)


def _pattern(sequence: Sequence[_Name]) -> str:
    return f"{sequence[0].path.name} ... {sequence[-1].path.name}" if len(sequence) > 1 else sequence[0].path.name


def _example(sequence: Sequence[_Name]) -> str:
    """A glob that matches the sequence and, digit by digit, nothing that is named otherwise."""
    stem = sequence[0].path.stem
    if len({len(n.path.stem) for n in sequence}) == 1:
        return re.sub(r"\d", "[0-9]", stem) + sequence[0].path.suffix
    return re.sub(r"\d+", "*[0-9]", stem) + sequence[0].path.suffix


def _listed(paths: Sequence[Path]) -> str:
    shown = ", ".join(p.name for p in paths[:_LISTED])
    return f"{shown} and {len(paths) - _LISTED} more" if len(paths) > _LISTED else shown
