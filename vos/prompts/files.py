"""Prompts from picture and JSON files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vos.errors import PromptError
from vos.files.regular_file import check_regular_file
from vos.prompts.base import Prompt
from vos.prompts.label_image import PictureNote, picture_note, read_labels
from vos.prompts.mask import Mask
from vos.prompts.script_json import read_prompt_script
from vos.prompts.stroke import Stroke

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG, JPEG


def read_masks(
    path: str | Path,
    *,
    frame: int = 0,
    over: Callable[[], np.ndarray] | None = None,
    on_note: Callable[[PictureNote], None] = lambda note: None,
) -> list[Mask]:
    """One `Mask` per object of a picture file, ascending ids: palette, grey or RGB(A), see docs/prompts.md.

    Args:
        path: PNG, TIFF, BMP, WebP or JPEG.
        frame: Index of the frame that the masks belong to.
        over: Gives that frame, (H, W, 3) uint8, so that objects may be painted over a copy of it.
        on_note: Called with one line that says what the picture was taken for.

    Raises:
        PromptError: the file cannot be read, holds no object, or can be read in more than one way.
    """
    reading = read_labels(path, painted=False, over=over)
    on_note(picture_note(path, reading))
    labels = reading.labels
    return [Mask(labels == i, object_id=i, frame=frame, source=str(path)) for i in _ids(labels)]


def read_painted_strokes(
    path: str | Path,
    *,
    frame: int = 0,
    over: Callable[[], np.ndarray] | None = None,
    on_note: Callable[[PictureNote], None] = lambda note: None,
) -> list[Stroke]:
    """One `Stroke` per colour of a painted PNG file, ascending ids, see docs/prompts.md.

    Args:
        path: PNG; a painted copy of the frame may be a JPEG too.
        frame: Index of the frame that the strokes belong to.
        over: Gives that frame, (H, W, 3) uint8, so that strokes may be painted over a copy of it.
        on_note: Called with one line that says what the picture was taken for, where that is worth telling.

    Raises:
        PromptError: the file cannot be read, nothing is painted, or its colours cannot be told apart.
    """
    reading = read_labels(path, painted=True, over=over)
    if reading.note:
        on_note(picture_note(path, reading))
    labels = reading.labels
    return [Stroke.painted(labels == i, object_id=i, frame=frame, source=str(path)) for i in _ids(labels)]


def read_strokes(
    path: str | Path,
    *,
    over: Callable[[], np.ndarray] | None = None,
    on_note: Callable[[PictureNote], None] = lambda note: None,
) -> list[Prompt]:
    """Strokes from a file of any supported kind: painted PNG, prompt script (JSON), DAVIS scribbles (JSON).

    Whatever does not begin like a picture must be named `*.json`.

    Args:
        path: The file.
        over: Gives the first frame, (H, W, 3) uint8, so that strokes may be painted over a copy of it.
        on_note: Called with one line that says what a picture was taken for, where that is worth telling.

    Raises:
        PromptError: the file cannot be read, or is a prompt script with prompts other than strokes.
    """
    if _begins_like_picture(path):
        return list(read_painted_strokes(path, over=over, on_note=on_note))
    if Path(path).suffix.lower() != ".json":
        raise PromptError(f"{path}: not a PNG; strokes are a painted PNG, or JSON in a file named *.json")
    script = read_prompt_script(path)
    for prompt in script.prompts:
        if prompt.kind != Stroke.kind:
            raise PromptError(f"{prompt.where}: only strokes are expected in this file")
    if script.removals:
        raise PromptError(f"{path}: removes an object; only strokes are expected in this file")
    return list(script.prompts)


def _ids(labels: np.ndarray) -> list[int]:
    return [int(i) for i in np.unique(labels) if i]


def _begins_like_picture(path: str | Path) -> bool:
    check_regular_file(path, PromptError)
    try:
        with open(path, "rb") as file:
            return file.read(8).startswith(_SIGNATURES)
    except OSError as error:
        raise PromptError(f"{path}: {error.strerror}") from None
