"""From the model's small logits to a label map at source size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vos.prompts.maps import DrawnPrompt
from vos.tracking.competition import margins, sigmoid
from vos.tracking.edges import refine_edges
from vos.tracking.view import View


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What one object has to say about the pixels of its view.

    Attributes:
        object_id: Whose.
        view: Where.
        margin: (h, w) float32 on the view's mask grid: how far the object's logit lies above the background's.
    """

    object_id: int
    view: View
    margin: np.ndarray


def patches_of(view: View, object_ids: Sequence[int], logits: np.ndarray, shown: Sequence[bool]) -> list[Patch]:
    """Patches of the objects that share a view; those that are not shown do not compete.

    Args:
        view: The view.
        object_ids: The N objects.
        logits: (N, h, w) of each alone.
        shown: N flags.
    """
    rows = [row for row, is_shown in enumerate(shown) if is_shown]
    own = margins(logits[rows])
    return [Patch(object_ids[row], view, own[number]) for number, row in enumerate(rows)]


def label_map(patches: Sequence[Patch], exact: Mapping[int, np.ndarray], rgb: np.ndarray) -> np.ndarray:
    """(H, W) uint16: every pixel goes to the object that wins the soft aggregation there, or to the background.

    Only differences of logits have to be resized: soft aggregation orders the objects at a pixel as their odds do.

    Args:
        patches: At most one per object.
        exact: (H, W) bool masks that the user gave for some objects; they are kept to the pixel.
        rgb: (H, W, 3) uint8 picture, to whose edges the borders of the other masks move.
    """
    size = rgb.shape[:2]
    # Cubic keeps more of what is a cell or two wide.
    large = [(patch.view.box, patch.view.enlarge(patch.margin)) for patch in patches]
    owner = _owner(large, size)
    refined = [
        (box, refine_edges(rgb[box], margin, owner[box] == number)) for number, (box, margin) in enumerate(large, 1)
    ]
    ids = np.array([0, *(patch.object_id for patch in patches)], np.uint16)
    labels: np.ndarray = ids.take(_owner(refined, size))
    for object_id in sorted(exact):
        labels[exact[object_id]] = object_id
    return labels


def obey(marks: Mapping[int, DrawnPrompt], labels: np.ndarray) -> None:
    """Gives pixels of an (H, W) label map to the objects that they were marked for, and takes away others, in place."""
    for object_id, drawn in sorted(marks.items()):
        labels[drawn.outside & (labels == object_id)] = 0
    for object_id, drawn in sorted(marks.items()):
        labels[drawn.inside] = object_id


def _owner(large: Sequence[tuple[tuple[slice, slice], np.ndarray]], size: tuple[int, int]) -> np.ndarray:
    """(H, W) uint16: 1 + the number of the largest margin over the background, 0 where none is positive."""
    owner = np.zeros(size, np.uint16)
    best = np.zeros(size, np.float32)
    for number, (box, margin) in enumerate(large, 1):
        wins = margin > best[box]
        np.copyto(owner[box], np.uint16(number), where=wins)
        np.copyto(best[box], margin, where=wins)
    return owner


def soft_mask(view: View, logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) float32 probabilities of one object alone, at source size; 0 outside of its view."""
    mask = np.zeros(size, np.float32)
    mask[view.box] = view.enlarge(sigmoid(logits), cv2.INTER_LINEAR)
    return mask
