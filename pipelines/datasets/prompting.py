"""From the masks that a protocol provides to the prompts of a job: files and coordinates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from pipelines.datasets.first_frame_masks import GivenMask
from pipelines.datasets.simulated_user import box_around, central_stroke, deepest_point
from pipelines.fleet.jobs import PromptSource
from vos.files.index_png import write_palette_png
from vos.prompts import PromptScript, Stroke, write_prompt_script

PromptStyle = Literal["mask", "stroke", "box", "point", "scribble"]

# The style that uses what people drew (`pipelines.datasets.scribbles`); the others start from given masks.
SCRIBBLE: PromptStyle = "scribble"


def write_prompts(given: tuple[GivenMask, ...], style: PromptStyle, folder: Path) -> tuple[PromptSource, ...]:
    """The prompts of a sequence whose tracking begins with the first given frame.

    Args:
        given: Ascending by frame, at least one.
        style: What the simulated user draws for each object.
        folder: Where pictures of masks and strokes are written.

    Raises:
        OutputError: A picture cannot be written.
    """
    first = given[0].frame
    prompts: list[PromptSource] = []
    for item in given:
        prompts += _STYLES[style](item.labels, item.frame - first, folder)
    return tuple(prompts)


def _mask(labels: np.ndarray, frame: int, folder: Path) -> list[PromptSource]:
    return [PromptSource("mask", _picture(labels, frame, folder), frame)]


def _stroke(labels: np.ndarray, frame: int, folder: Path) -> list[PromptSource]:
    strokes = tuple(
        Stroke.painted(central_stroke(mask), object_id=object_id, frame=frame) for object_id, mask in _objects(labels)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{frame:05d}.json"
    write_prompt_script(path, PromptScript(strokes))
    return [PromptSource("stroke", str(path))]


def _box(labels: np.ndarray, frame: int, folder: Path) -> list[PromptSource]:
    return [
        PromptSource("box", f"{object_id}:{','.join(map(str, box_around(mask)))}", frame)
        for object_id, mask in _objects(labels)
    ]


def _point(labels: np.ndarray, frame: int, folder: Path) -> list[PromptSource]:
    return [
        PromptSource("point", f"{object_id}:{','.join(map(str, deepest_point(mask)))}", frame)
        for object_id, mask in _objects(labels)
    ]


_STYLES: dict[PromptStyle, Callable[[np.ndarray, int, Path], list[PromptSource]]] = {
    "mask": _mask,
    "stroke": _stroke,
    "box": _box,
    "point": _point,
}


def _objects(labels: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(int(object_id), labels == object_id) for object_id in np.unique(labels) if object_id]


def _picture(labels: np.ndarray, frame: int, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{frame:05d}.png"
    write_palette_png(path, labels)
    return str(path)
