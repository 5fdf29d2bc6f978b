"""The folder of one run: what lies where, when it may be written, and how it is cleared."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vos.errors import OutputError

MASKS_FOLDER = "masks"
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
        own = [self.overlay, self.contact_sheet, self.record, self.journal]
        # Masks have names of digits; anything else in the folder is not ours to remove.
        masks = [p for p in self.masks.glob("*.png") if p.stem.isdigit()] if self.masks.is_dir() else []
        return [path for path in [*own, *masks] if path.exists()]

    def check(self, *, overwrite: bool) -> None:
        """Makes sure that a run may write here; writes nothing.

        Raises:
            OutputError: The folder holds something and `overwrite` is off, or it cannot be written.
        """
        if self.root.exists():
            if not self.root.is_dir():
                raise OutputError(f"{self.root}: is a file, not a folder; choose another --output")
            if not overwrite and any(self.root.iterdir()):
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
            for path in self._written_by_runs():
                path.unlink()
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be written ({error.strerror or error})") from error
        return is_new

    def discard(self, *, is_new: bool) -> None:
        """Takes back `create` after a run that gave no result: nothing of it is left."""
        if is_new:
            shutil.rmtree(self.root, ignore_errors=True)
            return
        for path in self._written_by_runs():
            path.unlink(missing_ok=True)
        if self.masks.is_dir() and not any(self.masks.iterdir()):
            self.masks.rmdir()


def write_json(path: Path, value: object) -> None:
    """Writes JSON under a temporary name and renames it.

    Raises:
        OutputError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
