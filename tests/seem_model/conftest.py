"""Golden files of the released SEEM code, and models with the weights they were made with.

The folder comes from the environment variable SEEM_GOLDENS, else `../shared/goldens/seem` beside the repository.
A tensor `x` is stored as values at every s-th place, with its shape, s, and statistics over all values.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seem_model.configs import config_named
from seem_model.pseudo_weights import pseudo_model
from seem_model.seem import Seem

REPOSITORY = Path(__file__).parents[2]
GOLDENS = Path(os.environ.get("SEEM_GOLDENS", REPOSITORY.parent / "shared" / "goldens" / "seem"))

torch.set_num_threads(2)


class Golden:
    """One golden file."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        with np.load(path) as archive:
            self._arrays = {name: archive[name] for name in archive.files}
        self.prefix, _, self.case = self.name.partition("__")

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    @property
    def names(self) -> list[str]:
        """Names of the stored arrays, without those that describe another."""
        return [name for name in self._arrays if not name.endswith(("__shape", "__step", "__stats"))]

    @property
    def config_name(self) -> str:
        backbone, _, behaviour = self.prefix.rpartition("_")
        return f"{backbone}_unicl_lang_{behaviour}"

    def assert_close(self, name: str, tensor: torch.Tensor | np.ndarray, *, tolerance: float = 1e-3) -> None:
        """Compares shape, sampled values and statistics with what is stored under `name`."""
        mine = np.asarray(tensor, dtype=np.float64)
        stored = self._arrays[name].astype(np.float64)
        shape = tuple(int(n) for n in self._arrays.get(f"{name}__shape", np.array(stored.shape)))
        assert mine.shape == shape, f"{self.name}: {name} has shape {mine.shape}, stored {shape}"
        step = int(self._arrays.get(f"{name}__step", 1))
        mean, std, mean_abs, _, _ = self._arrays.get(f"{name}__stats", [0, stored.std(), np.abs(stored).mean(), 0, 0])
        scale = max(float(std), 1e-12)
        sampled = mine.reshape(-1)[::step]
        np.testing.assert_allclose(
            sampled, stored.reshape(-1), rtol=tolerance, atol=tolerance * scale, err_msg=f"{self.name}: {name}"
        )
        if f"{name}__stats" in self._arrays:
            found = np.array([mine.mean(), mine.std(), np.abs(mine).mean()])
            np.testing.assert_allclose(found, [mean, std, mean_abs], rtol=tolerance, atol=tolerance * scale)


@pytest.fixture(scope="session")
def goldens_folder() -> Path:
    if not GOLDENS.is_dir():
        pytest.skip(f"no golden files at {GOLDENS}; set SEEM_GOLDENS")
    return GOLDENS


@pytest.fixture(scope="session")
def model_named() -> Callable[..., Seem]:
    """Models by configuration name. Those of the last backbone stay in memory; they share their weights."""
    cache: dict[tuple[str, bool], Seem] = {}

    def build(name: str, *, with_text: bool = False) -> Seem:
        key = (name, with_text)
        if key not in cache:
            backbone = name.partition("_")[0]
            for other in [k for k in cache if not k[0].startswith(f"{backbone}_")]:
                del cache[other]
            known = {n: t for model in cache.values() for n, t in model.state_dict().items()}
            cache[key] = pseudo_model(config_named(name), with_text=with_text, known=known)
        return cache[key]

    return build
