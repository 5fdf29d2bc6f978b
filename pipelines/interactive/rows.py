"""Finished rows of a measurement, one JSON line each: what was written is not measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vos.errors import OutputError, UsageError


class RowFile:
    """A file of rows that grows while a measurement runs.

    The first line holds the settings. A last line that was cut off is dropped.

    Args:
        path: The file; None to keep rows in memory only.
        settings: What the rows depend on, as plain values.
        resume: Whether the file may exist already.

    Raises:
        OutputError: The file exists although `resume` is False, or cannot be read or written.
        UsageError: It was written with other settings.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any], *, resume: bool) -> None:
        self._path = path
        self._rows: dict[str, Any] = {}
        header = json.dumps({"settings": settings}, sort_keys=True)
        if path is None:
            return
        try:
            if path.exists():
                self._read(path, header, resume=resume)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(header + "\n", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OutputError(f"{path}: cannot be used for rows ({error})") from error

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> Any:
        """The value of a finished row."""
        return self._rows[name]

    def add(self, name: str, value: Any) -> None:
        """Keeps a row under a name that is new. Raises OutputError if it cannot be written."""
        line = json.dumps({"name": name, "value": value})
        # Through JSON, so that a row is the same whether it was just measured or read again.
        self._rows[name] = json.loads(line)["value"]
        if self._path is not None:
            try:
                with self._path.open("a", encoding="utf-8") as stream:
                    stream.write(line + "\n")
            except OSError as error:
                raise OutputError(f"{self._path}: cannot be written ({error.strerror or error})") from error

    def _read(self, path: Path, header: str, *, resume: bool) -> None:
        if not resume:
            raise OutputError(f"{path}: exists already; continue it with --resume, or choose another --output")
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        lines = complete.decode().splitlines()
        if not lines or lines[0] != header:
            raise UsageError(f"{path}: holds rows of other settings or weights; choose another --output")
        for number, line in enumerate(lines[1:], 2):
            try:
                row = json.loads(line)
                self._rows[str(row["name"])] = row["value"]
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(f"{path}, line {number}: not a row of a measurement; delete the file") from error
        if len(complete) < len(content):
            with path.open("rb+") as stream:
                stream.truncate(len(complete))
