"""The gate for what a folder of ours says and holds: whoever made the folder, nothing outside it is touched.

A folder of a run, a session or a data set may come from somebody else. A name in one of its files, and a link in the
place of one of its files, could lead anywhere; so names become paths here, and such files are read here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vos.errors import VosError

# Far deeper than anything that is written (`correction/layers/back_00040/00000.png`).
_MAX_DEPTH = 8


def is_plain_name(name: object) -> bool:
    """Whether this is the name of one file: no path, not hidden from the file system, not longer than it allows."""
    if not isinstance(name, str) or name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        return False
    try:
        return len(os.fsencode(name)) <= 240  # of 255; a suffix is to follow
    except UnicodeEncodeError:  # half a surrogate pair
        return False


def inside(root: Path, name: object, kind: type[VosError], *, source: object) -> Path:
    """The path that a file gives by name: relative, below `root`, and no link on the way there.

    Args:
        root: The folder; it may be a link itself, for the user has named it.
        name: What the file says.
        kind: The error to raise.
        source: The file, for the message.
    """
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    if not parts or parts[0] == "/" or not all(is_plain_name(part) for part in parts):
        raise kind(f"{source}: {str(name)[:200]!r} is not a path inside its folder; nothing outside it is touched")
    path = root
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise kind(f"{path}: a link, which {source} must not lead through; put what it leads to in its place")
    return path


def check_own_files(root: Path, names: Iterable[str], kind: type[VosError]) -> None:
    """Raises unless everything below `root` that has one of these names is a file or a folder.

    A link would lead reading and writing out of the folder; a pipe or a device in the place of a file has no end.

    Args:
        root: The folder.
        names: Of its own entries; others are not looked at.
        kind: The error to raise.
    """
    for name in names:
        path = root / name
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue  # not there, or not for us to see: whoever needs it says so
        _check_mode(path, mode, kind)
        if stat.S_ISDIR(mode):
            _check_below(path, kind, 1)


def _check_below(folder: Path, kind: type[VosError], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise kind(f"{folder}: folders in folders deeper than any run makes; move them away")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _check_below(Path(entry.path), kind, depth + 1)
                elif not entry.is_file(follow_symlinks=False):
                    _check_mode(Path(entry.path), os.lstat(entry.path).st_mode, kind)
    except FileNotFoundError:
        pass  # a run in progress removes temporary files
    except OSError as error:
        raise kind(f"{folder}: cannot be read ({error.strerror or error})") from error


def _check_mode(path: Path, mode: int, kind: type[VosError]) -> None:
    if stat.S_ISLNK(mode):
        raise kind(f"{path}: a link, which a run never writes; put what it leads to in its place, or remove it")
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise kind(f"{path}: a pipe or a device, not a file; remove it")


def read_own_file(path: Path, kind: type[VosError], *, most: int) -> bytes:
    """The bytes of a regular file that is no link.

    Args:
        path: The file.
        kind: The error to raise.
        most: How many bytes it may have.

    Raises:
        FileNotFoundError: There is none; what that means is for the caller to say.
    """
    try:
        # O_NONBLOCK: opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        if path.is_symlink():
            raise kind(f"{path}: a link, which a run never writes; put what it leads to in its place") from None
        raise kind(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise kind(f"{path}: not a regular file; remove it")
        if found.st_size > most:
            raise kind(f"{path}: {found.st_size >> 20} MiB, more than the {most >> 20} MiB that such a file may have")
        try:
            return file.read(most)
        except OSError as error:
            raise kind(f"{path}: cannot be read ({error.strerror or error})") from None
