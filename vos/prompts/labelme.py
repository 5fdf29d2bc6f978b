"""Annotations of labelme (and of tools that write its JSON) as prompts on the first frame.

Every label is an object, named by it; shapes of one label and one `group_id` belong together. Polygons, rectangles,
circles, points, lines and masks are read.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from typing import Any

import numpy as np
from PIL import Image

from vos.files.json_node import JsonNode
from vos.prompts.base import Prompt
from vos.prompts.box import Box
from vos.prompts.mask import Mask
from vos.prompts.points import Points
from vos.prompts.polygon import Polygon
from vos.prompts.prompt_script import PromptScript
from vos.prompts.stroke import Stroke

_CIRCLE_CORNERS = 64
_MAX_SIDE = 65535


def labelme_script_from(root: JsonNode) -> PromptScript:
    """The script of a labelme file.

    Raises:
        JsonError: It breaks the format, or an object has shapes that cannot be one prompt.
    """
    size = (root.get("imageWidth").integer(1, _MAX_SIDE), root.get("imageHeight").integer(1, _MAX_SIDE))
    objects: dict[tuple[str, object], list[JsonNode]] = {}
    for shape in root.get("shapes").items():
        group = shape.get("group_id").value if shape.has("group_id") else None
        objects.setdefault((shape.get("label").text(), group), []).append(shape)
    if not objects:
        root.get("shapes").fail("is empty: mark at least one object")
    prompts: list[Prompt] = []
    names: dict[int, str] = {}
    for object_id, ((label, _), shapes) in enumerate(objects.items(), start=1):
        names[object_id] = label
        source = f"{root.file}: {shapes[0].path}"
        prompts += _prompts_of(shapes, size, {"object_id": object_id, "size": size, "source": source})
    return PromptScript(tuple(prompts), (), names)


def _prompts_of(shapes: list[JsonNode], size: tuple[int, int], common: dict[str, Any]) -> list[Prompt]:
    """Shapes of one object: outlines become one polygon, points one prompt, lines one stroke."""
    rings: list[np.ndarray] = []
    clicks: list[np.ndarray] = []
    lines: list[np.ndarray] = []
    boxes: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for shape in shapes:
        kind = shape.get("shape_type").text() if shape.has("shape_type") else "polygon"
        points = np.array(shape.get("points").pairs())
        if kind == "polygon":
            rings.append(points)
        elif kind == "rectangle" and len(points) in (2, 4):
            boxes.append(np.array([points.min(axis=0), points.max(axis=0)]))
        elif kind == "circle" and len(points) == 2:
            turns = np.linspace(0, 2 * math.pi, _CIRCLE_CORNERS, endpoint=False)
            radius = math.dist(points[0], points[1])
            rings.append(points[0] + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1))
        elif kind in ("point", "points"):
            clicks.append(points)
        elif kind in ("line", "linestrip"):
            lines.append(points)
        elif kind == "mask" and len(points) == 2:
            masks.append(_mask_in(shape, points[0], size))
        else:
            shape.get("shape_type").fail(
                f"{kind!r} with {len(points)} points is not read; expected polygon, rectangle, circle, point, line, "
                "linestrip or mask"
            )
    if len(boxes) == 1 and not rings:
        found: list[Prompt] = [Box(*boxes[0][0], *boxes[0][1], **common)]
    else:
        rings += [np.array([a, [b[0], a[1]], b, [a[0], b[1]]]) for a, b in boxes]
        found = [Polygon(tuple(_inside(ring, size) for ring in rings), **common)] if rings else []
    if masks:
        found.append(Mask(np.logical_or.reduce(masks), **common))
    if clicks:
        found.append(Points(np.concatenate(clicks), **common))
    if lines:
        found.append(Stroke(tuple(lines), **common))
    return found


def _inside(ring: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A ring whose points at the border of the picture may lie a little beyond it."""
    return ring.clip(0, np.array(size, dtype=np.float64))


def _mask_in(shape: JsonNode, corner: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a shape that holds a PNG of its box in base64."""
    node = shape.get("mask")
    try:
        with Image.open(io.BytesIO(base64.b64decode(node.text(), validate=True)), formats=["PNG"]) as image:
            part = np.array(image.convert("L")) > 0
    except (OSError, ValueError, SyntaxError, binascii.Error, Image.DecompressionBombError):
        node.fail("is not a PNG in base64")
    width, height = size
    x, y = round(float(corner[0])), round(float(corner[1]))
    whole = np.zeros((height, width), bool)
    if x < 0 or y < 0 or x + part.shape[1] > width or y + part.shape[0] > height:
        node.fail(f"does not lie within the {width}x{height} picture")
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part
    return whole
