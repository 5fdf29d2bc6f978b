"""`vos weights ...`: the official SEEM weights on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seem_model.zoo import WeightsFolder


folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where weights are kept; default: $SEEM_VOS_WEIGHTS, else the user's cache.",
)


def _open_folder(path: Path | None) -> WeightsFolder:
    from seem_model.zoo import WeightsFolder

    return WeightsFolder(path)


@click.group()
def weights() -> None:
    """List, fetch, check and convert the official SEEM weights. The compact model needs none of this."""


@weights.command("list")
@folder_option
def list_command(folder: Path | None) -> None:
    """The released models, and which of them are on this machine."""
    from seem_model.zoo import ZOO

    store = _open_folder(folder)
    for entry in ZOO.values():
        path = store.path(entry)
        state = "not here" if path is None else f"{path.stat().st_size / 1e6:.0f} MB, {path}"
        click.echo(f"{entry.name:17} {entry.backbone:10} {state}")


@weights.command("pull")
@click.argument("name")
@click.option("--url", help="Folder to fetch from, instead of the official one.")
@folder_option
def pull(name: str, url: str | None, folder: Path | None) -> None:
    """Fetch the weights of model NAME (see `vos weights list`); goes on where an earlier attempt stopped."""
    from seem_model.download import download
    from seem_model.zoo import SOURCE_URL, zoo_model

    entry = zoo_model(name)
    store = _open_folder(folder)
    target = store.root / entry.file
    if not target.is_file():
        download(f"{(url or SOURCE_URL).rstrip('/')}/{entry.file}", target, progress=_show)
        if sys.stderr.isatty():
            click.echo("", err=True)
    record = store.verify(target)
    click.echo(f"{target}\nsha256 {record.sha256}")


def _show(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.0f}" if total else ""
        click.echo(f"\r{done / 1e6:.0f}{of} MB", nl=False, err=True)


@weights.command("verify")
@click.argument("names", nargs=-1)
@folder_option
def verify(names: tuple[str, ...], folder: Path | None) -> None:
    """Check files against the hash recorded at their first use; all that are here, or those of models NAMES."""
    from seem_model.errors import CheckpointError
    from seem_model.zoo import ZOO, zoo_model

    store = _open_folder(folder)
    checked = 0
    for entry in [zoo_model(name) for name in names] or ZOO.values():
        path = store.path(entry)
        if path is None:
            if names:
                raise CheckpointError(f"{store.root / entry.file}: no such weights file")
            continue
        click.echo(f"{entry.name}: {store.verify(path).sha256}")
        checked += 1
    if not checked:
        click.echo(f"no weights in {store.root}")


@weights.command("info")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def info(file: Path) -> None:
    """What a checkpoint FILE is, by its content, and whether it is whole."""
    import torch

    from seem_model.checkpoint import config_for, file_sha256, fit, read_state
    from seem_model.errors import CheckpointError
    from seem_model.seem import Seem

    state = read_state(file)
    config = config_for(state, file, "v1", None)
    with torch.device("meta"):
        report = fit(state, Seem(config))
    click.echo(f"file      {file}\nsha256    {file_sha256(file)}")
    click.echo(f"backbone  {config.name.partition('_')[0]}\nqueries   {config.num_queries}")
    click.echo(f"tensors   {len(state)}, {sum(t.numel() for t in state.values()) / 1e6:.2f} M values")
    if report.ignored:
        click.echo(f"ignored   {', '.join(report.ignored)}")
    if not report.fits:
        raise CheckpointError(f"{file}: not a whole SEEM model; " + "; ".join(report.lines()))


@weights.command("convert")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: SOURCE.safetensors")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
def convert_command(source: Path, output: Path | None, overwrite: bool) -> None:
    """Write checkpoint SOURCE as safetensors, which loads faster and cannot carry code."""
    from seem_model.checkpoint import convert
    from seem_model.errors import ModelInputError

    target = output or source.with_suffix(".safetensors")
    if target.resolve() == source.resolve():
        raise ModelInputError(f"{source}: is the output too; name another with --output")
    convert(source, target, overwrite=overwrite)
    click.echo(str(target))
