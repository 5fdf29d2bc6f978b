"""Embeddings of class names, computed when labels are first asked for and kept on disk.

A vocabulary of 134 names is 10854 sentences, minutes of work on a CPU; video with masks only never needs it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from seem_model.decoder.output import unit
from seem_model.errors import ModelInputError
from seem_model.language.coco import COCO_PANOPTIC, THINGS
from seem_model.language.encoder import LanguageEncoder
from seem_model.language.templates import TEMPLATES, class_name_of
from seem_model.language.tokenizer import ClipTokenizer

BACKGROUND = "background"


@dataclass(frozen=True)
class Vocabulary:
    """Class names that masks may be labelled with.

    Attributes:
        names: Things first, then stuff.
        num_things: How many of them are things, whose instances are told apart.
    """

    names: tuple[str, ...]
    num_things: int

    def __post_init__(self) -> None:
        if not self.names:
            raise ModelInputError("a vocabulary without class names labels nothing; name at least one class")
        for index, name in enumerate(self.names):
            _spoken(name, index)
            if name in self.names[:index]:
                raise ModelInputError(f"class name {name!r} is given twice")


def _spoken(name: str, index: int) -> str:
    """A class name as sentences say it. Raises ModelInputError if nothing of it is left."""
    spoken = class_name_of(name).strip()
    if not spoken:
        raise ModelInputError(f"class name {index + 1} ({name!r}) is empty; give every class a name")
    return spoken


COCO = Vocabulary(COCO_PANOPTIC, len(THINGS))


def read_vocabulary(text: str) -> Vocabulary:
    """A vocabulary of things from `dog,cat,red car`, or from the lines of a UTF-8 text file.

    Raises:
        ModelInputError: The file cannot be read, or a name is empty or given twice.
    """
    path = Path(text)
    if "," in text or not path.suffix:
        names = text.split(",")
    else:
        try:
            names = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise ModelInputError(f"{path}: class names cannot be read ({error}); give one name per line") from None
    names = [name.strip() for name in names]
    return Vocabulary(tuple(names), len(names))


def class_embeddings(
    language: LanguageEncoder,
    tokenizer: ClipTokenizer,
    names: Sequence[str],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """(len(names), 512) unit rows: the direction of the mean over all templates.

    Args:
        progress: Called after each name with the number done and that of all.

    Raises:
        ModelInputError: If a name is empty.
    """
    rows = []
    for index, name in enumerate(names):
        spoken = _spoken(name, index)
        with torch.inference_mode():
            sentences = language(tokenizer([template.format(spoken) for template in TEMPLATES])).sentences
            mean = unit(sentences).mean(0)
            rows.append(mean / mean.norm())
        progress(len(rows), len(names))
    return torch.stack(rows)


def cached_class_embeddings(
    language: LanguageEncoder,
    tokenizer: ClipTokenizer,
    names: Sequence[str],
    *,
    weights_sha256: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:
    """As `class_embeddings` with "background" appended, read from `folder` where it was computed before.

    Args:
        weights_sha256: Hash of the weights file: other weights, other embeddings.
        folder: Where embeddings are kept; made if absent. An unreadable or misfitting file is computed anew.
        progress: As `class_embeddings`; not called where they were kept.

    Returns:
        (len(names) + 1, 512) unit rows.
    """
    all_names = [*names, BACKGROUND]
    content = json.dumps([weights_sha256, sorted(TEMPLATES), [class_name_of(name) for name in all_names]])
    path = folder / f"classes_{hashlib.sha256(content.encode()).hexdigest()[:24]}.safetensors"
    try:
        stored = load_file(path)["embeddings"]
        if stored.shape == (len(all_names), language.lang_proj.shape[1]):
            return stored.to(language.lang_proj.device)
    except (OSError, SafetensorError, KeyError):
        pass
    embeddings = class_embeddings(language, tokenizer, all_names, progress=progress)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    save_file({"embeddings": embeddings.cpu().contiguous()}, temporary)
    os.replace(temporary, path)
    return embeddings
