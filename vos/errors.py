"""What can go wrong for a user, and the exit status each kind ends with.

The command line prints the message of any exception that has an `exit_code` as one line and exits with that
code; anything else is a bug and keeps its traceback. `seem_model` and `eval` define their own such exceptions,
because imports point one way.
"""

from __future__ import annotations


class VosError(Exception):
    """Base of the errors a user can cause or fix. The message names the file, frame or option and the remedy."""

    exit_code = 1


class UsageError(VosError):
    """An option, argument or combination of them that cannot work. Nothing has been read or written yet."""

    exit_code = 2


class VideoError(VosError):
    """A video, image folder or stream that cannot be read, or that stops being readable part of the way."""


class PromptError(VosError):
    """A prompt that does not fit its frame: wrong size, empty, outside the image, unreadable."""

    exit_code = 2


class OutputError(VosError):
    """A place that cannot be written, or that holds something which would be overwritten."""
