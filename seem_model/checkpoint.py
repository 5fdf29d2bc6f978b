"""Reading SEEM checkpoints: the released `.pt` files and our `.safetensors`, strict, without pickled code.

The released loader keeps whatever keys happen to fit and leaves the rest at random values. Here a file either is
the model that was asked for, or loading fails with a list of what is wrong.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seem_model.configs import CONFIGS, SeemConfig
from seem_model.errors import CheckpointError
from seem_model.seem import Seem

_QUERIES = "sem_seg_head.predictor.query_feat.weight"
_TEXT_PREFIX = "sem_seg_head.predictor.lang_encoder."
_MODEL_PREFIXES = ("backbone.", "sem_seg_head.")
# Buffers that nothing reads; files of other ages of the release may lack them or carry others like them.
_OPTIONAL = frozenset({"dilation_kernel", "criterion.empty_weight"})
# The tensor that tells the architectures apart, with the shape it has in each.
_SIGNATURES: Mapping[tuple[str, tuple[int, ...]], str] = {
    ("backbone.patch_embed.proj.weight", (96, 3, 7, 7)): "focalt",
    ("backbone.patch_embed.proj.weight", (192, 3, 7, 7)): "focall",
    ("backbone.patch_embed.proj.weight", (768, 3, 16, 16)): "samvitb",
    ("backbone.patch_embed.proj.weight", (1024, 3, 16, 16)): "samvitl",
    ("backbone.convs.0.proj.weight", (128, 3, 7, 7)): "davitd3",
    ("backbone.convs.0.proj.weight", (256, 3, 7, 7)): "davitd5",
}


@dataclass(frozen=True)
class FitReport:
    """How a file's tensors compare with what a model takes.

    Attributes:
        missing: Keys that the file lacks.
        unexpected: Keys of the file inside backbone and head that the model does not have.
        misshapen: Keys with another shape: (key, shape in the file, shape in the model).
        not_finite: Keys with a NaN or an infinity.
        ignored: Keys of the file that carry no part of the model, and buffers that the file may lack.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    not_finite: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the file is this model."""
        return not (self.missing or self.unexpected or self.misshapen or self.not_finite)

    def lines(self, limit: int = 5) -> list[str]:
        """One line per kind of problem, with at most `limit` keys each."""
        shapes = tuple(f"{key} is {found}, not {wanted}" for key, found, wanted in self.misshapen)
        problems = (
            ("missing", self.missing),
            ("not part of the model", self.unexpected),
            ("wrong shape", shapes),
            ("NaN or infinity in", self.not_finite),
        )
        return [f"{kind}: {_some(keys, limit)}" for kind, keys in problems if keys]


def _some(items: tuple[str, ...], limit: int) -> str:
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key, on the CPU, without a prefix that training wrappers add.

    Args:
        path: `.safetensors`, or a file of `torch.save` that holds tensors only.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weights file")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except (UnpicklingError, RuntimeError, EOFError, BadZipFile, OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path}: not a readable checkpoint, it may be cut short ({reason})") from None
    # Training states keep the weights under "module", beside optimiser and schedule.
    if isinstance(loaded, dict) and isinstance(loaded.get("module"), dict):
        loaded = loaded["module"]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()) or not loaded:
        raise CheckpointError(f"{path}: not a state dict; a SEEM checkpoint maps names to tensors")
    return {str(key): value for key, value in loaded.items()}


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def architecture_of(state: Mapping[str, Tensor]) -> str | None:
    """Backbone name ("focalt", ...) of a SEEM state dict, or None if it is not one."""
    for (key, shape), name in _SIGNATURES.items():
        if key in state and tuple(state[key].shape) == shape:
            return name
    return None


def fit(state: Mapping[str, Tensor], model: Seem) -> FitReport:
    """Compares a file's tensors with what a model takes; the model may be on the meta device."""
    wanted = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    skip_text = model.decoder.lang_encoder is None
    found = {key: tuple(tensor.shape) for key, tensor in state.items()}
    extra = sorted(found.keys() - wanted.keys())
    left_out = [key for key in extra if skip_text and key.startswith(_TEXT_PREFIX)]
    unexpected = [key for key in extra if key.startswith(_MODEL_PREFIXES) and key not in left_out]
    absent = sorted(wanted.keys() - found.keys())
    shared = sorted(found.keys() & wanted.keys())
    return FitReport(
        missing=tuple(key for key in absent if key not in _OPTIONAL),
        unexpected=tuple(unexpected),
        misshapen=tuple((key, found[key], wanted[key]) for key in shared if found[key] != wanted[key]),
        not_finite=tuple(key for key in shared if not _is_finite(state[key])),
        ignored=tuple(key for key in extra if key not in unexpected) + tuple(key for key in absent if key in _OPTIONAL),
    )


