"""What can go wrong for a user, and the exit status each kind ends with.

An exception is a user's mistake if it has an `exit_code`: its message is one line for the user. Anything else is a bug
and keeps its traceback. `seem_model` and `eval` define such exceptions of their own, because imports point one way, so
no base class can hold them all: whoever has to tell the two apart (command line, browser app, workers) asks
`exit_code_of`.
"""

from __future__ import annotations


def exit_code_of(error: BaseException) -> int | None:
    """The exit status that a user's mistake ends with, or None for a bug.

    >>> exit_code_of(PromptError("clip.mp4, frame 3: the box is outside the image")), exit_code_of(KeyError("x"))
    (2, None)
    """
    code = getattr(error, "exit_code", None)
    return code if isinstance(code, int) else None


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
