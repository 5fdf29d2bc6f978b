"""Tests of an optional extra skip with the name of the extra when it is not installed."""

from __future__ import annotations

from types import ModuleType

import pytest

from seem_model.errors import MissingExtraError
from seem_model.language.tokenizer import ClipTokenizer, installed_tokenizer


def need(module: str, extra: str) -> ModuleType:
    """The imported `module`, or a skip that says which extra of seem-vos brings it.

    Works at the top of a test module and inside a test or fixture.
    """
    found: ModuleType = pytest.importorskip(
        module, reason=f"{module} is not installed: pip install 'seem-vos[{extra}]'", exc_type=ImportError
    )
    return found


def need_vocabulary() -> ClipTokenizer:
    """CLIP's tokenizer, which text prompts and class names need, or a skip that says which extra brings it."""
    try:
        return installed_tokenizer()
    except MissingExtraError as error:
        pytest.skip(str(error))
