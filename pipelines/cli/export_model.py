"""`vos export`: writes a model in a format that runs without this package."""

from __future__ import annotations

from pathlib import Path

import click

from vos.errors import OutputError


@click.command()
@click.argument("model", type=click.Choice(["compact"]))
@click.option("--to", "target", type=click.Choice(["onnx", "torchscript"]), required=True, help="Format.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="New folder.")
@click.option(
    "--height", type=click.IntRange(64), default=320, show_default=True, help="Of the input picture, in pixels."
)
@click.option(
    "--width", type=click.IntRange(64), default=576, show_default=True, help="Of the input picture, in pixels."
)
@click.option("--objects", type=click.IntRange(1), default=1, show_default=True, help="Objects per call.")
@click.option("--memory", type=click.IntRange(1), default=2, show_default=True, help="Remembered frames, at most.")
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weights to use instead of the embedded ones (safetensors).",
)
def export(
    model: str,
    target: str,
    output: Path,
    height: int,
    width: int,
    objects: int,
    memory: int,
    weights: Path | None,
) -> None:
    """Write MODEL as graphs of fixed sizes: encode, prompt, remember, and decode per number of remembered frames.

    Each graph is run and compared with the network if possible. model.json describes the graphs.
    """
    import torch

    from pipelines.graphs.compact_graphs import GraphSizes
    from pipelines.graphs.writers import export_graphs
    from seem_model.compact.video import CompactVideoModel

    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output}: not empty; choose another --output")
    try:
        sizes = GraphSizes(height, width, objects, memory)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    loaded = CompactVideoModel.load(device=torch.device("cpu"), weights=weights)
    written = export_graphs(
        loaded.network,
        sizes,
        "onnx" if target == "onnx" else "torchscript",
        output,
        weights_sha256=loaded.weights_sha256,
    )
    for graph in written:
        checked = (
            "not compared: onnxruntime is not installed"
            if graph.difference is None
            else f"largest relative difference {graph.difference:.1e}"
        )
        click.echo(f"{graph.path}  {graph.path.stat().st_size / 1e6:.1f} MB  {checked}")
