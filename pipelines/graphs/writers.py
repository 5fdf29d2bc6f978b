"""Writes graphs as ONNX or TorchScript, and compares what was written with the network."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pipelines.graphs.compact_graphs import Graph, GraphSizes, graphs_of
from seem_model.compact.config import PIXEL_MEAN, PIXEL_SCALE
from seem_model.compact.model import CompactSEEM
from vos.errors import VosError
from vos.files.atomic import replacing, write_bytes

Format = Literal["onnx", "torchscript"]


class ExportError(VosError):
    """An export that is not possible here; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One written graph.

    Attributes:
        path: The file.
        difference: Largest absolute difference from the network on the example inputs, over all outputs, each
            relative to its largest value; None if nothing here can run the file.
    """

    path: Path
    difference: float | None


def export_graphs(
    network: CompactSEEM, sizes: GraphSizes, target: Format, folder: Path, *, weights_sha256: str
) -> list[Exported]:
    """Writes one file per graph, and `model.json` with the sizes, names and shapes of everything.

    Raises:
        ExportError: A package that the format needs is missing.
    """
    write, run, suffix = _FORMATS[target]
    folder.mkdir(parents=True, exist_ok=True)
    graphs = graphs_of(network, sizes)
    written: list[Exported] = []
    for graph in graphs:
        path = folder / f"{graph.name}{suffix}"
        with replacing(path) as temporary:
            write(graph, temporary)
        written.append(Exported(path, _difference(graph, run(graph, path))))
    description = {
        "model": "compact",
        "weights_sha256": weights_sha256,
        "format": target,
        "sizes": asdict(sizes),
        "image": f"(1, 3, H, W) float32 RGB in 0..255; normalised inside, (x - {PIXEL_MEAN}) / {PIXEL_SCALE}",
        "graphs": {
            graph.name: {
                "file": done.path.name,
                "sha256": hashlib.sha256(done.path.read_bytes()).hexdigest(),
                "inputs": {name: [str(x.dtype).removeprefix("torch."), *x.shape] for name, x in graph.inputs.items()},
                "outputs": list(graph.outputs),
            }
            for graph, done in zip(graphs, written, strict=True)
        },
    }
    write_bytes(folder / "model.json", (json.dumps(description, indent=2) + "\n").encode())
    return written


def _write_onnx(graph: Graph, path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise ExportError(f"export to ONNX needs the package {package}: pip install 'seem-vos[export]'")
    with warnings.catch_warnings():
        # The exporter warns of its own internals.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _run_onnx(graph: Graph, path: Path) -> list[Tensor] | None:
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # A graph has no input that it does not use.
    names = {entry.name for entry in session.get_inputs()}
    inputs = {name: tensor.numpy() for name, tensor in graph.inputs.items() if name in names}
    return [torch.from_numpy(output) for output in session.run(list(graph.outputs), inputs)]


def _write_torchscript(graph: Graph, path: Path) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        # Tracing warns that sizes become constants, which is what is wanted here, and that it is an old format.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(graph.module, tuple(graph.inputs.values()), check_trace=False)
        torch.jit.save(traced, str(path))


def _run_torchscript(graph: Graph, path: Path) -> list[Tensor] | None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = torch.jit.load(str(path))(*graph.inputs.values())
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


@torch.no_grad()
def _difference(graph: Graph, outputs: list[Tensor] | None) -> float | None:
    if outputs is None:
        return None
    expected = graph.module(*graph.inputs.values())
    pairs = zip([expected] if isinstance(expected, Tensor) else expected, outputs, strict=True)
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-6)) for a, b in pairs)


_Writer = Callable[[Graph, Path], None]
_Runner = Callable[[Graph, Path], list[Tensor] | None]

_FORMATS: dict[Format, tuple[_Writer, _Runner, str]] = {
    "onnx": (_write_onnx, _run_onnx, ".onnx"),
    "torchscript": (_write_torchscript, _run_torchscript, ".pt"),
}
