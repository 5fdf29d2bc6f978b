"""Tracker states on disk: one safetensors file each, small (memory prompts and read-out keys, no frames).

The same state gives the same bytes, and a state that is loaded continues to the same bytes as the one that was saved.
So that a changed one is not used, its SHA-256 is part of its name: `00000100.<64 hexadecimal digits>.safetensors` is
the state after 100 frames. The file may come from somebody else all the same, and is checked like any other input.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from seem_model.array_checks import check_arrays
from seem_model.video_model import VideoModel
from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.files.gate import read_own_file
from vos.files.json_node import JsonNode, json_errors_as, parse_json
from vos.prompts import MAX_OBJECT_ID
from vos.runs.record_schema import MAX_WHOLE
from vos.tracking.cuts import SIGNATURE_BINS
from vos.tracking.memory_bank import MemoryEntry
from vos.tracking.target import SeenMask, Target, TrackerState
from vos.tracking.view import View
from vos.tracking.windows import Window

_FORMAT = 3
SUFFIX = ".safetensors"
NAME = re.compile(r"(?P<frames>\d{8,10})\.(?P<sha256>[0-9a-f]{64})\.safetensors")
# A hundred objects with all that is remembered of them, at the highest resolution, have less.
_MAX_BYTES = 2 << 30
_MAX_HEADER = 64 << 20
_MAX_SIDE = 65535


def save_state(folder: Path, state: TrackerState) -> Path:
    """Writes a state under a temporary name and renames it. Returns the file.

    Raises:
        OutputError: The file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for number, entry in enumerate(state.entries):
        arrays |= {f"entries.{number}.{name}": array for name, array in entry.memory.to_arrays().items()}
    for target in state.targets:
        prefix = f"targets.{target.object_id}"
        arrays |= {f"{prefix}.reference.{name}": array for name, array in target.reference.to_arrays().items()}
        arrays |= {f"{prefix}.last": target.last.mask, f"{prefix}.remembered": target.remembered.mask}
    if state.signature is not None:
        arrays["signature"] = state.signature
    meta = {
        "format": _FORMAT,
        "next_index": state.next_index,
        "size": state.size,
        "together": state.together,
        "entries": [
            {
                "objects": entry.object_ids,
                "places": entry.places,
                "index": entry.index,
                "pinned": entry.memory.pinned,
                "whole": entry.whole,
            }
            for entry in state.entries
        ],
        "targets": [
            {
                "object": target.object_id,
                "window": asdict(target.window),
                "ahead": asdict(target.ahead),
                "last": asdict(target.last.view),
                "remembered": asdict(target.remembered.view),
                "remembered_index": target.remembered_index,
                "missing": target.missing,
                "area": target.area,
                "last_seen": asdict(target.last_seen),
            }
            for target in state.targets
        ],
    }
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # Not `save_file`: it writes to a temporary name of its own choice, which a kill leaves behind.
    data = save(contiguous, metadata={"state": json.dumps(meta)})
    path = folder / f"{state.next_index:08d}.{hashlib.sha256(data).hexdigest()}{SUFFIX}"
    write_bytes(path, data)
    return path


