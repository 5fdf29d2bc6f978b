"""Writes result files: whole or not at all, and never over an existing file unless requested."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from eval.errors import EvalError


class OutputExistsError(EvalError):
    """A result file that exists and must not be replaced."""


def refuse_existing(paths: list[Path], overwrite: bool) -> None:
    """Checks before any work that no result would replace a file.

    Raises:
        OutputExistsError: One of the paths exists and `overwrite` is off.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path}: already exists; choose another name or pass --overwrite")


def write_file(path: Path, content: str | Callable[[BinaryIO], None], overwrite: bool = False) -> None:
    """Writes `content`, or what `content` writes into the stream it is given, by temporary name and rename.

    Raises:
        OutputExistsError: The path exists and `overwrite` is off.
    """
    refuse_existing([path], overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            if callable(content):
                content(stream)
            else:
                stream.write(content.encode("utf-8"))
        # mkstemp makes private files; results get the permissions of any new file.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
