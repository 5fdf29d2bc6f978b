"""Errors of scoring. Each message names the file, sequence or option, and the remedy.

`eval` does not import `vos`, so these classes stand alone; `exit_code` marks a user's mistake, and is the status that
the command ends with (`vos.errors.exit_code_of`).
"""

from __future__ import annotations

from pathlib import Path

_FOLDERS_SHOWN = 12


class EvalError(Exception):
    """Base of the errors that the data of a user can cause."""

    exit_code = 1


class EvalUsageError(EvalError):
    """An option, data set name or combination of options that cannot work."""

    exit_code = 2


class DatasetError(EvalError):
    """Ground truth that is absent, incomplete or not in the layout of its data set."""


class MaskFileError(EvalError):
    """A mask file that cannot be read, or whose size or ids do not fit the sequence it belongs to."""


class MissingPredictionsError(EvalError):
    """Predictions that the protocol needs and that are absent: `paths` has all, the message folds them by folder."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        # The tuple is the only constructor argument, so that the exception can cross process borders.
        super().__init__(paths)
        self.paths = paths

    def __str__(self) -> str:
        by_folder: dict[Path, list[Path]] = {}
        for path in self.paths:
            by_folder.setdefault(path.parent, []).append(path)
        runs = [
            str(paths[0]) if len(paths) == 1 else f"{paths[0]} to {paths[-1].name} ({len(paths)})"
            for paths in by_folder.values()
        ]
        shown = ", ".join(runs[:_FOLDERS_SHOWN])
        rest = len(runs) - _FOLDERS_SHOWN
        more = f" and masks in {rest} more folders" if rest > 0 else ""
        return (
            f"{len(self.paths)} predicted mask(s) missing: {shown}{more}. "
            "Write them, or pass --allow-missing to score them as empty masks."
        )