def load_state(path: Path, model: VideoModel) -> TrackerState:
    """Reads a state that `save_state` wrote, for the model that it was written with.

    Raises:
        OutputError: The file is missing, not the one that was written under this name, or of another version.
    """
    try:
        data = read_own_file(path, OutputError, most=_MAX_BYTES)
    except FileNotFoundError:
        raise OutputError(f"{path}: no such file") from None
    name = NAME.fullmatch(path.name)
    if name is None or hashlib.sha256(data).hexdigest() != name["sha256"]:
        raise OutputError(f"{path}: not the snapshot that was written: its SHA-256 is not the one in its name")
    try:
        with json_errors_as(OutputError):
            root = JsonNode(parse_json(_metadata(data), path), path)
            if root.get("format").value != _FORMAT:
                raise OutputError(
                    f"{path}: a snapshot of format {root.get('format').value}, this version reads {_FORMAT}"
                )
            return _Reader(root, load(data), model).state(int(name["frames"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise OutputError(f"{path}: not a readable tracker snapshot ({error})") from error


def _metadata(data: bytes) -> bytes:
    """The text that `save_state` puts into the header, of a file that the library has not accepted yet."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= _MAX_HEADER or length + 8 > len(data):
        raise ValueError("its header has no sensible size")
    header = parse_json(data[8 : 8 + length], "header")
    text = header["__metadata__"]["state"] if isinstance(header, dict) else None
    if not isinstance(text, str):
        raise ValueError("it has no state")
    return text.encode()


class _Reader:
    """From the header and the arrays of a snapshot to a state; every value is checked before it is used."""

    def __init__(self, root: JsonNode, arrays: Mapping[str, np.ndarray], model: VideoModel) -> None:
        self._root = root
        self._arrays = arrays
        self._model = model
        self._size = self._read_size()
        self._inputs = set() if self._size is None else set(model.input_sizes(*self._size))

    def state(self, frames: int) -> TrackerState:
        root = self._root
        next_index = root.get("next_index").integer(frames, frames)
        targets = tuple(self._target(node, next_index) for node in root.get("targets").items())
        ids = tuple(target.object_id for target in targets)
        if ids != tuple(sorted(set(ids))):
            root.get("targets").fail("expected each object once, by ascending id")
        if (targets or root.get("entries").value) and self._size is None:
            root.get("size").fail("is missing")
        return TrackerState(
            next_index=next_index,
            size=self._size,
            targets=targets,
            entries=tuple(self._entry(n, node, ids) for n, node in enumerate(root.get("entries").items())),
            together=tuple(self._ids(team, ids) for team in root.get("together").items()),
            signature=self._signature(),
        )

    def _read_size(self) -> tuple[int, int] | None:
        if not self._root.has("size"):
            return None
        height, width = (node.integer(1, _MAX_SIDE) for node in self._root.get("size").items())
        return height, width

    def _signature(self) -> np.ndarray | None:
        if "signature" not in self._arrays:
            return None
        check_arrays({"signature": self._arrays["signature"]}, {"signature": (np.float32, (SIGNATURE_BINS,))})
        return self._arrays["signature"]

    def _entry(self, number: int, node: JsonNode, known: Sequence[int]) -> MemoryEntry:
        pinned, whole = _boolean(node.get("pinned")), _boolean(node.get("whole"))
        ids = self._ids(node.get("objects"), known)
        places = tuple((x.number(), y.number()) for x, y in (place.items() for place in node.get("places").items()))
        arrays = _below(f"entries.{number}", self._arrays)
        memory = self._model.memory_from_arrays(arrays, objects=len(ids), pinned=pinned)
        if len(places) != len(ids):
            node.get("places").fail(f"has {len(places)} entries, for {len(ids)} objects")
        return MemoryEntry(memory, ids, places, node.get("index").integer(0, MAX_WHOLE), whole)

    def _ids(self, node: JsonNode, known: Sequence[int]) -> tuple[int, ...]:
        ids = tuple(item.integer(1, MAX_OBJECT_ID) for item in node.items())
        if not set(ids) <= set(known) or len(set(ids)) != len(ids):
            node.fail(f"has other objects than {', '.join(map(str, known)) or 'none'}")
        return ids

    def _target(self, node: JsonNode, next_index: int) -> Target:
        object_id = node.get("object").integer(1, MAX_OBJECT_ID)
        prefix = f"targets.{object_id}"
        return Target(
            object_id=object_id,
            reference=self._model.reference_from_arrays(_below(f"{prefix}.reference", self._arrays), objects=1),
            window=self._window(node.get("window")),
            ahead=self._window(node.get("ahead")),
            last=self._seen(node.get("last"), f"{prefix}.last"),
            remembered=self._seen(node.get("remembered"), f"{prefix}.remembered"),
            remembered_index=node.get("remembered_index").integer(0, next_index),
            missing=node.get("missing").integer(0, next_index),
            area=node.get("area").number(),
            last_seen=self._window(node.get("last_seen")),
        )

    def _window(self, node: JsonNode) -> Window:
        rows, columns = node.get("rows").integer(1, _MAX_SIDE), node.get("columns").integer(1, _MAX_SIDE)
        zoom = node.get("zoom").number()
        if (rows, columns) not in self._inputs:
            node.fail(f"is {rows} times {columns}, which is no input of the network")
        if not 0 < zoom <= _MAX_SIDE:
            node.get("zoom").fail("expected source pixels per input pixel")
        return Window(node.get("x").number(), node.get("y").number(), zoom, rows, columns)

    def _seen(self, node: JsonNode, name: str) -> SeenMask:
        height, width = self._size or (0, 0)
        fields = {key: node.get(key).integer(0, _MAX_SIDE) for key in ("x", "y")}
        fields |= {key: node.get(key).integer(1, _MAX_SIDE) for key in ("width", "height", "columns", "rows")}
        if fields["x"] + fields["width"] > width or fields["y"] + fields["height"] > height:
            node.fail(f"reaches out of a picture of {width}x{height}")
        check_arrays({name: self._arrays[name]}, {name: (np.float32, (None, None))})
        mask = self._arrays[name]
        if not 0 < mask.size <= _MAX_SIDE**2 // 16 or max(mask.shape) > _MAX_SIDE:
            raise ValueError(f"{name} has {mask.shape[0]} times {mask.shape[1]} cells")
        return SeenMask(View(**fields), mask)


def _boolean(node: JsonNode) -> bool:
    if not isinstance(node.value, bool):
        node.fail("expected true or false")
    value: bool = node.value
    return value


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays whose names start with the prefix, without it."""
    start = f"{prefix}."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
