"""A checksum of prompts: equal prompts have equal digests, in every process and on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from vos.prompts.base import Prompt
from vos.prompts.points import Points


def prompts_digest(prompts: Iterable[Prompt]) -> str:
    """SHA-256 over all that makes prompts equal (so not over `source`), in the given order."""
    digest = hashlib.sha256()
    for part in _parts(tuple(prompts)):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _parts(value: object) -> Iterable[bytes]:
    if isinstance(value, Prompt):
        yield type(value).__name__.encode()
        for field in fields(value):
            if field.compare and not _is_usual(value, field.name):
                yield from _parts(getattr(value, field.name))
    elif isinstance(value, tuple):
        yield f"tuple of {len(value)}".encode()
        for item in value:
            yield from _parts(item)
    elif isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
        yield f"{little.dtype.str} {little.shape}".encode()
        yield little.tobytes()
    else:
        yield repr(value).encode()


def _is_usual(prompt: Prompt, name: str) -> bool:
    """Whether a field says what prompts meant before they had it: then digests are those of that time."""
    if name == "direction":
        return prompt.direction == "forward"
    if name == "replaces":
        return not prompt.replaces
    if name == "candidate" and isinstance(prompt, Points):
        return prompt.candidate == 0
    if name == "order" and isinstance(prompt, Points):
        return prompt.order == tuple(sorted(prompt.order, reverse=True))
    return False
