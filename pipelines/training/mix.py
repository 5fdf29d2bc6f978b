"""Which pictures a run trains on, and how often each source is drawn.

Either a folder of sources in the images-and-masks layout, weighed by `DEFAULT_WEIGHTS`, or a TOML file that names
every source:

    [[source]]
    kind = "folders"                # images/* and masks/*.png
    path = "train/coco_extra"       # relative to the TOML file
    weight = 3.0                    # per picture; 1 if left out

    [[source]]
    kind = "coco"                   # polygons or run lengths
    path = "annotations/instances_train2017.json"
    images = "train2017"

    [[source]]
    kind = "regions"                # pictures without labels
    path = "landscapes"
    weight = 0.5
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.training.read_coco import read_coco_stills
from pipelines.training.read_folders import read_folders
from pipelines.training.read_regions import read_regions
from pipelines.training.stills import Still, TrainingDataError

# How often a picture of a source is drawn when a folder of sources is given: narrow domains with many
# near-identical pictures count less. Names that are not here count 1.
DEFAULT_WEIGHTS = {
    "coco_extra": 3.0,
    "coco128_seg": 3.0,
    "tiny_coco100": 3.0,
    "endangered_animals": 1.0,
    "ccp_clothing_parts": 0.6,
    "indonesian_food": 0.6,
    "building_facade": 0.3,
    "mushrooms": 0.6,
}

# Sources whose ids are parts of one thing.
DEFAULT_PARTS = frozenset({"ccp_clothing_parts"})


def _read_coco(path: Path, images: Path | None, weight: float, parts: bool) -> list[Still]:
    if images is None:
        raise TrainingDataError(f'{path}: a source of kind "coco" needs `images`, the folder of its pictures')
    return read_coco_stills(path, images, weight=weight, parts=parts)


def _without_images(
    reader: Callable[..., list[Still]],
) -> Callable[[Path, Path | None, float, bool], list[Still]]:
    def read(path: Path, images: Path | None, weight: float, parts: bool) -> list[Still]:
        if images is not None:
            raise TrainingDataError(f'{path}: `images` is for sources of kind "coco"')
        return reader(path, weight=weight, parts=parts)

    return read


READERS: dict[str, Callable[[Path, Path | None, float, bool], list[Still]]] = {
    "folders": _without_images(read_folders),
    "coco": _read_coco,
    "regions": _without_images(read_regions),
}


def list_stills(data: Path) -> list[Still]:
    """All pictures of a folder of sources or of a TOML mix, in a fixed order.

    Raises:
        TrainingDataError: Nothing is there, or something is missing or malformed; the message names it.
    """
    if data.is_file():
        return _from_file(data)
    stills: list[Still] = []
    for source in sorted(path for path in data.glob("*") if (path / "images").is_dir()):
        weight = DEFAULT_WEIGHTS.get(source.name, 1.0)
        stills += read_folders(source, weight=weight, parts=source.name in DEFAULT_PARTS)
    if not stills:
        raise TrainingDataError(f"{data}: no <source>/images/* with <source>/masks/*.png below this folder")
    return stills


def hold_aside(stills: list[Still], share: float) -> tuple[list[Still], list[Still]]:
    """Splits off every n-th picture for validation -> (for training, held aside); nothing is held for a share of 0.

    Raises:
        TrainingDataError: There are too few pictures for that share.
    """
    if share == 0:
        return stills, []
    every = max(2, round(1 / share))
    held = stills[every - 1 :: every]
    if not held:
        raise TrainingDataError(f"{len(stills)} pictures are too few to hold a share of {share:g} aside")
    return [still for number, still in enumerate(stills) if (number + 1) % every], held


def _from_file(path: Path) -> list[Still]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingDataError(f"{path}: not a readable TOML file: {error}") from error
    sources = content.get("source")
    if not isinstance(sources, list) or not sources or content.keys() != {"source"}:
        raise TrainingDataError(f"{path}: expected one or more [[source]] tables and nothing else")
    stills: list[Still] = []
    for number, source in enumerate(sources, 1):
        stills += _from_table(f"{path}: source {number}", path.parent, source)
    return stills


def _from_table(where: str, base: Path, source: dict[str, Any]) -> list[Still]:
    unknown = source.keys() - {"kind", "path", "images", "weight", "parts"}
    if unknown:
        raise TrainingDataError(f"{where}: unknown key {sorted(unknown)[0]!r}")
    kind, path, images = source.get("kind"), source.get("path"), source.get("images")
    weight, parts = source.get("weight", 1.0), source.get("parts", False)
    if kind not in READERS:
        raise TrainingDataError(f"{where}: kind is {kind!r}; it must be one of {', '.join(READERS)}")
    if not isinstance(path, str) or not isinstance(images, str | None):
        raise TrainingDataError(f"{where}: path and images must be strings, and path must be given")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not (0 < weight < math.inf):
        raise TrainingDataError(f"{where}: weight is {weight!r}; it must be a number above 0")
    if not isinstance(parts, bool):
        raise TrainingDataError(f"{where}: parts is {parts!r}; it must be true or false")
    return READERS[kind](base / path, None if images is None else base / images, float(weight), parts)
