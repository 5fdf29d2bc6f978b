"""Text that grows with the video waits on disk, so that memory does not, until what stands before it is known."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from vos.errors import OutputError
from vos.files.atomic import replacing
from vos.files.index_png import make_folder


class Spool:
    """Items of text for the file `path`, kept in an unnamed temporary file beside it.

    Args:
        path: The file that `save` writes.
        separator: What stands between two items.

    Raises:
        OutputError: The folder cannot be written.
    """

    def __init__(self, path: Path, *, separator: str = "") -> None:
        self.path = path
        self._separator = separator
        self._is_empty = True
        make_folder(path.parent)
        try:
            # In the folder of the result, because the usual place for temporary files can be small.
            self._file = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
        except OSError as error:
            raise self._failure(error) from error

    def add(self, item: str) -> None:
        """Raises OutputError when the disk is full."""
        try:
            self._file.write(f"{'' if self._is_empty else self._separator}{item}".encode())
        except OSError as error:
            raise self._failure(error) from error
        self._is_empty = False

    def save(self, before: str, after: str) -> None:
        """Writes `before`, all items and `after` to the file, which appears complete or not at all; closes the spool.

        Raises:
            OutputError: The file cannot be written.
        """
        with replacing(self.path) as temporary, self._file as items, open(temporary, "wb") as file:
            file.write(before.encode())
            items.seek(0)
            shutil.copyfileobj(items, file)
            file.write(after.encode())

    def close(self) -> None:
        """Drops everything. May be called again."""
        self._file.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: cannot be written ({error.strerror or error})")
