"""What can go wrong when masks are scored. Each message names the file, sequence or option, and the remedy.

`eval` does not import `vos`, so these classes stand alone; the command line prints any exception that has an
`exit_code` as one line and exits with that status.
"""

from __future__ import annotations

from pathlib import Path


class EvalError(Exception):
    """Base of the errors that the data of a user can cause."""

    exit_code = 1


class EvalUsageError(EvalError):
    """An option, data set name or combination of options that cannot work."""

    exit_code = 2


class DatasetError(EvalError):
    """Ground truth that is absent, incomplete or not laid out as its data set defines."""


class MaskFileError(EvalError):
    """A mask file that cannot be read, or whose size or ids do not fit the sequence it belongs to."""


class MissingPredictionsError(EvalError):
    """Predictions that the protocol needs and that are absent: `paths` has all, the message the first few."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        # The tuple is the only constructor argument, so that the exception can cross process borders.
        super().__init__(paths)
        self.paths = paths

    def __str__(self) -> str:
        shown = ", ".join(str(path) for path in self.paths[:5])
        rest = len(self.paths) - 5
        more = f" and {rest} more" if rest > 0 else ""
        return (
            f"{len(self.paths)} predicted mask(s) missing: {shown}{more}. "
            "Write them, or pass --allow-missing to score them as empty masks."
        )
