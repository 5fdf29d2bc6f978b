"""`vos weights ...`: the released SEEM checkpoints on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from seem_model.zoo import Release

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where weights are stored.  [default: $SEEM_VOS_HOME/weights, else ~/.cache/seem-vos/weights]",
)


@click.group()
def weights() -> None:
    """List, fetch, describe, check and convert the released SEEM checkpoints. Only `pull` uses the network."""


def _folder(given: Path | None) -> Path:
    from seem_model.store import weights_folder

    return given or weights_folder()


@weights.command("list")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON list on stdout.")
def list_command(folder: Path | None, as_json: bool) -> None:
    """The released models, and which of them are on this machine."""
    from seem_model.store import recorded_sha256, stored_file
    from seem_model.zoo import RELEASES

    where = _folder(folder)
    entries = []
    for release in RELEASES.values():
        stored = stored_file(release, where)
        entries.append(
            {
                "name": release.name,
                "panoptic_quality": release.panoptic_quality,
                "published": release.file is not None,
                "file": None if stored is None else str(stored),
                "sha256": None if stored is None else recorded_sha256(stored),
            }
        )
    if as_json:
        click.echo(json.dumps(entries))
        return
    for entry in entries:
        state = entry["file"] or ("not here" if entry["published"] else "never published")
        click.echo(f"{entry['name']:<18} PQ {entry['panoptic_quality']}  {state}")


@weights.command()
@click.argument("name")
@_FOLDER
@click.option("--revision", metavar="COMMIT", help="Revision of the repository to fetch from.  [default: the newest]")
@click.option("--sha256", help="Expected hash of the file.  [default: the one recorded at an earlier use, if any]")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def pull(name: str, folder: Path | None, revision: str | None, sha256: str | None, quiet: bool) -> None:
    """Fetch the checkpoint of model NAME from Hugging Face (needs the [hub] extra); an interrupted fetch is continued.

    A file that is already here is checked, not fetched again. HF_ENDPOINT names a mirror.
    """
    from seem_model.checkpoint import file_sha256
    from seem_model.errors import CheckpointError
    from seem_model.hub import fetch_release
    from seem_model.store import verify
    from seem_model.zoo import release_named

    release = release_named(name)
    target = _folder(folder) / release.published_file
    fetched = not target.exists()
    if fetched:
        fetch_release(release, target.parent, revision=revision, quiet=quiet)
    if sha256 is not None and (found := file_sha256(target)) != sha256.lower():
        if fetched:
            target.unlink()
        remedy = "the file was deleted" if fetched else "move the file away to fetch another"
        raise CheckpointError(f"{target}: sha256 is {found}, not {sha256}; {remedy}")
    click.echo(f"{target}  sha256 {verify(target)}")


def _stored_or_file(name: str, folder: Path) -> tuple[Path, Release | None]:
    """A weights file by name of a release or by path."""
    from seem_model.errors import CheckpointError
    from seem_model.store import stored_file
    from seem_model.zoo import RELEASES, release_named

    if name not in RELEASES and Path(name).is_file():
        return Path(name), None
    release = release_named(name)
    stored = stored_file(release, folder)
    if stored is None:
        raise CheckpointError(f"{name}: no checkpoint in {folder}; fetch it with `vos weights pull {name}`")
    return stored, release


@weights.command("verify")
@click.argument("names", nargs=-1, required=True)
@_FOLDER
def verify_command(names: tuple[str, ...], folder: Path | None) -> None:
    """Check stored models or weights files: the recorded hash, and that every tensor fits its model."""
    from seem_model.checkpoint import load_checkpoint, matching_configs, read_tensors
    from seem_model.errors import CheckpointError
    from seem_model.store import verify

    for name in names:
        path, release = _stored_or_file(name, _folder(folder))
        digest = verify(path)
        if release is not None:
            load_checkpoint(path, release.config, with_text=True)
            fits = release.config_name
        else:
            fitting = matching_configs(read_tensors(path))
            if not fitting:
                raise CheckpointError(f"{path}: fits none of the known SEEM configurations")
            fits = ", ".join(fitting)
        click.echo(f"{path}: fits {fits}, sha256 {digest}")


@weights.command()
@click.argument("name")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def info(name: str, folder: Path | None, as_json: bool) -> None:
    """What a stored model or a weights file holds: configurations it fits, tensors by part, size, hash."""
    from seem_model.checkpoint import describe_checkpoint

    path, release = _stored_or_file(name, _folder(folder))
    about = describe_checkpoint(path)
    size = path.stat().st_size
    if as_json:
        described = {
            "file": str(path),
            "release": None if release is None else release.name,
            "fits": about.fits,
            "num_queries": about.num_queries,
            "parameters": about.parameters,
            "tensors": about.tensors,
            "dtypes": about.dtypes,
            "bytes": size,
            "sha256": about.sha256,
        }
        click.echo(json.dumps(described))
        return
    click.echo(f"{path}: {size / 1e6:.1f} MB, {about.tensors} tensors of {', '.join(about.dtypes)}")
    click.echo(f"fits      {', '.join(about.fits) or 'none of the known SEEM configurations'}")
    if about.num_queries is not None:
        click.echo(f"queries   {about.num_queries}")
    for part, count in about.parameters.items():
        click.echo(f"{count / 1e6:7.1f} M  {part}")
    click.echo(f"sha256    {about.sha256}")


@weights.command()
@click.argument("source")
@click.argument("target", type=_FILE, required=False)
@_FOLDER
@click.option("--overwrite", is_flag=True, help="Replace TARGET if it exists.")
def convert(source: str, target: Path | None, folder: Path | None, overwrite: bool) -> None:
    """Write SOURCE, a stored model or a weights file, as safetensors (next to it unless TARGET is given)."""
    from seem_model.checkpoint import convert_to_safetensors
    from seem_model.store import verify

    path, _ = _stored_or_file(source, _folder(folder))
    result = target or path.with_suffix(".safetensors")
    count = convert_to_safetensors(path, result, overwrite=overwrite)
    click.echo(f"{result}: {count} tensors, sha256 {verify(result)}")
