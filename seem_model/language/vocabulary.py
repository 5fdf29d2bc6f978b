"""Embeddings of class names, computed when labels are first asked for and kept on disk.

A vocabulary of 134 names is 10854 sentences, minutes of work on a CPU; video with masks only never needs it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from seem_model.decoder.output import unit
from seem_model.errors import ModelInputError
from seem_model.language.encoder import LanguageEncoder
from seem_model.language.templates import TEMPLATES, class_name_of
from seem_model.language.tokenizer import ClipTokenizer

BACKGROUND = "background"


def class_embeddings(language: LanguageEncoder, tokenizer: ClipTokenizer, names: Sequence[str]) -> Tensor:
    """(len(names), 512) unit rows: the direction of the mean over all templates.

    Raises:
        ModelInputError: If a name is empty.
    """
    rows = []
    for name in names:
        spoken = class_name_of(name).strip()
        if not spoken:
            raise ModelInputError(f"class name {name!r} is empty; give every class a name")
        with torch.inference_mode():
            sentences = language(tokenizer([template.format(spoken) for template in TEMPLATES])).sentences
            mean = unit(sentences).mean(0)
            rows.append(mean / mean.norm())
    return torch.stack(rows)


def cached_class_embeddings(
    language: LanguageEncoder,
    tokenizer: ClipTokenizer,
    names: Sequence[str],
    *,
    weights_sha256: str,
    folder: Path,
) -> Tensor:
    """As `class_embeddings` with "background" appended, read from `folder` where it was computed before.

    Args:
        weights_sha256: Hash of the weights file: other weights, other embeddings.
        folder: Where embeddings are kept; made if absent. An unreadable or misfitting file is computed anew.

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
    embeddings = class_embeddings(language, tokenizer, all_names)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    save_file({"embeddings": embeddings.cpu().contiguous()}, temporary)
    os.replace(temporary, path)
    return embeddings
