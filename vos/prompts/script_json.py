"""Prompt scripts: any number of prompts on any frames as one JSON file. docs/prompts.md has the schema.

Reading checks everything that can be checked without the video; messages name the file and the place in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vos.errors import PromptError
from vos.files.atomic import replacing, write_bytes
from vos.files.json_node import JsonNode, json_errors_as, read_json
from vos.files.rle import decode_counts, encode_counts, mask_of_runs
from vos.prompts.base import DIRECTIONS, MAX_OBJECT_ID, Direction, Prompt, VisualPrompt
from vos.prompts.box import Box
from vos.prompts.checks import check_duplicates, check_positive
from vos.prompts.davis_scribbles import DavisScribbles, davis_scribbles_from
from vos.prompts.image_file import MAX_PIXELS, read_rgb
from vos.prompts.label_image import read_label_image
from vos.prompts.labelme import labelme_script_from
from vos.prompts.mask import Mask
from vos.prompts.points import MOST_CANDIDATES, Points
from vos.prompts.polygon import Polygon
from vos.prompts.prompt_script import PromptScript, Removal
from vos.prompts.reference import ReferenceImage
from vos.prompts.stroke import DEFAULT_STROKE_WIDTH, Stroke
from vos.prompts.text import Text

VERSION = 1
_VERSION_KEY = "vos_prompts"
_MAX_FRAME = 2**31 - 1
_MAX_SIDE = 65535


@json_errors_as(PromptError)
def read_prompt_script(path: str | Path) -> PromptScript:
    """Reads a prompt script, or a DAVIS scribble file or an annotation of labelme as one.

    Raises:
        PromptError: The file, or one that it names, cannot be read or breaks the schema.
    """
    root = read_json(path)
    if root.has("shapes"):
        return labelme_script_from(root)
    if root.has("scribbles"):
        return PromptScript(tuple(davis_scribbles_from(root)))
    if not root.has(_VERSION_KEY):
        root.fail(
            f'is neither a prompt script ("{_VERSION_KEY}": {VERSION}) nor a DAVIS scribble file ("scribbles") nor one '
            'of labelme ("shapes")'
        )
    version = root.get(_VERSION_KEY)
    if version.value != VERSION:
        version.fail(f"version {version.value!r} is not supported; this seem-vos reads version {VERSION}")
    root.only(_VERSION_KEY, "size", "names", "prompts")
    size = _size(root.get("size")) if root.has("size") else None
    names = read_names(root)
    prompts: list[Prompt] = []
    removals: list[Removal] = []
    for node in root.get("prompts").items():
        if node.has("remove"):
            node.only("object", "frame", "remove")
            if node.get("remove").value is not True:
                node.get("remove").fail("expected true")
            removals.append(Removal(_object_id(node), _frame(node), f"{node.file}: {node.path}"))
        else:
            prompts.append(read_prompt_entry(node, size))
    if not prompts and not removals:
        root.get("prompts").fail("is empty: mark at least one object")
    check_duplicates(prompts)
    check_positive(prompts)
    return PromptScript(tuple(prompts), tuple(removals), names)


def write_prompt_script(path: str | Path, script: PromptScript) -> None:
    """Writes a script that reads back equal. Reference images go to `<name>_reference_<n>.png` beside it.

    Raises:
        OutputError: A file cannot be written.
    """
    path = Path(path)
    lines = []
    for number, prompt in enumerate(script.prompts):
        image = path.with_name(f"{path.stem}_reference_{number}.png")
        if isinstance(prompt, ReferenceImage):
            with replacing(image) as temporary:
                Image.fromarray(prompt.image).save(temporary, format="PNG")
        lines.append(prompt_entry(prompt, image=image.name))
    lines += [{"object": r.object_id, "frame": r.frame, "remove": True} for r in script.removals]
    body = ",\n".join("    " + json.dumps(entry, ensure_ascii=False) for entry in lines)
    names = json.dumps({str(i): name for i, name in sorted(script.names.items())}, ensure_ascii=False)
    text = f'{{\n  "{_VERSION_KEY}": {VERSION},\n  "names": {names},\n  "prompts": [\n{body}\n  ]\n}}\n'
    write_bytes(path, text.encode())


def prompt_entry(prompt: Prompt, *, image: str = "") -> dict[str, Any]:
    """One prompt as an entry of a script; `read_prompt_entry` is the way back.

    Args:
        prompt: The prompt.
        image: For a reference image: name of the picture file, which the caller writes.
    """
    entry: dict[str, Any] = {"object": prompt.object_id, "frame": prompt.frame}
    if prompt.size is not None and not _has_raster(prompt):
        entry["size"] = list(prompt.size)
    if prompt.direction != "forward":
        entry["direction"] = prompt.direction
    if prompt.replaces:
        entry["replace"] = True
    if isinstance(prompt, ReferenceImage):
        return entry | {"reference": {"image": image, **_region_entry(prompt.region)}}
    if isinstance(prompt, Text):
        return entry | {"text": prompt.text}
    if isinstance(prompt, VisualPrompt):
        return entry | _region_entry(prompt)
    raise TypeError(f"a prompt script has no form for {type(prompt).__name__}")


# Reading ------------------------------------------------------------------------------------------------------------


@json_errors_as(PromptError)
def read_prompt_entry(node: JsonNode, default_size: tuple[int, int] | None = None) -> Prompt:
    """One prompt from its entry in a script or a run record.

    Args:
        node: The entry.
        default_size: (width, height) that its coordinates belong to if it does not say so itself.

    Raises:
        PromptError: The entry, or a file that it names, cannot be used.
    """
    kind = _kind_of(node, (*_REGIONS, "text", "reference"))
    node.only("object", "frame", "size", "direction", "replace", kind)
    common: dict[str, Any] = {
        "object_id": _object_id(node),
        "frame": _frame(node),
        "direction": _direction(node),
        "replaces": _replaces(node),
        "source": f"{node.file}: {node.path}",
    }
    if kind == "text":
        return Text(node.get(kind).text(), **common)
    if kind == "reference":
        reference = node.get(kind)
        region_kind = _kind_of(reference, tuple(_REGIONS))
        reference.only("image", region_kind)
        image = read_rgb(_confined(reference.get("image")))
        region = _REGIONS[region_kind].read(reference.get(region_kind), {"source": common["source"]})
        return ReferenceImage(image, region, **common)
    size = _size(node.get("size")) if node.has("size") else default_size
    if kind != "scribbles":
        common["size"] = size
    return _REGIONS[kind].read(node.get(kind), common)


@json_errors_as(PromptError)
def read_names(root: JsonNode) -> dict[int, str]:
    """Object id -> name from the member `names`, which may be missing. Raises PromptError."""
    return {_object_key(key, node): node.text() for key, node in _members(root, "names")}


def _kind_of(node: JsonNode, kinds: tuple[str, ...]) -> str:
    found = [kind for kind in kinds if node.has(kind)]
    if len(found) != 1:
        node.fail(f"needs exactly one of {', '.join(kinds)}")
    return found[0]


def _mask(node: JsonNode, common: dict[str, Any]) -> Mask:
    return Mask(_raster(node, common.get("object_id", 1)), **common)


def _stroke(node: JsonNode, common: dict[str, Any]) -> Stroke:
    if node.has("lines"):
        node.only("lines", "width")
        width = node.get("width").number() if node.has("width") else DEFAULT_STROKE_WIDTH
        lines = tuple(np.array(line.pairs()) for line in node.get("lines").items())
        return Stroke(lines, width, **common)
    return Stroke.painted(_raster(node, common.get("object_id", 1)), **common)


def _points(node: JsonNode, common: dict[str, Any]) -> Points:
    node.only("positive", "negative", "order", "candidate")
    negative = node.get("negative").pairs() if node.has("negative") else []
    order = tuple(sign == "+" for sign in _signs(node.get("order"))) if node.has("order") else ()
    candidate = node.get("candidate").integer(0, MOST_CANDIDATES) if node.has("candidate") else 0
    return Points(np.array(node.get("positive").pairs()), np.array(negative), order, candidate, **common)


def _signs(node: JsonNode) -> str:
    text = node.text()
    if not set(text) <= set("+-"):
        node.fail('expected the signs of all clicks in their order, such as "+-+"')
    return text


def _points_entry(points: Points) -> dict[str, Any]:
    entry: dict[str, Any] = {"positive": points.positive.tolist(), "negative": points.negative.tolist()}
    if points.order != tuple(sorted(points.order, reverse=True)):
        entry["order"] = "".join("+" if sign else "-" for sign in points.order)
    if points.candidate:
        entry["candidate"] = points.candidate
    return entry


def _box(node: JsonNode, common: dict[str, Any]) -> Box:
    x0, y0, x1, y1 = node.numbers(4)
    return Box(x0, y0, x1, y1, **common)


def _polygon(node: JsonNode, common: dict[str, Any]) -> Polygon:
    return Polygon(tuple(np.array(ring.pairs()) for ring in node.items()), **common)


def _scribbles(node: JsonNode, common: dict[str, Any]) -> DavisScribbles:
    strokes = tuple(
        (s.get("object_id").integer(0, MAX_OBJECT_ID), np.array(s.get("path").pairs())) for s in node.items()
    )
    return DavisScribbles(strokes, **common)


@dataclass(frozen=True, slots=True)
class _Region:
    """How a prompt that marks pixels is written.

    Attributes:
        prompt: Its class.
        read: From the value of its member.
        write: To the value of its member.
    """

    prompt: type[VisualPrompt]
    read: Callable[[JsonNode, dict[str, Any]], VisualPrompt]
    write: Callable[[Any], Any]


# Member of an entry -> the prompt that it stands for.
_REGIONS: dict[str, _Region] = {
    "mask": _Region(Mask, _mask, lambda mask: _rle_entry(mask.pixels)),
    "stroke": _Region(Stroke, _stroke, lambda stroke: _stroke_entry(stroke)),
    "points": _Region(
        Points,
        _points,
        _points_entry,
    ),
    "box": _Region(Box, _box, lambda box: [box.x0, box.y0, box.x1, box.y1]),
    "polygon": _Region(Polygon, _polygon, lambda polygon: [ring.tolist() for ring in polygon.rings]),
    "scribbles": _Region(
        DavisScribbles,
        _scribbles,
        lambda prompt: [{"object_id": i, "path": path.tolist()} for i, path in prompt.scribbles],
    ),
}


def _raster(node: JsonNode, object_id: int) -> np.ndarray:
    """(H, W) bool of {"png": relative path, "id": label} or {"rle": {"size": [H, W], "counts": text or runs}}."""
    if node.has("png"):
        node.only("png", "id")
        label = node.get("id").integer(1, MAX_OBJECT_ID) if node.has("id") else object_id
        labels = read_label_image(_confined(node.get("png")), painted=False)
        present = [int(i) for i in np.unique(labels) if i]
        # A file of one object is about that object, whatever its label.
        if len(present) == 1 and not node.has("id"):
            label = present[0]
        if label not in present:
            node.fail(f"object {label} is not in this picture, which has {', '.join(map(str, present))}")
        marked: np.ndarray = labels == label
        return marked
    node.only("rle")
    rle = node.get("rle")
    height, width = (side.integer(1, _MAX_SIDE) for side in _exactly(rle.get("size"), 2))
    if height * width > MAX_PIXELS:
        rle.get("size").fail(f"more than {MAX_PIXELS} pixels")
    try:
        counts = rle.get("counts")
        if isinstance(counts.value, list):
            return mask_of_runs([run.integer(0, MAX_PIXELS) for run in counts.items()], width, height)
        return decode_counts(counts.text(), width, height)
    except ValueError as error:
        rle.get("counts").fail(str(error))


def _confined(node: JsonNode) -> Path:
    """A file below the folder of the script; links and `..` must not lead out of it."""
    folder = node.file.absolute().parent.resolve()
    try:
        target = (folder / node.text()).resolve()
    except (ValueError, OSError, RuntimeError):
        node.fail("is not a usable path")
    if not target.is_relative_to(folder):
        node.fail("leads out of the script's folder; put the file beside the script")
    return target


def _size(node: JsonNode) -> tuple[int, int]:
    width, height = (side.integer(1, _MAX_SIDE) for side in _exactly(node, 2))
    return width, height


def _exactly(node: JsonNode, count: int) -> list[JsonNode]:
    items = list(node.items())
    if len(items) != count:
        node.fail(f"expected {count} elements, found {len(items)}")
    return items


def _object_id(node: JsonNode) -> int:
    return node.get("object").integer(1, MAX_OBJECT_ID)


def _frame(node: JsonNode) -> int:
    return node.get("frame").integer(0, _MAX_FRAME) if node.has("frame") else 0


def _replaces(node: JsonNode) -> bool:
    if not node.has("replace"):
        return False
    value = node.get("replace").value
    if not isinstance(value, bool):
        node.get("replace").fail("expected true or false")
    return bool(value)


def _direction(node: JsonNode) -> Direction:
    if not node.has("direction"):
        return "forward"
    value = node.get("direction")
    found = next((direction for direction in DIRECTIONS if direction == value.value), None)
    if found is None:
        value.fail(f"expected one of {', '.join(DIRECTIONS)}")
    return found


def _members(node: JsonNode, key: str) -> list[tuple[str, JsonNode]]:
    return list(node.get(key).members()) if node.has(key) else []


def _object_key(key: str, node: JsonNode) -> int:
    if not (key.isascii() and key.isdecimal() and len(key) <= 5 and 1 <= int(key) <= MAX_OBJECT_ID):
        node.fail(f"{key!r} is not an object id in 1..{MAX_OBJECT_ID}")
    return int(key)


# Writing ------------------------------------------------------------------------------------------------------------


def _has_raster(prompt: Prompt) -> bool:
    return isinstance(prompt, Mask) or (isinstance(prompt, Stroke) and prompt.raster is not None)


def _region_entry(prompt: VisualPrompt) -> dict[str, Any]:
    """`{member: value}` of a prompt with pixels."""
    for member, region in _REGIONS.items():
        if type(prompt) is region.prompt:
            return {member: region.write(prompt)}
    raise TypeError(f"a prompt script has no form for {type(prompt).__name__}")


def _stroke_entry(stroke: Stroke) -> dict[str, Any]:
    if stroke.raster is not None:
        return _rle_entry(stroke.raster)
    return {"lines": [line.tolist() for line in stroke.lines], "width": stroke.width}


def _rle_entry(pixels: np.ndarray) -> dict[str, Any]:
    height, width = pixels.shape
    return {"rle": {"size": [height, width], "counts": encode_counts(pixels)}}
