"""Exported graphs do what the network does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pipelines.graphs.compact_graphs import GraphSizes
from pipelines.graphs.writers import Format, export_graphs
from seem_model.compact.video import CompactVideoModel
from tests.extras import need
from vos.cli.main import main

FORMATS: list[Format] = ["torchscript", "onnx"]


@pytest.mark.parametrize("target", FORMATS)
def test_exported_graphs_equal_the_network(tmp_path: Path, target: Format) -> None:
    if target == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            need(package, "export")
    loaded = CompactVideoModel.load(device=torch.device("cpu"))
    sizes = GraphSizes(64, 96, objects=2, memory=1)
    written = export_graphs(loaded.network, sizes, target, tmp_path, weights_sha256=loaded.weights_sha256)
    assert [graph.path.stem for graph in written] == ["encode", "prompt", "remember", "decode_1"]
    for graph in written:
        assert graph.difference is not None
        # Of logits up to 20: some 1e-5 of them.
        assert graph.difference < 3e-4, graph.path.name
    description = json.loads((tmp_path / "model.json").read_text())
    assert description["graphs"]["encode"]["inputs"] == {"image": ["float32", 1, 3, 64, 96]}
    assert description["weights_sha256"] == loaded.weights_sha256


def test_sizes_that_the_network_cannot_take_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", "compact", "--to", "torchscript", "-o", str(tmp_path / "out"), "--height", "100"])
    assert stopped.value.code == 2
    assert "divisible by 32" in capsys.readouterr().err


def test_an_export_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(SystemExit) as stopped:
        main(["export", "compact", "--to", "torchscript", "-o", str(tmp_path)])
    assert stopped.value.code == 1
    assert "not empty" in capsys.readouterr().err
