"""Finds the reference cases of the DAVIS scorer and writes their masks to disk.

A folder of reference cases holds

* `*.json`: files with an entry "cases", the output of the official tool by name of the case;
* `make_cases.py`, which makes the masks of each case, or the masks themselves as that file writes them
  (`<case>/DAVIS`, `<case>/pred`);
* for cases on real sequences also the ground truth: a folder with `Annotations/480p` (DAVIS-2016) or with a folder of
  label maps per sequence. It is found anywhere in the folder, or named by DAVIS_GOLDENS_DAVIS16 and
  DAVIS_GOLDENS_LABELS.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(os.environ.get("DAVIS_GOLDENS", Path(__file__).parents[3] / "shared" / "goldens" / "davis"))
_GENERATOR = "make_cases.py"


@lru_cache(maxsize=1)
def load_cases() -> dict[str, dict]:
    """The reference cases by name; empty if they are not there, so that test collection still works."""
    cases: dict[str, dict] = {}
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            cases |= document.get("cases", {})
    return cases


needs_goldens = pytest.mark.skipif(
    not load_cases(), reason=f"no reference cases in {FOLDER}; point DAVIS_GOLDENS at the folder of goldens_davis.json"
)


def write_case(name: str, folder: Path) -> tuple[Path, Path]:
    """Writes one case in DAVIS layout and checks its masks against the recorded hashes.

    Returns:
        The root of the data set and the folder of predictions.
    """
    if (FOLDER / name / "DAVIS").is_dir():
        return FOLDER / name / "DAVIS", FOLDER / name / "pred"
    generator = _load_generator()
    if name not in generator.CASES:
        pytest.fail(f"{FOLDER} has neither a recipe nor masks for the case {name}; see {Path(__file__).name}")
    recorded, made = load_cases()[name]["masks"], generator.hashes(name)
    for side in ("gt", "pred"):
        assert {key: value[side] for key, value in made.items()} == {
            key: value[side] for key, value in recorded.items()
        }, f"the masks of {name} ({side}) are not those that the official tool was given"
    root, predictions = generator.write_case(name, str(folder))
    return Path(root), Path(predictions)


@lru_cache(maxsize=1)
def _load_generator() -> ModuleType:
    """The module that makes the masks of the cases, given all real ground truth that can be found."""
    path = FOLDER / _GENERATOR
    if not path.is_file():
        pytest.fail(f"{path}: no such file, and not every case comes with its masks")
    spec = importlib.util.spec_from_file_location("davis_make_cases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for add, variable, is_truth in (
        ("add_d16", "DAVIS_GOLDENS_DAVIS16", lambda folder: (folder / "Annotations" / "480p").is_dir()),
        (
            "add_labels",
            "DAVIS_GOLDENS_LABELS",
            lambda folder: all((folder / name).is_dir() for name in module.LABEL_SEQS),
        ),
    ):
        named = os.environ.get(variable)
        candidates = [Path(named)] if named else [FOLDER, *sorted(path for path in FOLDER.rglob("*") if path.is_dir())]
        truth = next((folder for folder in candidates if hasattr(module, add) and is_truth(folder)), None)
        if truth is not None:
            getattr(module, add)(str(truth))
    return module
