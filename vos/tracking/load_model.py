"""Where models come from: a table of names."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seem_model.video_model import VideoModel
from seem_model.zoo import RELEASES
from vos.errors import UsageError
from vos.resources.threads import default_threads

if TYPE_CHECKING:
    import torch

ChosenEngine = Literal["torch", "onnxruntime"]
EngineName = Literal["auto", "torch", "onnxruntime"]
ENGINES: tuple[EngineName, ...] = ("auto", "torch", "onnxruntime")


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


@dataclass(frozen=True, slots=True)
class _Place:
    """What computes a model, and where; a device as `choose_device` takes it."""

    engine: ChosenEngine
    device: str
    threads: int | None


def choose_engine(name: str, device: str, engine: EngineName) -> ChosenEngine:
    """What computes a model: for `auto` ONNX Runtime if it is installed, knows the model and there is only a CPU.

    Raises:
        UsageError: The engine cannot compute this model or use this device.
    """
    able = name == "compact" and device in ("auto", "cpu")
    if engine == "onnxruntime":
        if name != "compact":
            raise UsageError(f"--engine onnxruntime: only the compact model runs on it, not {name}; use --engine torch")
        if not able:
            raise UsageError(f"--engine onnxruntime: computes on the CPU, not on {device}; use --engine torch")
        return "onnxruntime"
    if engine == "torch" or not able or importlib.util.find_spec("onnxruntime") is None:
        return "torch"
    # PyTorch takes a second to import: it is asked for an accelerator only where there may be one.
    if device == "auto" and _may_have_accelerator() and choose_device("auto").type != "cpu":
        return "torch"
    return "onnxruntime"


def _may_have_accelerator() -> bool:
    """False where the system certainly has no device that PyTorch could use beside the CPU."""
    if sys.platform.startswith("linux"):
        return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg"))
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return True


def _load_compact(place: _Place, weights: Path | None, short_side: int) -> VideoModel:
    if place.engine == "onnxruntime":
        from seem_model.compact_onnx.model import OnnxVideoModel

        threads = place.threads or default_threads()
        return OnnxVideoModel.load(weights=weights, short_side=short_side, threads=threads)
    from seem_model.compact.video import CompactVideoModel

    return CompactVideoModel.load(device=choose_device(place.device), weights=weights, short_side=short_side)


def _load_released(name: str, place: _Place, weights: Path | None, short_side: int) -> VideoModel:
    from seem_model.released_video import TrackableSeem

    return TrackableSeem.load(name, device=choose_device(place.device), weights=weights, short_side=short_side)


_Loader = Callable[[_Place, Path | None, int], VideoModel]

MODELS: dict[str, _Loader] = {
    "compact": _load_compact,
    **{name: partial(_load_released, name) for name in RELEASES},
}


def _loader_of_variant(name: str) -> _Loader | None:
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
    name: str = "compact",
    *,
    device: str = "auto",
    weights: Path | None = None,
    short_side: int | None = None,
    engine: EngineName = "auto",
    threads: int | None = None,
) -> VideoModel:
    """A model by name, ready to track.

    Args:
        name: One of `MODELS`; for SEEM optionally followed by a variant (`seem_model.variants`).
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`...
        weights: A weights file to use instead of the embedded one.
        short_side: Input resolution: the shorter side of the picture the network sees, in pixels; the model's own
            (256 for the compact model, 512 for SEEM) when left out.
        engine: `torch`, `onnxruntime` (the compact model on a CPU), or `auto`: `onnxruntime` where it can be used.
        threads: CPU threads of the model. Left out: PyTorch's stay as they are, ONNX Runtime uses up to four. PyTorch
            has one number for the whole process, which this sets.

    Raises:
        UsageError: Unknown name, device or engine, or a resolution that is too small.
        CheckpointError: The weights cannot be loaded.
        MissingExtraError: The engine is not installed.
    """
    loader = MODELS.get(name) or _loader_of_variant(name)
    if loader is None:
        raise UsageError(f"--model {name}: unknown model; choose one of {', '.join(MODELS)}")
    if engine not in ENGINES:
        raise UsageError(f"--engine {engine}: unknown engine; choose one of {', '.join(ENGINES)}")
    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: must be at least 1")
    if short_side is None:
        short_side = _COMPACT_SHORT_SIDE if name == "compact" else _RELEASED_SHORT_SIDE
    if not 64 <= short_side <= 2048:
        raise UsageError(f"--short-side {short_side}: must be between 64 and 2048")
    place = _Place(choose_engine(name, device, engine), device, threads)
    if place.engine == "torch" and threads is not None:
        import torch

        torch.set_num_threads(threads)
    return loader(place, weights, short_side)
