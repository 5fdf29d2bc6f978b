"""Edits as a run records them: resolved, so that each can be applied to any one frame by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vos.errors import OutputError, PromptError
from vos.files.index_png import png_name, read_palette_png
from vos.files.json_node import JsonNode, json_errors_as
from vos.prompts import MAX_OBJECT_ID, Box, Polygon
from vos.prompts.script_json import prompt_entry, read_prompt_entry
from vos.runs.journal import JournalEntry, mask_crc
from vos.runs.pass_store import FrameMasks, overlay_objects

_MAX_FRAME = 2**31 - 1
LOCK_JOURNAL = "lock.jsonl"


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a run.

    Attributes:
        kind: As `Edit.kind`.
        objects: swap: both; merge and split: the object that loses pixels, and the one that gets them; others: the
            object, or none for all that there is.
        first, last: The frames, both included.
        region: split: the area, for all frames.
        seeds: split by connected pieces: by frame a pixel (x, y) of the piece.
        name: split: name of the new object.
        store: lock: number of the folder that holds the locked masks.
    """

    kind: str
    objects: tuple[int, ...]
    first: int
    last: int
    region: Box | Polygon | None = None
    seeds: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    name: str | None = None
    store: int | None = None

    def covers(self, index: int) -> bool:
        """Whether it is about a frame."""
        return self.first <= index <= self.last

    def __str__(self) -> str:
        ids = [str(object_id) for object_id in self.objects]
        what = {
            "swap": " and ".join(ids),
            "merge": " into ".join(ids),
            "split": f"{ids[0]}, part is {ids[-1]}" if ids else "",
        }.get(self.kind, ids[0] if ids else "the whole picture")
        name = f" ({self.name})" if self.name else ""
        return f"{self.kind} {what}{name}, frames {self.first} to {self.last}"

    def to_json(self) -> dict[str, Any]:
        """An entry of the member `edits` of run.json."""
        value: dict[str, Any] = {
            "kind": self.kind,
            "objects": list(self.objects),
            "frames": [self.first, self.last],
        }
        if self.region is not None:
            value["region"] = prompt_entry(self.region)
        if self.seeds:
            value["seeds"] = {str(frame): list(seed) for frame, seed in sorted(self.seeds.items())}
        if self.name is not None:
            value["name"] = self.name
        if self.store is not None:
            value["store"] = self.store
        return value


def read_steps(members: Mapping[str, Any], record: Path) -> tuple[Step, ...]:
    """The edits of a run, from its run.json; none in runs that have none.

    Raises:
        OutputError: The entry is damaged; the message names the place.
    """
    if not members.get("edits"):
        return ()
    with json_errors_as(OutputError, remark=" (the record is damaged or was edited)"):
        return tuple(_read_step(node) for node in JsonNode(dict(members), record).get("edits").items())


def _read_step(node: JsonNode) -> Step:
    kind = node.get("kind").text()
    if kind not in _NUMBERS:
        node.get("kind").fail(f"expected one of {', '.join(_NUMBERS)}")
    objects = tuple(item.integer(1, MAX_OBJECT_ID) for item in node.get("objects").items())
    if len(objects) not in _NUMBERS[kind]:
        node.get("objects").fail(f"{len(objects)} objects cannot be those of {kind}")
    frames = [item.integer(0, _MAX_FRAME) for item in node.get("frames").items()]
    if len(frames) != 2:
        node.get("frames").fail("expected the first and the last frame")
    region = None
    if node.has("region"):
        try:
            found = read_prompt_entry(node.get("region"))
        except PromptError as error:
            raise OutputError(str(error)) from error
        if not isinstance(found, Box | Polygon):
            node.get("region").fail("expected a box or a polygon")
        region = found
    seeds = {}
    for frame, seed in node.get("seeds").members() if node.has("seeds") else ():
        if not frame.isdecimal():
            seed.fail("expected a frame")
        x, y = seed.numbers(2)
        seeds[int(frame)] = (int(x), int(y))
    name = node.get("name").text() if node.has("name") else None
    store = node.get("store").integer(1, _MAX_FRAME) if node.has("store") else None
    if (kind == "lock") != (store is not None):
        node.fail("a lock, and nothing else, has a store")
    return Step(kind, objects, frames[0], frames[1], region, seeds, name, store)


# Kind -> numbers of objects that it can be about.
_NUMBERS: dict[str, tuple[int, ...]] = {
    "swap": (2,),
    "merge": (2,),
    "split": (2,),
    "delete": (1,),
    "lock": (0, 1),
    "unlock": (0, 1),
}


