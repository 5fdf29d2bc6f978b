"""The journal of a run: one JSON line per finished frame, written after the frame's mask is on disk.

A line goes to the system as soon as it is written, so a killed process loses at most the frame in progress. Its last
line can be cut off; everything before a damaged line is trusted, nothing after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.json_node import JsonError, JsonNode, parse_json
from vos.files.regular_file import check_regular_file
from vos.runs.record_schema import MAX_PTS, MAX_WHOLE, object_id_of

_CHECKSUM = re.compile(r"[0-9a-f]{8}")
# Far more than a line about all objects that there can be.
_MAX_LINE = 4 << 20


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What the journal says about one frame.

    Attributes:
        index: Frame number, from 0.
        pts: Its presentation time in units of the source's time base.
        crc32: `mask_crc` of its label map.
        presence: Presence in [0, 1] by object id.
    """

    index: int
    pts: int
    crc32: str
    presence: dict[int, float]

    def to_line(self) -> bytes:
        """One line of JSON with its line feed. `from_line` gives an equal entry."""
        value = {
            "index": self.index,
            "pts": self.pts,
            "crc32": self.crc32,
            "presence": {str(object_id): presence for object_id, presence in self.presence.items()},
        }
        return json.dumps(value).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> JournalEntry:
        """Raises ValueError for anything that `to_line` does not write."""
        try:
            node = JsonNode(parse_json(line, "journal"), Path("journal"))
            presence = {object_id_of(name, score): _share(score) for name, score in node.get("presence").members()}
            index, pts = node.get("index").integer(0, MAX_WHOLE), node.get("pts").integer(-MAX_PTS, MAX_PTS)
            checksum = node.get("crc32").text()
            if _CHECKSUM.fullmatch(checksum) is None:
                node.get("crc32").fail("expected eight hexadecimal digits")
        except JsonError as error:
            raise ValueError(f"not a line of a journal ({error})") from error
        return cls(index, pts, checksum, presence)


@dataclass(frozen=True, slots=True)
class Journal:
    """The part of a journal that can be trusted.

    Attributes:
        entries: Frames 0, 1, 2 ... without a gap.
        damage: What is wrong with the line after the last entry; None if there is no such line.
    """

    entries: tuple[JournalEntry, ...]
    damage: str | None


def read_journal(path: Path) -> Journal:
    """Reads a journal up to the first line that is cut off, damaged or out of order.

    Raises:
        OutputError: The file cannot be read.
    """
    entries: list[JournalEntry] = []
    try:
        check_regular_file(path, OutputError)
        with open(path, "rb") as file:
            # Line by line: a line is bounded, as the ids of objects are.
            for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b"")):
                try:
                    if not line.endswith(b"\n"):
                        raise ValueError("the line is cut off")
                    entry = JournalEntry.from_line(line)
                    if entry.index != number:
                        raise ValueError(f"the line is about frame {entry.index}")
                except ValueError as error:
                    return Journal(tuple(entries), f"line {number + 1}: {error}")
                entries.append(entry)
    except OSError as error:
        raise OutputError(f"{path}: not a readable journal ({error.strerror or error})") from error
    return Journal(tuple(entries), None)


class JournalWriter:
    """Appends lines to a journal.

    Args:
        path: The file.
        keep: Entries that the file holds already and that stay, as `read_journal` gave them; what follows them is
            cut off. Without any, the file is started anew.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, *, keep: tuple[JournalEntry, ...] = ()) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        # Written anew and renamed: what else has this name, by a link of any kind, is not written to.
        write_bytes(path, b"".join(entry.to_line() for entry in keep))
        try:
            self._file = open(path, "r+b")  # noqa: SIM115
            self._file.seek(0, 2)
            self._identity = _identity(os.fstat(self._file.fileno()))
        except OSError as error:
            self.close()
            raise self._failure(error) from error

    def append(self, entry: JournalEntry) -> None:
        """Raises OutputError when the line cannot be written."""
        if self._file is None:
            raise RuntimeError("the journal is closed")
        try:
            self._check_still_there()
            self._file.write(entry.to_line())
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _check_still_there(self) -> None:
        """Raises OutputError if the file was deleted or replaced: lines would go where nobody finds them."""
        try:
            found = _identity(os.stat(self._path))
        except FileNotFoundError:
            found = None
        if found != self._identity:
            raise OutputError(
                f"{self._path}: was {'deleted' if found is None else 'replaced'} while the run went on; run again with "
                "--resume and leave the folder alone"
            )

    def check_whole(self) -> None:
        """For the end of a run. Raises OutputError if the file was deleted or replaced."""
        self._check_still_there()

    def close(self) -> None:
        """Closes the file. May be called again."""
        if self._file is not None:
            file, self._file = self._file, None
            # Every line has been flushed or has failed loudly; a failed one would fail here once more.
            with contextlib.suppress(OSError):
                file.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path}: cannot be written ({error.strerror or error})")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _share(node: JsonNode) -> float:
    if not 0 <= node.number() <= 1:
        node.fail("expected a number in 0..1")
    return node.number()


def mask_crc(labels: np.ndarray) -> str:
    """CRC-32 of a label map as eight hexadecimal digits; independent of the file format it is stored in."""
    return f"{zlib.crc32(np.ascontiguousarray(labels, dtype='<u2').tobytes()):08x}"
