"""Finds the reference cases of the DAVIS scorer and writes their masks to disk."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(os.environ.get("DAVIS_GOLDENS", Path(__file__).parents[3] / "shared" / "goldens" / "davis"))
_NAMES = ("goldens_davis.json", "make_cases.py")

needs_goldens = pytest.mark.skipif(
    not all((FOLDER / name).is_file() for name in _NAMES),
    reason=f"no reference cases in {FOLDER}; point DAVIS_GOLDENS at the folder that has {' and '.join(_NAMES)}",
)


def load_cases() -> dict[str, dict]:
    """The reference cases by name; empty if they are not there, so that test collection still works."""
    path = FOLDER / _NAMES[0]
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else {}


def load_generator() -> ModuleType:
    """The module that makes the masks of the cases."""
    spec = importlib.util.spec_from_file_location("davis_make_cases", FOLDER / _NAMES[1])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def write_case(generator: ModuleType, name: str, folder: Path) -> tuple[Path, Path]:
    """Writes one case in DAVIS layout and checks its masks against the recorded hashes."""
    recorded, made = load_cases()[name]["masks"], generator.hashes(name)
    assert {key: value["gt"] for key, value in made.items()} == {key: value["gt"] for key, value in recorded.items()}
    assert {key: value["pred"] for key, value in made.items()} == {
        key: value["pred"] for key, value in recorded.items()
    }
    root, predictions = generator.write_case(name, str(folder))
    return Path(root), Path(predictions)
