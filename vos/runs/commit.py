"""Puts a finished correction in the place of what it corrects: all of it at once or, after a kill, on the next access.

A correction is made in a folder of its own inside the run's folder, laid out as a run (`OUT/correction/`). When it is
complete, a file is written there that says so. From then on only renames remain, and whatever reads the run next
finishes them, as a database does with its journal. Without that file the run is as it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from vos.errors import OutputError
from vos.runs.folder import OutputFolder, write_json
from vos.runs.lock import only_run_in

_READY = "ready.json"


def is_committed(folder: OutputFolder) -> bool:
    """Whether a correction is complete, but its files are not all in their place yet."""
    return (folder.correction / _READY).is_file()


def commit_correction(folder: OutputFolder) -> None:
    """Puts the correction in its place. The caller holds the lock of the folder.

    Raises:
        OutputError: A file cannot be written. Calling it again goes on.
    """
    if not is_committed(folder):
        new = {path.relative_to(folder.correction) for path in _files(folder.correction)}
        old = {path.relative_to(folder.root) for path in folder.written()}
        write_json(folder.correction / _READY, {"remove": sorted(str(path) for path in old - new)})
    _move_files(folder)


def recover_commit(folder: OutputFolder) -> None:
    """Finishes a commit that was broken off; does nothing if there is none.

    Raises:
        OutputError: Another process is at it, or a file cannot be written.
    """
    if is_committed(folder):
        with only_run_in(folder.root):
            if is_committed(folder):
                _move_files(folder)


def _move_files(folder: OutputFolder) -> None:
    ready = folder.correction / _READY
    try:
        for name in json.loads(ready.read_bytes())["remove"]:
            (folder.root / name).unlink(missing_ok=True)
        for path in _files(folder.correction):
            target = folder.root / path.relative_to(folder.correction)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            # Two names of one file (a mask that stays as it is) are left alone by a rename.
            path.unlink(missing_ok=True)
        ready.unlink()
        shutil.rmtree(folder.correction)
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(
            f"{folder.root}: the correction is complete but cannot be put in place ({error}); free what blocks it and "
            "run any command on the folder again"
        ) from error


def _files(folder: Path) -> Iterable[Path]:
    """Files of a correction, run.json last: it is what tells readers that something is there."""
    found = [path for path in folder.rglob("*") if path.is_file() and path != folder / _READY]
    return sorted(found, key=lambda path: (path == folder / OutputFolder(folder).record.name, path))
