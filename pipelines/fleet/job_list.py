"""Lists of jobs as users give them: a folder of videos, a glob pattern, or a manifest (CSV or JSON lines).

All become rows of text, so that one place (`pipelines.fleet.rows`) checks them. docs/fleet.md has the formats.
"""

from __future__ import annotations

import csv
import glob
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vos.errors import UsageError
from vos.video.images import IMAGE_FORMATS
from vos.video.opening import VIDEO_SUFFIXES

# Ending of a file beside a video -> column that it stands for: clip.mp4 is prompted by clip.stroke.png.
SIDECARS = {".stroke.png": "stroke", ".mask.png": "mask", ".prompts.json": "script"}

# Separates several values in one cell of a CSV file.
CELL_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Row:
    """One job as the user wrote it.

    Attributes:
        where: How messages name it: file and line, or the video.
        base: Folder in which relative paths start, absolute.
        values: Column -> its values, none of them empty.
        problem: Why the row cannot even be read.
    """

    where: str
    base: str
    values: dict[str, list[str]]
    problem: str | None = None


def read_rows(jobs: str) -> Iterator[Row]:
    """Rows of a folder, a glob pattern, a `.csv` or a `.jsonl` file, in a fixed order, one at a time.

    Raises:
        UsageError: It does not exist, or is empty.
    """
    path = Path(jobs)
    if path.is_dir():
        return _rows_of_videos(sorted(path.iterdir()), jobs)
    if glob.has_magic(jobs) and not path.exists():
        return _rows_of_videos(sorted(Path(name) for name in glob.glob(jobs, recursive=True)), jobs)
    reader = {".csv": _csv_rows, ".jsonl": _json_rows}.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{jobs}: not a folder, a pattern such as 'clips/*.mp4', a .csv or a .jsonl file")
    if not path.is_file():
        raise UsageError(f"{jobs}: no such file")
    return reader(path)


def _rows_of_videos(paths: list[Path], jobs: str) -> Iterator[Row]:
    """Video files and folders of images; each prompted by files beside it."""
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES or _is_image_folder(path)]
    if not videos:
        hint = ""
        if any(path.suffix.lower() in IMAGE_FORMATS for path in paths):
            hint = "; images of one video are tracked with `vos track FOLDER`"
        raise UsageError(f"{jobs}: no video file and no folder of images{hint}")
    shared = {stem for stem, count in Counter(stem_of(path) for path in videos).items() if count > 1}
    for path in videos:
        # a.mp4 beside a.mov: only their suffixes distinguish them.
        name = path.name if stem_of(path) in shared else stem_of(path)
        values = {"video": [path.name], "name": [name]}
        for ending, column in SIDECARS.items():
            sidecar = f"{stem_of(path)}{ending}"
            if (path.parent / sidecar).is_file():
                values[column] = [sidecar]
        problem = None
        if not any(column in values for column in SIDECARS.values()):
            names = " or ".join(stem_of(path) + ending for ending in SIDECARS)
            problem = f"no prompt: put {names} beside it, or write a manifest"
        yield Row(str(path), os.path.abspath(path.parent), values, problem)


def stem_of(path: Path) -> str:
    """Name of a video without its suffix; folders have none."""
    return path.name if path.is_dir() else path.stem


def _is_image_folder(path: Path) -> bool:
    return path.is_dir() and any(child.suffix.lower() in IMAGE_FORMATS for child in path.iterdir())


def _csv_rows(path: Path) -> Iterator[Row]:
    base = os.path.abspath(path.parent)
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise UsageError(f"{path}: empty; the first line must name the columns (video, mask, ...)")
            twice = [name for name, count in Counter(header).items() if count > 1]
            if twice:
                raise UsageError(f"{path}: line 1: the column {twice[0]!r} occurs twice")
            for cells in reader:
                where = f"{path}: line {reader.line_num}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    yield Row(where, base, {}, f"{len(cells)} cells, but the header has {len(header)}")
                    continue
                values = {
                    name: [part.strip() for part in cell.split(CELL_SEPARATOR)]
                    for name, cell in zip(header, cells, strict=True)
                    if cell.strip()
                }
                yield Row(where, base, values)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: line {reader.line_num}: not CSV in UTF-8 ({error})") from error


def _json_rows(path: Path) -> Iterator[Row]:
    base = os.path.abspath(path.parent)
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _json_row(f"{path}: line {number}", base, line)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 ({error})") from error


def _json_row(where: str, base: str, line: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Row(where, base, {}, f"not JSON ({error})")
    if not isinstance(record, dict):
        return Row(where, base, {}, "not a JSON object")
    values: dict[str, list[str]] = {}
    for key, value in record.items():
        items = value if isinstance(value, list) else [value]
        if any(not isinstance(item, (str, int, float)) for item in items if item is not None):
            return Row(where, base, {}, f"{key!r} must be text, a number, true or false, or a list of such")
        texts = [_text_of(item) for item in items if item is not None]
        if texts:
            values[key] = texts
    return Row(where, base, values)


def _text_of(value: str | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
