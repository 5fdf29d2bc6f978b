"""Tracker states on disk: one safetensors file each, small (memory prompts and read-out keys, no frames).

The same state gives the same bytes, and a state that is loaded continues to the same bytes as the one that was saved.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seem_model.compact.decoder import PromptTokens
from seem_model.compact.memory import FrameMemory
from vos.errors import OutputError
from vos.tracking.tracker import TrackerState

_FORMAT = 1
_MEMORY_TENSORS = tuple(field.name for field in fields(FrameMemory) if field.name != "pinned")


def save_state(path: Path, state: TrackerState) -> None:
    """Writes a state under a temporary name and renames it.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for group, frames in (("pinned", state.pinned), ("recent", state.recent)):
        for number, frame in enumerate(frames):
            for name in _MEMORY_TENSORS:
                tensors[f"{group}.{number}.{name}"] = getattr(frame, name)
    if state.reference is not None:
        tensors |= {"reference.tokens": state.reference.tokens, "reference.bias": state.reference.bias}
    for name in ("previous", "remembered"):
        value = getattr(state, name)
        if value is not None:
            tensors[name] = value
    meta = {
        "format": _FORMAT,
        "next_index": state.next_index,
        "size": state.size,
        "object_ids": state.object_ids,
        "pinned": len(state.pinned),
        "recent": len(state.recent),
        "remembered_index": state.remembered_index,
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
            temporary,
            metadata={"state": json.dumps(meta)},
        )
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{path}: the snapshot cannot be written ({error})") from error


def load_state(path: Path, device: torch.device) -> TrackerState:
    """Reads a state that `save_state` wrote.

    Raises:
        OutputError: The file is missing, damaged or of another version.
    """
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            meta: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            if meta["format"] != _FORMAT:
                raise OutputError(f"{path}: a snapshot of format {meta['format']}, this version reads {_FORMAT}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        groups = {
            group: tuple(
                FrameMemory(
                    **{name: tensors[f"{group}.{number}.{name}"] for name in _MEMORY_TENSORS},
                    pinned=group == "pinned",
                )
                for number in range(meta[group])
            )
            for group in ("pinned", "recent")
        }
        reference = None
        if "reference.tokens" in tensors:
            reference = PromptTokens(tensors["reference.tokens"], tensors["reference.bias"])
        return TrackerState(
            next_index=meta["next_index"],
            size=None if meta["size"] is None else tuple(meta["size"]),
            object_ids=tuple(meta["object_ids"]),
            pinned=groups["pinned"],
            recent=groups["recent"],
            reference=reference,
            previous=tensors.get("previous"),
            remembered=tensors.get("remembered"),
            remembered_index=meta["remembered_index"],
        )
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise OutputError(f"{path}: not a readable tracker snapshot ({error})") from error
