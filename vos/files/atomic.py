"""Files and folders that appear complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vos.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to; it gets the name `path` when the block ends well.

    Raises:
        OutputError: The file cannot be written. Then, as after any exception, the temporary file is deleted and
            whatever was at `path` is untouched.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """As `replacing`, for a folder: whatever was at `path` goes when the new folder is complete.

    The folder at the temporary name is made by the block; a block that makes none gives an empty folder.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        try:
            if path.exists():
                shutil.rmtree(path)
            temporary.mkdir(exist_ok=True)
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and renames it. Raises OutputError when it cannot be written."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")
