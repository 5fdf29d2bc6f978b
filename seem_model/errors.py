"""What can go wrong with models, checkpoints and their inputs.

`exit_code` marks a user's mistake, and is the status that the command ends with: 1 for a job that failed, 2 for a wrong
use (`vos.errors.exit_code_of`).
"""

from __future__ import annotations


class ModelError(Exception):
    """Base of the errors of this package. The message names the file or option and the remedy."""

    exit_code = 1


class CheckpointError(ModelError):
    """A weights file that cannot be read, does not fit its model, or is not the file that was recorded."""


class DownloadError(ModelError):
    """Weights that could not be fetched."""


class ModelInputError(ModelError):
    """An image, prompt or name that the model cannot take."""

    exit_code = 2


class MissingExtraError(ModelError):
    """A feature whose optional packages are not installed."""
