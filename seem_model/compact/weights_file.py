"""The weights file of the compact model, read without PyTorch, so that every engine takes the same numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load

from seem_model.errors import CheckpointError

WEIGHTS_NAME = "compact.safetensors"


def read_weights(path: Path | None) -> tuple[dict[str, np.ndarray], str]:
    """Arrays of a weights file by name, as float32, and the SHA-256 of the file.

    Args:
        path: The file; the embedded one if None.

    Raises:
        CheckpointError: The file is missing, unreadable, or holds NaN or infinity.
    """
    path = path or Path(str(files("seem_model"))) / "weights" / WEIGHTS_NAME
    if path.exists() and not path.is_file():
        # Reading a pipe waits forever, reading a device may never end.
        raise CheckpointError(f"{path}: not a regular file; give a safetensors file")
    try:
        content = path.read_bytes()
        arrays = load(content)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such weights file") from error
    # safetensors raises KeyError for types that numpy does not have.
    except (OSError, safetensors.SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file: {error}") from error
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(f"{path}: the weights contain NaN or infinity")
    arrays = {name: np.asarray(array, np.float32, order="C") for name, array in arrays.items()}
    return arrays, hashlib.sha256(content).hexdigest()


def check_shapes(path: Path | None, shapes: Mapping[str, Sequence[int]], expected: Mapping[str, Sequence[int]]) -> None:
    """Raises CheckpointError unless a file's weights have the names and shapes that the network has."""
    missing = sorted(expected.keys() - shapes.keys())
    unknown = sorted(shapes.keys() - expected.keys())
    wrong = sorted(k for k in expected.keys() & shapes.keys() if tuple(expected[k]) != tuple(shapes[k]))
    for problem, names in (("misses", missing), ("does not know", unknown), ("has another shape for", wrong)):
        if names:
            raise CheckpointError(
                f"{path or WEIGHTS_NAME}: not weights of this version of the compact model: it {problem} {names[0]}"
                f" and {len(names) - 1} more"
            )
