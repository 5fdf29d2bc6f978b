"""The folder of one run: what lies where, when it may be written, and how it is cleared."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vos.atomic import write_bytes
from vos.errors import OutputError
from vos.export.formats import FORMATS

MASKS_FOLDER = FORMATS["davis"].place
OVERLAY_FILE = "overlay.mp4"
CONTACT_SHEET_FILE = "contact_sheet.png"
RECORD_FILE = "run.json"
JOURNAL_FILE = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """Paths of one run's output."""

    root: Path

    @property
    def masks(self) -> Path:
        return self.root / MASKS_FOLDER

    @property
    def overlay(self) -> Path:
        return self.root / OVERLAY_FILE

    @property
    def contact_sheet(self) -> Path:
        return self.root / CONTACT_SHEET_FILE

    @property
    def record(self) -> Path:
        return self.root / RECORD_FILE

    @property
    def journal(self) -> Path:
        return self.root / JOURNAL_FILE

    def _written_by_runs(self) -> list[Path]:
        """Existing files with the names that runs give; anything else in the folder is not ours to remove."""
        own = [self.overlay, self.contact_sheet, self.record, self.journal]
        for row in FORMATS.values():
            place = self.root / row.place
            own += [p for p in [*place.glob("*.png"), *place.glob("*/*.png")] if _is_mask(p.relative_to(place))]
            own.append(place)
        # What a killed run left under temporary names.
        own += [p for path in own for p in path.parent.glob(f".{glob.escape(path.name)}.*.part")]
        own += [p for folder in self._mask_folders() for p in folder.glob(".*.png.*.part")]
        return [path for path in dict.fromkeys(own) if path.is_file() or path.is_symlink()]

    def _mask_folders(self) -> list[Path]:
        """Existing folders that hold masks, inner ones first."""
        places = [self.root / row.place for row in FORMATS.values()]
        folders = [p for place in places for p in [*place.glob("*/"), place] if p.is_dir()]
        return [p for p in folders if p in places or p.name.isdecimal()]

    def _remove(self) -> None:
        for path in self._written_by_runs():
            path.unlink(missing_ok=True)
        for folder in self._mask_folders():
            if not any(folder.iterdir()):
                folder.rmdir()

    def check(self, *, overwrite: bool) -> None:
        """Makes sure that a run may write here; writes nothing.

        Raises:
            OutputError: The folder holds something and `overwrite` is off, or it cannot be written.
        """
        if self.root.exists():
            if not self.root.is_dir():
                raise OutputError(f"{self.root}: is a file, not a folder; choose another --output")
            if not overwrite and _holds_something(self.root):
                raise OutputError(
                    f"{self.root}: is not empty; choose another --output, or pass --overwrite to replace what a "
                    "former run wrote there"
                )
        parent = next(p for p in [self.root, *self.root.absolute().parents] if p.exists())
        if not parent.is_dir():
            raise OutputError(f"{self.root}: cannot be created, {parent} is a file; choose another --output")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(f"{self.root}: cannot be written, no permission in {parent}; choose another --output")

    def create(self) -> bool:
        """Makes the folder, without what a former run left in it. Returns whether it is new."""
        is_new = not self.root.exists()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._remove()
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be written ({error.strerror or error})") from error
        return is_new

    def discard(self, *, is_new: bool) -> None:
        """Takes back `create` after a run that gave no result: nothing of it is left."""
        if is_new:
            shutil.rmtree(self.root, ignore_errors=True)
            return
        with contextlib.suppress(OSError):  # the failure that led here is what the user must see
            self._remove()


def _holds_something(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError as error:
        raise OutputError(f"{folder}: cannot be read ({error.strerror}); choose another --output") from error


def _is_mask(path: Path) -> bool:
    """Whether a path has a name that mask sinks give: `00000.png`, or `001/00000.png`."""
    return path.stem.isdecimal() and (len(path.parts) == 1 or path.parts[0].isdecimal())


def write_json(path: Path, value: object) -> None:
    """Writes JSON under a temporary name and renames it.

    Raises:
        OutputError: The file cannot be written.
    """
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())
