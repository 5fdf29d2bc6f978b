"""Where models come from: a table of names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seem_model.video_model import VideoModel
from seem_model.zoo import RELEASES
from vos.errors import UsageError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """`auto` (CUDA, then MPS, then CPU) or the name of a torch device.

    Raises:
        UsageError: The device does not exist here.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {name}: not available on this machine ({reason}); use auto or cpu") from error
    return device


def _load_compact(device: torch.device, weights: Path | None, short_side: int) -> VideoModel:
    from seem_model.compact.video import CompactVideoModel

    return CompactVideoModel.load(device=device, weights=weights, short_side=short_side)


def _load_released(name: str, device: torch.device, weights: Path | None, short_side: int) -> VideoModel:
    from seem_model.released_video import TrackableSeem

    return TrackableSeem.load(name, device=device, weights=weights, short_side=short_side)


MODELS: dict[str, Callable[[torch.device, Path | None, int], VideoModel]] = {
    "compact": _load_compact,
    **{name: partial(_load_released, name) for name in RELEASES},
}


def _loader_of_variant(name: str) -> Callable[[torch.device, Path | None, int], VideoModel] | None:
    """For `seem-focalt-v1:bfloat16` and its like; None for any other name that is not in `MODELS`."""
    model, separator, _ = name.partition(":")
    return partial(_load_released, name) if separator and model in RELEASES else None


Quality = Literal["fast", "balanced", "best"]
# Input sizes of the compact model: three measured points between speed and quality (docs/windows.md).
QUALITIES: dict[Quality, int] = {"fast": 192, "balanced": 256, "best": 320}

# Resolutions at which the models were evaluated: here (docs/lab/compact-model.md), and by SEEM's authors.
_COMPACT_SHORT_SIDE = QUALITIES["balanced"]
_RELEASED_SHORT_SIDE = 512


def load_model(
    name: str = "compact", *, device: str = "auto", weights: Path | None = None, short_side: int | None = None
) -> VideoModel:
    """A model by name, ready to track.

    Args:
        name: One of `MODELS`; for SEEM optionally followed by a variant (`seem_model.variants`).
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`...
        weights: A weights file to use instead of the embedded one.
        short_side: Input resolution: the shorter side of the picture the network sees, in pixels; the model's own
            (256 for the compact model, 512 for SEEM) when left out.

    Raises:
        UsageError: Unknown name, device, or a resolution that is too small.
        CheckpointError: The weights cannot be loaded.
    """
    loader = MODELS.get(name) or _loader_of_variant(name)
    if loader is None:
        raise UsageError(f"--model {name}: unknown model; choose one of {', '.join(MODELS)}")
    if short_side is None:
        short_side = _COMPACT_SHORT_SIDE if name == "compact" else _RELEASED_SHORT_SIDE
    if not 64 <= short_side <= 2048:
        raise UsageError(f"--short-side {short_side}: must be between 64 and 2048")
    return loader(choose_device(device), weights, short_side)
