"""Puts a finished correction in the place of what it corrects: all of it at once or, after a kill, on the next write.

A correction is made in a folder of its own inside the run's folder, laid out as a run (`OUT/correction/`). When it is
complete, a file is written there that says so. From then on only renames remain, and whoever writes to the run next
finishes them first, as a database does with its journal; whoever only reads says that they are pending. Without that
file the run is as it was.

The folder may come from somebody else, so the file is not believed: only what runs write is moved or removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from vos.errors import OutputError
from vos.files.gate import inside, read_own_file
from vos.files.json_node import JsonNode, json_errors_as, parse_json
from vos.runs.folder import OutputFolder, write_json
from vos.runs.lock import only_run_in

_READY = "ready.json"
_MAX_BYTES = 256 << 20


def is_committed(folder: OutputFolder) -> bool:
    """Whether a correction is complete, but its files are not all in their place yet."""
    return (folder.correction / _READY).is_file()


def refuse_pending(folder: OutputFolder) -> None:
    """For those who only read. Raises OutputError if a correction is complete and not in its place."""
    if is_committed(folder):
        raise OutputError(
            f"{folder.root}: a correction of this run is complete but not in its place yet (its process was killed); "
            f"finish it with: vos correct {folder.root}"
        )


def commit_correction(folder: OutputFolder) -> None:
    """Puts the correction in its place. The caller holds the lock of the folder.

    Raises:
        OutputError: A file cannot be written. Calling it again goes on.
    """
    if not is_committed(folder):
        new = {path.relative_to(folder.correction) for path in _files(folder)}
        old = {path.relative_to(folder.root) for path in folder.written()}
        write_json(folder.correction / _READY, {"remove": sorted(str(path) for path in old - new)})
    finish_commit(folder)


def recover_commit(folder: OutputFolder) -> bool:
    """Finishes a commit that was broken off. Returns whether there was one.

    Raises:
        OutputError: Another process is at it, a file cannot be written, or the commit is none of ours.
    """
    if not is_committed(folder):
        return False
    with only_run_in(folder.root):
        return finish_commit(folder)


def finish_commit(folder: OutputFolder) -> bool:
    """As `recover_commit`, for a caller who holds the lock of the folder."""
    if not is_committed(folder):
        return False
    folder.check_own_files()
    ready = folder.correction / _READY
    surplus = _surplus(folder, ready)
    try:
        for path in surplus:
            path.unlink(missing_ok=True)
        for path in _files(folder):
            target = folder.root / path.relative_to(folder.correction)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
            # Two names of one file (a mask that stays as it is) are left alone by a rename.
            path.unlink(missing_ok=True)
        ready.unlink()
        shutil.rmtree(folder.correction)
    except OSError as error:
        raise OutputError(
            f"{folder.root}: the correction is complete but cannot be put in place ({error}); free what blocks it and "
            f"run vos correct {folder.root}"
        ) from error
    return True


@json_errors_as(OutputError, remark=" (the correction is damaged or was edited)")
def _surplus(folder: OutputFolder, ready: Path) -> list[Path]:
    """Files of the old run that the new one does not have. Raises OutputError for names of anything else."""
    node = JsonNode(parse_json(read_own_file(ready, OutputError, most=_MAX_BYTES), ready), ready)
    named = [inside(folder.root, item.text(), OutputError, source=ready) for item in node.get("remove").items()]
    own = set(folder.written())
    strange = next((path for path in named if path not in own and path.exists()), None)
    if strange is not None:
        raise OutputError(f"{ready}: names {strange.name!r}, which no run writes; nothing was removed")
    return named


def _files(folder: OutputFolder) -> Iterable[Path]:
    """Files of a correction, run.json last: it is what tells readers that something is there."""
    new = OutputFolder(folder.correction)
    return sorted(new.written(), key=lambda path: (path == new.record, path))
