"""One run at a time in one output folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vos.errors import OutputError


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Holds an advisory lock on a folder; the system drops it when the process ends, however it ends.

    Where the system or the file system has no such locks (Windows, some network shares) nothing is locked.

    Raises:
        OutputError: Another process holds the lock.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another process is writing a run to this folder; wait for it or choose another --output"
            ) from error
        except OSError:
            pass  # no locks on this file system
        yield
    finally:
        os.close(descriptor)
