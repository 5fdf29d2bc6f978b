"""Files of a data set are somebody else's: only regular files of a sensible size are read, and names stay names."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eval.errors import DatasetError, EvalError

# Of a list or a meta file; that of the largest data set here has 6 MiB.
_MAX_TEXT = 256 << 20
_MAX_NAME = 240


def read_file(path: Path, kind: type[EvalError], *, most: int = _MAX_TEXT) -> bytes:
    """The bytes of a regular file, or of what a link to one leads to.

    Raises:
        FileNotFoundError: There is none; what that means is for the caller to say.
        EvalError: Of this kind: a folder, a pipe, a device, a link to itself, too large, or not readable.
    """
    try:
        # O_NONBLOCK: opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise kind(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise kind(f"{path}: not a regular file; replace it by one")
        if found.st_size > most:
            raise kind(f"{path}: {found.st_size >> 20} MiB; such a file has at most {most >> 20} MiB")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror or error})") from error
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> list[str]:
    """Lines of a text file that are not blank, stripped. Raises DatasetError; FileNotFoundError as `read_file`."""
    try:
        text = read_file(path, DatasetError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not a text in UTF-8 ({error.reason})") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_json_file(path: Path) -> Any:
    """The value of a JSON file. Raises DatasetError; FileNotFoundError as `read_file`."""
    try:
        return json.loads(read_file(path, DatasetError))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not a JSON file that can be read ({error})") from error


@contextmanager
def layout_of(path: Path) -> Iterator[None]:
    """Around the reading of values of a meta file: whatever they are not, it becomes a DatasetError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DatasetError(f"{path}: not in the layout of its data set ({error!r})") from error


def check_names(names: Iterable[object], source: Path) -> None:
    """Raises DatasetError unless all are names of files or folders.

    A name such as `../x` would have its masks looked for, and those of a benchmark written, somewhere else.
    """
    for name in names:
        is_name = isinstance(name, str) and name not in ("", ".", "..") and not any(sign in name for sign in "/\\\0")
        if not is_name or len(str(name).encode(errors="surrogatepass")) > _MAX_NAME or not str(name).isprintable():
            raise DatasetError(f"{source}: {str(name)[:100]!r} is not the name of a sequence, but of something else")
