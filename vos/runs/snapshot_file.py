"""Tracker states on disk: one safetensors file each, small (memory prompts and read-out keys, no frames).

The same state gives the same bytes, and a state that is loaded continues to the same bytes as the one that was saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seem_model.video_model import VideoModel
from vos.errors import OutputError
from vos.files.atomic import write_bytes
from vos.tracking.memory_bank import MemoryEntry
from vos.tracking.target import SeenMask, Target, TrackerState
from vos.tracking.view import View
from vos.tracking.windows import Window

_FORMAT = 3


def save_state(path: Path, state: TrackerState) -> None:
    """Writes a state under a temporary name and renames it.

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
    write_bytes(path, save(contiguous, metadata={"state": json.dumps(meta)}))


def load_state(path: Path, model: VideoModel) -> TrackerState:
    """Reads a state that `save_state` wrote, for the model that it was written with.

    Raises:
        OutputError: The file is missing, damaged or of another version.
    """
    try:
        with safe_open(path, framework="np") as file:
            meta: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            if meta["format"] != _FORMAT:
                raise OutputError(f"{path}: a snapshot of format {meta['format']}, this version reads {_FORMAT}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        entries = tuple(
            MemoryEntry(
                model.memory_from_arrays(_below(f"entries.{number}", arrays), pinned=bool(entry["pinned"])),
                tuple(entry["objects"]),
                tuple((float(x), float(y)) for x, y in entry["places"]),
                int(entry["index"]),
                bool(entry["whole"]),
            )
            for number, entry in enumerate(meta["entries"])
        )
        return TrackerState(
            next_index=meta["next_index"],
            size=None if meta["size"] is None else (meta["size"][0], meta["size"][1]),
            targets=tuple(_target(fields, arrays, model) for fields in meta["targets"]),
            entries=entries,
            together=tuple(tuple(team) for team in meta["together"]),
            signature=arrays.get("signature"),
        )
    except (OSError, SafetensorError, KeyError, IndexError, ValueError, TypeError) as error:
        raise OutputError(f"{path}: not a readable tracker snapshot ({error})") from error


def _target(fields: Mapping[str, Any], arrays: Mapping[str, np.ndarray], model: VideoModel) -> Target:
    prefix = f"targets.{fields['object']}"
    return Target(
        object_id=fields["object"],
        reference=model.reference_from_arrays(_below(f"{prefix}.reference", arrays)),
        window=Window(**fields["window"]),
        ahead=Window(**fields["ahead"]),
        last=SeenMask(View(**fields["last"]), arrays[f"{prefix}.last"]),
        remembered=SeenMask(View(**fields["remembered"]), arrays[f"{prefix}.remembered"]),
        remembered_index=fields["remembered_index"],
        missing=fields["missing"],
        area=fields["area"],
        last_seen=Window(**fields["last_seen"]),
    )


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays whose names start with the prefix, without it."""
    start = f"{prefix}."
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
