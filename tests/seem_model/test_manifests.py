"""Our modules take the state dicts of the release: same keys, same shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from seem_model.configs import CONFIGS
from seem_model.seem import Seem


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_and_shapes_equal_those_of_the_release(name: str, goldens_folder: Path) -> None:
    manifest = json.loads((goldens_folder / "manifests" / f"{name}.json").read_text())
    with torch.device("meta"):
        model = Seem(CONFIGS[name])
    ours = {key: list(value.shape) for key, value in model.state_dict().items()}
    assert ours == {entry["key"]: entry["shape"] for entry in manifest["entries"]}


def test_there_are_manifests_of_all_configurations(goldens_folder: Path) -> None:
    assert {path.stem for path in (goldens_folder / "manifests").glob("*.json")} == set(CONFIGS)
