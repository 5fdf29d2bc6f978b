"""What can go wrong for a user, and the exit status each kind ends with.

An exception is a user's mistake if it has an `exit_code`: its message is one line for the user. Anything else is a bug
and keeps its traceback. `seem_model` and `eval` define such exceptions of their own, because imports point one way, so
no base class can hold them all: whoever has to tell the two apart (command line, browser app, workers) asks
`exit_code_of`.
"""

from __future__ import annotations

# What is said wherever memory runs out: the library that could not get any has no better words.
OUT_OF_MEMORY = (
    "not enough memory; choose a smaller --quality or --short-side, fewer objects or a smaller picture "
    "(`--max-memory` of `vos track` makes a run fit into a limit)"
)
# How libraries say that there is none: numpy raises MemoryError; PyTorch, OpenCV, ONNX Runtime and PyAV do not.
_NO_MEMORY = (
    "not enough memory",
    "cannot allocate memory",
    "failed to allocate memory",
    "insufficient memory",
    "bad_alloc",
    "out of memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says, in whatever words, that there is no memory left."""
    if isinstance(error, MemoryError):
        return True
    # A message of ours that speaks of memory is no such report.
    return not isinstance(error, VosError) and any(words in str(error).lower() for words in _NO_MEMORY)


def message_of(error: BaseException) -> str:
    """What to tell the user of an exception that has an exit status: one line."""
    return OUT_OF_MEMORY if is_out_of_memory(error) else str(error)


def exit_code_of(error: BaseException) -> int | None:
    """The exit status that a user's mistake ends with, or None for a bug.

    >>> exit_code_of(PromptError("clip.mp4, frame 3: the box is outside the image")), exit_code_of(KeyError("x"))
    (2, None)
    """
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return code
    return 1 if isinstance(error, Exception) and is_out_of_memory(error) else None


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
