"""Where weights are stored on this machine, and the record of their hashes.

The folder is `$SEEM_VOS_HOME/weights`, by default `~/.cache/seem-vos/weights`. The first time a file is used its
sha256 is written beside it; ever after the file must have that hash.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from seem_model.checkpoint import file_sha256, load_checkpoint, matching_configs, read_tensors
from seem_model.configs import SeemConfig, config_named
from seem_model.errors import CheckpointError
from seem_model.seem import Seem
from seem_model.zoo import RELEASES, Release, release_named


def home() -> Path:
    """The folder for everything that is fetched or computed once."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seem-vos"
    return Path(os.environ.get("SEEM_VOS_HOME") or default)


def weights_folder() -> Path:
    return home() / "weights"


def embeddings_folder() -> Path:
    """Class embeddings; see `language.vocabulary`."""
    return home() / "classes"


def stored_file(release: Release, folder: Path | None = None) -> Path | None:
    """The weights file of a release on this machine: converted, or as published. None if there is none."""
    if release.file is None:
        return None
    published = (folder or weights_folder()) / release.file
    return next((path for path in (published.with_suffix(".safetensors"), published) if path.is_file()), None)


def recorded_sha256(path: Path) -> str | None:
    """The hash that was recorded for a file, or None."""
    try:
        return _record(path).read_text().split()[0]
    except (OSError, IndexError):
        return None


def verify(path: Path) -> str:
    """The file's sha256, which is recorded if none is, and must equal the recorded one otherwise.

    Raises:
        CheckpointError: If the file cannot be read, or is not the one that was recorded.
    """
    found = file_sha256(path)
    recorded = recorded_sha256(path)
    if recorded is None:
        try:
            _record(path).write_text(f"{found}  {path.name}\n")
        except OSError as error:
            raise CheckpointError(f"{_record(path)}: cannot be written ({error.strerror})") from None
    elif recorded != found:
        raise CheckpointError(
            f"{path}: sha256 {found[:12]}... is not the recorded {recorded[:12]}...; the file has changed. "
            f"Pull it again, or delete {_record(path).name} if you changed it yourself"
        )
    return found


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


@dataclass(frozen=True)
class LoadedSeem:
    """A model with what identifies it: its name and the hash of its weights file."""

    name: str
    model: Seem
    weights_sha256: str


def load_seem(name_or_path: str | Path, *, weights: Path | None = None, with_text: bool = False) -> LoadedSeem:
    """A SEEM model, ready for inference on the CPU. Never downloads.

    Args:
        name_or_path: Name of a release ("seem-focalt-v1"), or a weights file of any configuration.
        weights: For a release: another file than the one in the weights folder.
        with_text: Whether to load the text encoder, for text prompts and labels.

    Raises:
        ModelInputError: If there is no model of that name.
        CheckpointError: If its file is absent, changed, unreadable or does not fit.
    """
    path = Path(name_or_path)
    if str(name_or_path) not in RELEASES and (path.suffix or path.exists()):
        config = _config_of_file(path)
        return LoadedSeem(config.name, load_checkpoint(path, config, with_text=with_text), file_sha256(path))
    release = release_named(str(name_or_path))
    if weights is not None:
        model = load_checkpoint(weights, release.config, with_text=with_text)
        return LoadedSeem(release.name, model, file_sha256(weights))
    stored = stored_file(release)
    if stored is None:
        fetch = f"fetch it with `vos weights pull {release.name}`, or " if release.file else ""
        raise CheckpointError(
            f"{release.name}: no checkpoint in {weights_folder()}; {fetch}name a file of yours with --weights"
        )
    digest = verify(stored)
    return LoadedSeem(release.name, load_checkpoint(stored, release.config, with_text=with_text), digest)


def _config_of_file(path: Path) -> SeemConfig:
    """The configuration that a file fits; among behaviours the one in its name, else v1."""
    fitting = matching_configs(read_tensors(path))
    if not fitting:
        raise CheckpointError(f"{path}: fits none of the known SEEM configurations")
    for behaviour in (*(b for b in ("v0", "v1", "demo") if b in path.stem), "v1", "v0", "demo"):
        for name in fitting:
            if name.endswith(f"_{behaviour}"):
                return config_named(name)
    return config_named(fitting[0])