def is_locked(steps: Sequence[Step], number: int, index: int) -> bool:
    """Whether the lock that is step `number` still holds on a frame that it covers: no later step takes it off."""
    objects = steps[number].objects
    return not any(
        step.kind == "unlock" and step.objects == objects and step.covers(index) for step in steps[number + 1 :]
    )


def locked_frames(steps: Sequence[Step]) -> frozenset[int]:
    """Frames on which a lock holds."""
    return frozenset(
        index
        for number, step in enumerate(steps)
        if step.kind == "lock"
        for index in range(step.first, step.last + 1)
        if is_locked(steps, number, index)
    )


class EditStore:
    """Applies edits to frames; reads the masks of locks when they are needed.

    Args:
        root: Folder with a folder per lock.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks: dict[int, dict[int, JournalEntry]] = {}

    def folder(self, number: int) -> Path:
        """Where the masks of a lock are."""
        return self._root / f"{number:03d}"

    def apply(self, steps: Sequence[Step], masks: FrameMasks, index: int) -> FrameMasks:
        """The masks of a frame after all steps.

        Raises:
            OutputError: The mask of a lock is missing or was changed.
        """
        for number, step in enumerate(steps):
            if not step.covers(index):
                continue
            if step.kind == "lock":
                if is_locked(steps, number, index):
                    masks = self._locked(step, masks, index)
            elif step.kind in _APPLY:
                masks = _APPLY[step.kind](step, masks, index)
        return masks

    def _locked(self, step: Step, masks: FrameMasks, index: int) -> FrameMasks:
        assert step.store is not None
        folder = self.folder(step.store)
        if step.store not in self._locks:
            self._locks[step.store] = {entry.index: entry for entry in _lock_entries(folder)}
        entry = self._locks[step.store].get(index)
        path = folder / png_name(index)
        labels = read_palette_png(path).astype(np.uint16)
        if entry is None or mask_crc(labels) != entry.crc32:
            raise OutputError(f"{path}: is not the mask that was locked; take the lock off with vos edit --undo")
        kept = FrameMasks(labels, entry.presence)
        if not step.objects:
            return kept
        known = [object_id for object_id in step.objects if object_id in kept.presence]
        return overlay_objects(masks, kept, known)


def _lock_entries(folder: Path) -> list[JournalEntry]:
    """Entries of a lock's journal; its frames do not begin with 0, so `read_journal` of runs does not read it."""
    try:
        return [JournalEntry.from_line(line) for line in (folder / LOCK_JOURNAL).read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder / LOCK_JOURNAL}: not a readable list of locked masks ({error})") from error


def piece_at(mask: np.ndarray, x: int, y: int) -> np.ndarray:
    """(H, W) bool: the 8-connected piece of a mask that has a pixel; all False if the pixel is not in the mask."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    piece: np.ndarray = (labels == labels[y, x]) & mask[y, x]
    return piece


def _swap(step: Step, masks: FrameMasks, index: int) -> FrameMasks:
    first, second = step.objects
    others = {first: second, second: first}
    labels = masks.labels.copy()
    for old, new in others.items():
        labels[masks.labels == old] = new
    presence = {others.get(i, i): score for i, score in masks.presence.items()}
    return FrameMasks(labels, dict(sorted(presence.items())))


def _move(masks: FrameMasks, part: np.ndarray, source: int, target: int) -> FrameMasks:
    """Some pixels of an object become those of another one."""
    if not part.any():
        return masks
    labels = np.where(part, np.uint16(target), masks.labels)
    score = masks.presence.get(source, 1.0)
    presence = {**masks.presence, target: max(score, masks.presence.get(target, 0.0))}
    if not (labels == source).any():
        presence[source] = 0.0
    return FrameMasks(labels, dict(sorted(presence.items())))


def _merge(step: Step, masks: FrameMasks, index: int) -> FrameMasks:
    source, target = step.objects
    return _move(masks, masks.labels == source, source, target)


def _split(step: Step, masks: FrameMasks, index: int) -> FrameMasks:
    source, target = step.objects
    mask = masks.labels == source
    height, width = mask.shape
    if step.region is not None:
        part = mask & step.region.rasterise(width, height)
    elif index in step.seeds:
        x, y = step.seeds[index]
        part = piece_at(mask, min(x, width - 1), min(y, height - 1))
    else:
        return masks
    return _move(masks, part, source, target)


def _delete(step: Step, masks: FrameMasks, index: int) -> FrameMasks:
    (gone,) = step.objects
    if gone not in masks.presence:
        return masks
    return replace(
        masks, labels=np.where(masks.labels == gone, np.uint16(0), masks.labels), presence={**masks.presence, gone: 0.0}
    )


_APPLY: dict[str, Callable[[Step, FrameMasks, int], FrameMasks]] = {
    "swap": _swap,
    "merge": _merge,
    "split": _split,
    "delete": _delete,
}
