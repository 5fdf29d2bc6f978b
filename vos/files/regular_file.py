"""The check before a user's file is opened: reading a pipe waits forever, reading a device may never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vos.errors import VosError


def check_regular_file(path: str | Path, kind: type[VosError]) -> None:
    """Raises an error of this kind unless `path` is a file (or a link to one) that holds bytes."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise kind(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise kind(f"{path}: {getattr(error, 'strerror', None) or 'not a usable path of a file'}") from None
    if stat.S_ISDIR(mode):
        raise kind(f"{path}: a directory; give a file")
    if not stat.S_ISREG(mode):
        raise kind(f"{path}: not a regular file; save its content to one")