def _is_finite(tensor: Tensor) -> bool:
    """Whether all values are finite; one pass over the memory, because the extremes of a NaN are NaN."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    return bool(torch.isfinite(torch.stack(tensor.aminmax())).all())


def config_for(state: Mapping[str, Tensor], source: object, behaviour: str, expected: SeemConfig | None) -> SeemConfig:
    """The configuration of a state dict; the number of queries comes from the file.

    Args:
        state: The tensors.
        source: Named in errors.
        behaviour: Decoder behaviour where the file alone has to tell; files do not record it.
        expected: The configuration that the file should have, if known.

    Raises:
        CheckpointError: If the file is not SEEM, or of another architecture than expected.
    """
    architecture = architecture_of(state)
    if architecture is None or _QUERIES not in state:
        raise CheckpointError(f"{source}: not a SEEM checkpoint (no known backbone, or no object queries)")
    name = f"{architecture}_unicl_lang_{behaviour}"
    if expected is not None:
        wanted = expected.name.partition("_")[0]
        if wanted != architecture:
            raise CheckpointError(f"{source}: holds a {architecture} model, but {wanted} was asked for")
        name = expected.name
    if name not in CONFIGS:
        raise CheckpointError(f"{source}: there is no {behaviour} behaviour for {architecture}")
    return replace(CONFIGS[name], num_queries=state[_QUERIES].shape[0])


def load_checkpoint(
    path: Path,
    *,
    config: SeemConfig | None = None,
    behaviour: str = "v1",
    with_text: bool = True,
    device: torch.device | str = "cpu",
) -> Seem:
    """A model in eval mode with the weights of a file.

    Args:
        path: `.pt` of the release, or `.safetensors` of `vos weights convert`.
        config: The configuration that the file must have; None reads the architecture from the file.
        behaviour: Decoder behaviour ("demo", "v0", "v1") when `config` is None.
        with_text: False leaves the text encoder out.
        device: Where to put the model.

    Raises:
        CheckpointError: If the file cannot be read or is not exactly this model.
    """
    state = read_state(path)
    config = config_for(state, path, behaviour, config)
    with torch.device("meta"):
        model = Seem(config, with_text=with_text)
    report = fit(state, model)
    if not report.fits:
        raise CheckpointError(f"{path}: does not fit {config.name}; " + "; ".join(report.lines()))
    own = model.state_dict()
    # Buffers that the file may lack keep the value that they are built with.
    tensors = {key: state[key].float() if key in state else torch.ones(own[key].shape) for key in own}
    model.load_state_dict(tensors, assign=True)
    return model.eval().requires_grad_(False).to(device)


def convert(source: Path, target: Path, *, overwrite: bool = False) -> FitReport:
    """Writes a checkpoint as safetensors, after checking that it is a whole SEEM model.

    Raises:
        CheckpointError: If the source is not a SEEM checkpoint, or the target exists and is not to be replaced.
    """
    if target.exists() and not overwrite:
        raise CheckpointError(f"{target}: exists already; choose another name or allow overwriting")
    state = read_state(source)
    config = config_for(state, source, "v1", None)
    with torch.device("meta"):
        model = Seem(config)
    report = fit(state, model)
    if not report.fits:
        raise CheckpointError(f"{source}: does not fit {config.name}; " + "; ".join(report.lines()))
    kept = {key: tensor.clone().contiguous() for key, tensor in state.items() if key not in report.ignored}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        save_file(kept, partial, metadata={"format": "pt", "source_sha256": file_sha256(source)})
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return report
