"""Prompts from picture and JSON files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vos.errors import PromptError
from vos.prompts.label_image import read_label_image
from vos.prompts.mask import Mask
from vos.prompts.stroke import Stroke

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_masks(path: str | Path, *, frame: int = 0) -> list[Mask]:
    """One `Mask` per object of a PNG file, ascending ids: palette, grey or RGB(A), see docs/prompts.md.

    Raises:
        PromptError: the file cannot be read or holds no object.
    """
    labels = read_label_image(path, painted=False)
    return [Mask(labels == i, object_id=i, frame=frame, source=str(path)) for i in _ids(labels)]


def read_painted_strokes(path: str | Path, *, frame: int = 0) -> list[Stroke]:
    """One `Stroke` per colour of a painted PNG file, ascending ids, see docs/prompts.md.

    Raises:
        PromptError: the file cannot be read, nothing is painted, or its colours cannot be told apart.
    """
    labels = read_label_image(path, painted=True)
    return [Stroke.painted(labels == i, object_id=i, frame=frame, source=str(path)) for i in _ids(labels)]


def _ids(labels: np.ndarray) -> list[int]:
    return [int(i) for i in np.unique(labels) if i]


def is_png(path: str | Path) -> bool:
    """Whether the file begins like a PNG. Raises PromptError when it cannot be opened."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_PNG_SIGNATURE)) == _PNG_SIGNATURE
    except FileNotFoundError:
        raise PromptError(f"{path}: no such file") from None
    except OSError as error:
        raise PromptError(f"{path}: {error.strerror}") from None
