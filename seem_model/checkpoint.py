"""Reading weights files: the release's `.pt` and our safetensors, with a strict report of what does not fit.

The released loader keeps what fits and leaves the rest random; here a file fits a model or is refused. What cannot
change a result is tolerated: absent constants, tensors that belong to no part of the model.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from seem_model.configs import CONFIGS, SeemConfig
from seem_model.errors import CheckpointError
from seem_model.seem import Seem

QUERY_KEY = "sem_seg_head.predictor.query_feat.weight"
LANGUAGE_PREFIX = "sem_seg_head.predictor.lang_encoder."
_MODEL_PREFIXES = ("backbone.", "sem_seg_head.")
# Parts of a model by the start of their keys; the first that matches counts.
_PARTS = {
    "text encoder": LANGUAGE_PREFIX,
    "decoder": "sem_seg_head.predictor.",
    "pixel decoder": "sem_seg_head.pixel_decoder.",
    "backbone": "backbone.",
}
# Constants of training and evaluation; nothing here reads them.
_OPTIONAL_KEYS = frozenset({"dilation_kernel", "criterion.empty_weight"})
_WRAPPER_PREFIXES = ("module.", "model.")
_SHOWN = 3


@dataclass(frozen=True)
class FitReport:
    """How the tensors of a file fit a model.

    Attributes:
        missing: Keys of the model that the file lacks.
        unexpected: Keys of the file that the model lacks, inside the parts that the model has.
        misshaped: Keys with their shapes in file and model.
        ignored: Keys of the file that belong to no part of the model, and absent constants: tolerated.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshaped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped)

    def __str__(self) -> str:
        """One line that names the first few keys of each problem."""
        shapes = tuple(f"{key} {list(found)} instead of {list(wanted)}" for key, found, wanted in self.misshaped)
        parts = []
        for problem, keys in (("missing", self.missing), ("unexpected", self.unexpected), ("misshaped", shapes)):
            if keys:
                rest = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
                parts.append(f"{len(keys)} {problem} ({', '.join(keys[:_SHOWN])}{rest})")
        return "; ".join(parts) or "fits"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.pt`, `.pth`, `.bin` or `.safetensors` file, on the CPU. Nothing in the file is executed.

    Training states, which hold the model under "module" or "model", and prefixes of wrapped models are unpacked.

    Raises:
        CheckpointError: If the file cannot be read or is not a flat mapping of names to tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path}: not a readable weights file, perhaps cut short ({reason[:160]}); download it again"
        ) from None
    if isinstance(content, Mapping):
        inner = next((content[key] for key in ("module", "model") if isinstance(content.get(key), Mapping)), content)
        if inner and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in inner.items()):
            return _without_wrappers(dict(inner))
    raise CheckpointError(f"{path}: not a SEEM checkpoint, it should map parameter names to tensors")


def _without_wrappers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPER_PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def fit_report(tensors: Mapping[str, Tensor], model: Seem) -> FitReport:
    """How the tensors fit the model. Text tensors are not looked at if the model was built without text."""
    wanted = model.state_dict()
    has_text = any(key.startswith(LANGUAGE_PREFIX) for key in wanted)
    given = {k: v for k, v in tensors.items() if has_text or not k.startswith(LANGUAGE_PREFIX)}
    missing = sorted(wanted.keys() - given.keys())
    extra = sorted(given.keys() - wanted.keys())
    return FitReport(
        missing=tuple(key for key in missing if key not in _OPTIONAL_KEYS),
        unexpected=tuple(key for key in extra if key.startswith(_MODEL_PREFIXES)),
        misshaped=tuple(
            (key, tuple(given[key].shape), tuple(wanted[key].shape))
            for key in sorted(wanted.keys() & given.keys())
            if given[key].shape != wanted[key].shape
        ),
        ignored=tuple(
            [key for key in missing if key in _OPTIONAL_KEYS]
            + [key for key in extra if not key.startswith(_MODEL_PREFIXES)]
        ),
    )


def load_checkpoint(path: Path, config: SeemConfig, *, with_text: bool = False) -> Seem:
    """A model in eval mode on the CPU, with the weights of a file.

    Args:
        path: Of the file.
        config: What the file is for; the number of queries is read from the file.
        with_text: Whether to load the text encoder.

    Raises:
        CheckpointError: If the file cannot be read, does not fit, or holds NaN or infinity.
    """
    tensors = read_tensors(path)
    if QUERY_KEY in tensors and tensors[QUERY_KEY].ndim == 2:
        config = replace(config, num_queries=tensors[QUERY_KEY].shape[0])
    with torch.device("meta"):
        model = Seem(config, with_text=with_text)
    report = fit_report(tensors, model)
    if not report.fits:
        fitting = [name for name in CONFIGS if name != config.name and _fits(tensors, CONFIGS[name])]
        advice = f"; it fits {', '.join(fitting)}" if fitting else ""
        raise CheckpointError(f"{path}: does not fit {config.name}: {report}{advice}")
    state = {
        key: tensors[key] if key in tensors else torch.ones(value.shape) for key, value in model.state_dict().items()
    }
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {key} holds NaN or infinity; the file is damaged")
    model.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    return model.eval().requires_grad_(False)


def _fits(tensors: Mapping[str, Tensor], config: SeemConfig) -> bool:
    if QUERY_KEY in tensors and tensors[QUERY_KEY].ndim == 2:
        config = replace(config, num_queries=tensors[QUERY_KEY].shape[0])
    with torch.device("meta"):
        return fit_report(tensors, Seem(config)).fits


def matching_configs(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the configurations that the tensors fit; behaviours of one backbone cannot be told apart."""
    return tuple(name for name, config in CONFIGS.items() if _fits(tensors, config))


@dataclass(frozen=True)
class CheckpointInfo:
    """What a weights file holds.

    Attributes:
        fits: Names of the configurations that its tensors fit.
        num_queries: Learned object queries; None if it has no such table.
        parameters: Number of values by part of the model.
        tensors: How many there are.
        dtypes: Their types, ascending.
        sha256: Of the file.
    """

    fits: tuple[str, ...]
    num_queries: int | None
    parameters: dict[str, int]
    tensors: int
    dtypes: tuple[str, ...]
    sha256: str


def describe_checkpoint(path: Path) -> CheckpointInfo:
    """Reads a weights file and says what it is.

    Raises:
        CheckpointError: If the file cannot be read.
    """
    tensors = read_tensors(path)
    parameters = dict.fromkeys((*_PARTS, "other"), 0)
    for key, value in tensors.items():
        part = next((name for name, prefix in _PARTS.items() if key.startswith(prefix)), "other")
        parameters[part] += value.numel()
    queries = tensors.get(QUERY_KEY)
    return CheckpointInfo(
        fits=matching_configs(tensors),
        num_queries=None if queries is None else queries.shape[0],
        parameters={part: count for part, count in parameters.items() if count},
        tensors=len(tensors),
        dtypes=tuple(sorted({str(value.dtype).removeprefix("torch.") for value in tensors.values()})),
        sha256=file_sha256(path),
    )


def file_sha256(path: Path) -> str:
    """Hash of a file's content, as 64 hexadecimal digits. Raises CheckpointError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None


def convert_to_safetensors(source: Path, target: Path, *, overwrite: bool = False) -> int:
    """Writes the tensors of a weights file as safetensors, under a temporary name until complete.

    Returns:
        The number of tensors.

    Raises:
        CheckpointError: If the source cannot be read or fits no configuration, or the target exists.
    """
    if target.exists() and not overwrite:
        raise CheckpointError(f"{target}: exists already; say --overwrite to replace it")
    tensors = read_tensors(source)
    if not matching_configs(tensors):
        raise CheckpointError(f"{source}: fits none of the known configurations: {', '.join(CONFIGS)}")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        save_file({key: value.contiguous() for key, value in tensors.items()}, temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise CheckpointError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
    return len(tensors)
