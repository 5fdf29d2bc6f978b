"""Edits of the finished masks from the page (`vos.runs.edit_run`), as JSON."""

from __future__ import annotations

from collections.abc import Callable

from vos.files.json_node import JsonNode
from vos.prompts import MAX_OBJECT_ID, Box, Points
from vos.runs.edits import Delete, Edit, Lock, Merge, Region, Split, Swap, Unlock

_MAX_FRAME = 2**31 - 1


def edit_of(node: JsonNode, size: tuple[int, int]) -> Edit:
    """The edit that the page asks for.

    Args:
        node: `kind`, `objects` (none for the whole picture), `frames` [first, last]; for a split `point` [x, y] with
            its `frame`, or `box`, in pixels of the source.
        size: (width, height) of the source.

    Raises:
        JsonError: It is malformed.
    """
    kind = node.get("kind").text()
    make = _KINDS.get(kind)
    if make is None:
        node.get("kind").fail(f"{kind!r} is not one of {', '.join(_KINDS)}")
    objects = [item.integer(1, MAX_OBJECT_ID) for item in node.get("objects").items()]
    frames = [item.integer(0, _MAX_FRAME) for item in node.get("frames").items()]
    if len(frames) != 2:
        node.get("frames").fail("expected the first and the last frame")
    wanted = {"swap": (2,), "merge": (2,), "lock": (0, 1), "unlock": (0, 1)}.get(kind, (1,))
    if len(objects) not in wanted:
        node.get("objects").fail(f"expected {' or '.join(map(str, wanted))} objects for {kind}")
    return make(objects, (frames[0], frames[1]), lambda: _region(node, size))


def _region(node: JsonNode, size: tuple[int, int]) -> Region:
    if node.has("box"):
        x0, y0, x1, y1 = node.get("box").numbers(4)
        return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), size=size)
    return Points([node.get("point").numbers(2)], frame=node.get("frame").integer(0, _MAX_FRAME), size=size)


_KINDS: dict[str, Callable[[list[int], tuple[int, int], Callable[[], Region]], Edit]] = {
    "swap": lambda ids, frames, region: Swap(ids[0], ids[1], frames=frames),
    "merge": lambda ids, frames, region: Merge(ids[0], ids[1], frames=frames),
    "split": lambda ids, frames, region: Split(ids[0], region(), frames=frames),
    "delete": lambda ids, frames, region: Delete(ids[0], frames=frames),
    "lock": lambda ids, frames, region: Lock(ids[0] if ids else None, frames=frames),
    "unlock": lambda ids, frames, region: Unlock(ids[0] if ids else None, frames=frames),
}
