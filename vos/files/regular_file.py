"""The check before a prompt file is opened: reading a pipe waits for ever, reading a device may never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vos.errors import PromptError


def check_regular_file(path: str | Path) -> None:
    """Raises PromptError unless `path` is a file (or a link to one) that holds bytes."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise PromptError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise PromptError(f"{path}: {getattr(error, 'strerror', None) or 'not a usable path'}") from None
    if stat.S_ISDIR(mode):
        raise PromptError(f"{path}: a directory; give a file")
    if not stat.S_ISREG(mode):
        raise PromptError(f"{path}: not a regular file; save its content to one")
