"""The released SEEM models: names, files, where they come from, and a folder that remembers their hashes.

A file is identified by its content. Files of the same name were replaced upstream in 2023 with different weights of
the same shapes, so the SHA-256 of a file is recorded when it is first used, and checked at every later use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import torch

from seem_model.checkpoint import file_sha256, load_checkpoint
from seem_model.configs import CONFIGS
from seem_model.errors import CheckpointError, ModelInputError
from seem_model.seem import Seem

SOURCE_URL = "https://huggingface.co/xdecoder/SEEM/resolve/main"
FOLDER_VARIABLE = "SEEM_VOS_WEIGHTS"


@dataclass(frozen=True)
class ZooModel:
    """One released model.

    Attributes:
        name: What `--model` takes.
        file: Name of the released file.
        config: Name of its configuration.
        backbone: For people.
    """

    name: str
    file: str
    config: str
    backbone: str


_RELEASED = (("focalt", "Focal-T"), ("focall", "Focal-L"), ("samvitb", "SAM-ViT-B"), ("samvitl", "SAM-ViT-L"))
_ENTRIES = tuple(
    ZooModel(f"seem-{short}-{version}", f"seem_{short}_{version}.pt", f"{short}_unicl_lang_{version}", long)
    for version in ("v1", "v0")
    for short, long in _RELEASED
    if f"{short}_unicl_lang_{version}" in CONFIGS
)
ZOO: Mapping[str, ZooModel] = MappingProxyType({entry.name: entry for entry in _ENTRIES})


def zoo_model(name: str) -> ZooModel:
    """The released model of that name. Raises `ModelInputError` that lists the names."""
    try:
        return ZOO[name]
    except KeyError:
        raise ModelInputError(f"unknown model {name!r}; released SEEM models: {', '.join(ZOO)}") from None


@dataclass(frozen=True)
class FileRecord:
    """What is known of a weights file since its first use."""

    sha256: str
    size: int


class WeightsFolder:
    """Weights files on this machine, each with a record of its hash beside it.

    Args:
        root: The folder; by default the environment variable SEEM_VOS_WEIGHTS, else the user's cache.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_folder()

    def path(self, entry: ZooModel) -> Path | None:
        """The model's file: the released one, or its conversion to safetensors; None if there is neither."""
        released = self.root / entry.file
        for path in (released.with_suffix(".safetensors"), released):
            if path.is_file():
                return path
        return None

    def record(self, path: Path) -> FileRecord | None:
        """The recorded hash of a file, or None if it has not been used yet."""
        try:
            fields = json.loads(self._record_path(path).read_text("utf-8"))
            return FileRecord(sha256=str(fields["sha256"]), size=int(fields["size"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise CheckpointError(
                f"{self._record_path(path)}: damaged record; delete it if you trust {path.name}"
            ) from None

    def verify(self, path: Path) -> FileRecord:
        """Hashes a file; records the hash the first time and compares it afterwards.

        Raises:
            CheckpointError: If the file is not the one that was recorded.
        """
        found = FileRecord(file_sha256(path), path.stat().st_size)
        known = self.record(path)
        if known is None:
            write_atomically(self._record_path(path), json.dumps(asdict(found), indent=1) + "\n")
        elif known != found:
            raise CheckpointError(
                f"{path}: has changed since its first use (sha256 {found.sha256[:16]}..., recorded "
                f"{known.sha256[:16]}...); pull it again, or delete {self._record_path(path).name} to accept it"
            )
        return found

    @staticmethod
    def _record_path(path: Path) -> Path:
        return path.with_name(f"{path.name}.sha256.json")


def default_folder() -> Path:
    """Where weights are kept unless another folder is named."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "seem-vos" / "weights"


def write_atomically(path: Path, text: str) -> None:
    """Writes a small text file by a temporary name and a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_seem(
    name_or_path: str | Path,
    *,
    behaviour: str = "v1",
    with_text: bool = True,
    device: torch.device | str = "cpu",
    folder: WeightsFolder | None = None,
) -> Seem:
    """A released model by name from the weights folder, or any SEEM checkpoint by path.

    Args:
        name_or_path: A name of `ZOO`, or a `.pt` or `.safetensors` file.
        behaviour: Decoder behaviour of a file that is given by path.
        with_text: False leaves the text encoder (254 MB) out.
        device: Where to put the model.
        folder: Where named models lie.

    Raises:
        CheckpointError: If the weights are not there, damaged, changed since their first use, or of another model.
        ModelInputError: If the name is unknown and no such file exists.
    """
    path = Path(name_or_path)
    if str(name_or_path) not in ZOO and (path.suffix in (".pt", ".pth", ".safetensors") or path.exists()):
        return load_checkpoint(path, behaviour=behaviour, with_text=with_text, device=device)
    entry = zoo_model(str(name_or_path))
    folder = folder or WeightsFolder()
    found = folder.path(entry)
    if found is None:
        raise CheckpointError(
            f"{folder.root / entry.file}: no such weights file; get it with `vos weights pull {entry.name}`, "
            f"or put a copy there"
        )
    folder.verify(found)
    return load_checkpoint(found, config=CONFIGS[entry.config], with_text=with_text, device=device)
