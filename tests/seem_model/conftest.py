"""Golden files of the released SEEM code, and models with the weights they were made with.

The folder comes from the environment variable SEEM_GOLDENS, else `../shared/goldens/seem` beside the repository.
Every file found there is run, by the model and the kind of case in its name; without the folder the tests skip.
A tensor `x` is stored as values at every s-th place, with its shape, s, and statistics over all values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
import torch

from seem_model.configs import config_named
from seem_model.pseudo_weights import pseudo_model
from seem_model.seem import Seem
from tests.seem_model.golden_mismatch import GoldenMismatch

REPOSITORY = Path(__file__).parents[2]
GOLDENS = Path(os.environ.get("SEEM_GOLDENS", REPOSITORY.parent / "shared" / "goldens" / "seem"))
# Longest first: `stroke_text` is not a `stroke`.
KINDS = (
    "stroke_text",
    "class_text",
    "grounding",
    "refvideo",
    "postproc",
    "generic",
    "refimg",
    "stroke",
    "feats",
    "inter",
    "text",
)

_worst_deviation: dict[str, float] = {}


class Golden:
    """One golden file."""

    def __init__(self, path: Path, *, without: Collection[str] = ()) -> None:
        self.name = path.stem
        self.prefix, _, self.case = self.name.rpartition("__")
        with np.load(path) as archive:
            self._arrays = {name: archive[name] for name in archive.files if name not in without}

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    @property
    def names(self) -> list[str]:
        """Names of all stored arrays."""
        return list(self._arrays)

    @property
    def config_name(self) -> str:
        backbone, _, behaviour = self.prefix.rpartition("_")
        return f"{backbone}_unicl_lang_{behaviour}"

    def assert_close(self, name: str, tensor: torch.Tensor | np.ndarray, *, tolerance: float = 1e-3) -> None:
        """Compares shape, sampled values and statistics with what is stored under `name`.

        A value may differ by `tolerance` of itself plus `tolerance` of the standard deviation.
        """
        mine = np.asarray(tensor, dtype=np.float64)
        stored = self._arrays[name].astype(np.float64)
        shape = tuple(int(n) for n in self._arrays.get(f"{name}__shape", np.array(stored.shape)))
        assert mine.shape == shape, f"{self.name}: {name} has shape {mine.shape}, stored {shape}"
        step = int(self._arrays.get(f"{name}__step", 1))
        stats = self._arrays.get(f"{name}__stats")
        scale = max(float(stored.std() if stats is None else stats[1]), 1e-12)
        sampled = mine.reshape(-1)[::step]
        deviations = np.abs(sampled - stored.reshape(-1)) / scale
        deviation = float(deviations.max())
        close = {"rtol": tolerance, "atol": tolerance * scale, "err_msg": f"{self.name}: {name}"}
        try:
            np.testing.assert_allclose(sampled, stored.reshape(-1), **close)
            if stats is not None:
                np.testing.assert_allclose([mine.mean(), mine.std(), np.abs(mine).mean()], stats[:3], **close)
        except AssertionError as difference:
            place = np.unravel_index(int(deviations.argmax()) * step, shape)
            raise GoldenMismatch(str(difference), deviation, int(place[1]) if len(place) > 1 else 0) from None
        _worst_deviation[self.name] = max(_worst_deviation.get(self.name, 0.0), deviation)

    def assert_same_mask(self, name: str, mask: torch.Tensor | np.ndarray) -> None:
        """Compares boolean masks; ties at the threshold may flip one pixel in ten thousand, but at least one."""
        mine, stored = np.asarray(mask, dtype=bool), self._arrays[name].astype(bool)
        assert mine.shape == stored.shape
        differing = int((mine != stored).sum())
        assert differing <= max(1, mine.size // 10_000), f"{self.name}: {name} differs in {differing} pixels"


def kind_of(path: Path) -> str | None:
    """The kind of case in a golden file's name. None: not a kind we know."""
    prefix, _, case = path.stem.rpartition("__")
    kind = next((kind for kind in KINDS if case.startswith(kind)), None)
    # Only the demo behaviour answers a stroke in one pass; v0 and v1 do so in interactive rounds.
    return "inter" if kind == "stroke" and not prefix.endswith("_demo") else kind


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "golden(kind): runs once for each golden file of that kind, as `golden`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("golden")
    if marker is None:
        return
    paths = sorted(path for path in GOLDENS.glob("*.npz") if kind_of(path) in marker.args)
    reason = f"no golden files of this kind at {GOLDENS}; set SEEM_GOLDENS"
    parameters = [pytest.param(path, id=path.stem) for path in paths]
    skipped = [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    metafunc.parametrize("golden_path", parameters or skipped)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Golden cases last and by model, so that each model is built once; small models first."""

    def model_of(item: pytest.Item) -> str:
        callspec = getattr(item, "callspec", None)
        path = callspec.params.get("golden_path") if callspec else None
        return "" if path is None else f"~{'focalt davitd focall samvit'.find(path.stem[:6]):03} {path.stem}"

    items.sort(key=model_of)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _worst_deviation:
        terminalreporter.section("largest deviation from the golden files, in standard deviations")
        for name, deviation in sorted(_worst_deviation.items()):
            terminalreporter.write_line(f"{deviation:.1e}  {name}")


@pytest.fixture
def golden(golden_path: Path) -> Golden:
    return Golden(golden_path)


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
