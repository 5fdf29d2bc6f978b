"""Tiny clips, manifests and hashes for the tests of the fleet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipelines.perf.clips import draw_frames
from vos.cli.main import main

WIDTH, HEIGHT = 96, 64
SHORT_SIDE = 64


@cache
def first_box() -> str:
    """A box around the disc in the first frame of a clip with one object."""
    _, labels = next(iter(draw_frames(WIDTH, HEIGHT, 1, 1)))
    rows, columns = (labels == 1).nonzero()
    return f"{columns.min()},{rows.min()},{columns.max() + 1},{rows.max() + 1}"


def write_manifest(path: Path, videos: Sequence[Path], **columns: Any) -> Path:
    """A JSONL manifest with a row for each video, prompted by a box."""
    rows = [{"video": str(video), "box": first_box(), "short_side": SHORT_SIDE, **columns} for video in videos]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def mask_hashes(run: Path) -> dict[str, str]:
    """Name -> SHA-256 of every mask of a run."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(run.glob("masks/*.png"))}


def batch_hashes(output: Path) -> dict[str, dict[str, str]]:
    """Job -> hashes of its masks."""
    return {run.name: mask_hashes(run) for run in sorted(output.iterdir()) if run.is_dir()}


def leftovers(output: Path) -> list[Path]:
    """Temporary files."""
    return [path for path in output.rglob("*") if path.name.endswith(".part")]


def vos(*arguments: object) -> int:
    """Runs the command in this process and returns its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    code = stopped.value.code
    return code if isinstance(code, int) else 0
