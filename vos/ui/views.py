"""A document as JSON for the page: objects, and marks in a form that a canvas can draw."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from vos.prompts import Box, Mask, Points, Polygon, Prompt, Stroke, VisualPrompt
from vos.ui.document import History


def document_view(history: History) -> dict[str, Any]:
    """What the page shows of a document."""
    document = history.document
    return {
        "revision": history.revision,
        "objects": [
            {"id": i, "name": document.name_of(i), "colour": document.colour_of(i)} for i in document.object_ids
        ],
        "prompts": [prompt_view(prompt) for prompt in document.script.prompts],
        "removals": [{"object": removal.object_id, "frame": removal.frame} for removal in document.script.removals],
        "can_undo": history.can_undo,
        "can_redo": history.can_redo,
    }


def prompt_view(prompt: Prompt) -> dict[str, Any]:
    """One prompt as lines, points and rings in pixels of the source."""
    view: dict[str, Any] = {
        "object": prompt.object_id,
        "frame": prompt.frame,
        "kind": prompt.kind,
        "direction": prompt.direction,
    }
    if isinstance(prompt, Stroke) and prompt.raster is None:
        return view | {"lines": [line.tolist() for line in prompt.lines], "width": prompt.width}
    if isinstance(prompt, Points):
        return view | {
            "positive": prompt.positive.tolist(),
            "negative": prompt.negative.tolist(),
            "order": list(prompt.order),
        }
    if isinstance(prompt, Box):
        x0, y0, x1, y1 = prompt.x0, prompt.y0, prompt.x1, prompt.y1
        return view | {"rings": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]]}
    if isinstance(prompt, Polygon):
        return view | {"rings": [ring.tolist() for ring in prompt.rings]}
    if isinstance(prompt, (Mask, Stroke)):
        pixels = prompt.pixels if isinstance(prompt, Mask) else prompt.raster
        return view | {"outline": [] if pixels is None else _outline(pixels)}
    if isinstance(prompt, VisualPrompt) and prompt.size is not None:
        return view | {"outline": _outline(prompt.rasterise(*prompt.size))}
    return view


def _outline(pixels: np.ndarray) -> list[list[list[float]]]:
    """Rings along the border of (H, W) bool pixels, through the pixels' centres."""
    rings, _ = cv2.findContours(pixels.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [(ring[:, 0] + 0.5).tolist() for ring in rings]
