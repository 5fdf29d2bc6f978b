"""The graphs that ship with the package are those of the network as it is now."""

from __future__ import annotations

from importlib.resources import files

import pytest

onnx = pytest.importorskip("onnx")

from pipelines.graphs.engine_graphs import engine_files  # noqa: E402
from seem_model.compact.model import CompactSEEM  # noqa: E402


def test_shipped_graphs_are_up_to_date() -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in CompactSEEM().state_dict().items()}
    folder = files("seem_model.compact_onnx").joinpath("graphs")
    made = engine_files(shapes)
    assert {entry.name for entry in folder.iterdir()} == set(made), "run python -m pipelines.graphs.engine_graphs"
    for name, content in made.items():
        shipped = folder.joinpath(name).read_bytes()
        if name.endswith(".onnx"):
            same = onnx.load_from_string(shipped) == onnx.load_from_string(content)
        else:
            same = shipped == content
        assert same, f"{name}: run python -m pipelines.graphs.engine_graphs"
