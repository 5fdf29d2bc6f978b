"""Masks of the session in other formats, beside it in its folder, and as downloads."""

from __future__ import annotations

import secrets
import tempfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

from vos.errors import OutputError, UsageError
from vos.export import FORMATS
from vos.runs.convert import convert_run
from vos.runs.folder import OutputFolder

_MAX_TICKETS = 32


class Tickets:
    """Addresses of files that may be downloaded: a link cannot carry the token's header, so each has a secret."""

    def __init__(self) -> None:
        self._paths: OrderedDict[str, Path] = OrderedDict()

    def issue(self, path: Path) -> str:
        """A secret for one file or folder; the oldest ones lapse."""
        ticket = secrets.token_urlsafe(16)
        self._paths[ticket] = path
        while len(self._paths) > _MAX_TICKETS:
            self._paths.popitem(last=False)
        return ticket

    def path_of(self, ticket: str) -> Path | None:
        return self._paths.get(ticket)


def zipped(folder: Path) -> IO[bytes]:
    """A zip of a folder's files in a temporary file, open at its start; it is gone when it is closed.

    PNG and video do not get smaller, so nothing is compressed.

    Raises:
        OutputError: A file cannot be read.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response that sends it closes it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    archive.write(path, path.relative_to(folder.parent))
    except OSError as error:
        file.close()
        raise OutputError(f"{folder}: cannot be packed ({error.strerror or error})") from error
    file.seek(0)
    return file


def export_masks(folder: OutputFolder, source: OutputFolder, video: Path, name: str) -> Path:
    """The masks of a run in another format, beside them in the run's folder; of one that was stopped what is there.

    Args:
        folder: The run's folder.
        source: Where its masks are: the same, or its forward pass.
        video: Its video.
        name: One of `vos.export.FORMATS`.

    Returns:
        The file or folder that was written; one of the same name is replaced.

    Raises:
        UsageError: There is no such format.
        VosError: The masks cannot be read, or the format not be written.
    """
    row = FORMATS.get(name)
    if row is None:
        raise UsageError(f"mask format {name!r} is not one of {', '.join(FORMATS)}")
    if source.root / row.place == source.masks:
        return source.masks
    convert_run(source.root, [name], output=folder.root, video=str(video), overwrite=True)
    return folder.root / row.place


def format_rows() -> list[dict[str, Any]]:
    """Formats that can be exported, for the page."""
    return [{"name": name, "summary": row.summary} for name, row in FORMATS.items()]
