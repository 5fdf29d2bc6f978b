"""`vos ui`: the browser app."""

from __future__ import annotations

import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vos.cli.options import model_options, threads_option
from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.tracking.load_model import EngineName

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path), metavar="[VIDEO|RUN]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the session.  [default: NAME_vos in the current folder, NAME being the video's]",
)
@click.option("--folder", type=_FOLDER, help="Let the user choose among the videos and sessions in this folder.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on.  [default: any free one]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; read docs/ui.md first.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
@model_options
@threads_option
def ui(
    video: Path | None,
    output: Path | None,
    folder: Path | None,
    port: int,
    host: str,
    browser: bool,
    model: str,
    weights: Path | None,
    device: str,
    engine: EngineName,
    short_side: int | None,
    threads: int | None,
) -> None:
    """Draw strokes, boxes, points and outlines on a video in the browser, track, correct and export.

    VIDEO is a video file or a folder of images; RUN is the folder of an earlier session, or of a run of vos track,
    which is continued. Everything is saved as you go: masks and run.json as vos track writes them, and prompts.json,
    which vos track --script reads. Runs on this machine only, offline, until Ctrl+C stops it.

    \b
    vos ui clip.mp4
    vos ui clip_vos
    vos ui --folder videos/
    """
    if output is not None and video is None:
        raise UsageError("--output belongs to a VIDEO; give one")
    try:
        from vos.ui.app import create_app
        from vos.ui.serve import address_of, bind, make_server
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in ("starlette", "uvicorn", "anyio"):
            raise
        raise UsageError(f"the browser app needs the package {package}: pip install 'seem-vos[ui]'") from error
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import load_model
    from vos.ui.model_thread import ModelThread
    from vos.ui.security import is_loopback, new_token
    from vos.ui.workspace import Places, Workspace

    listening = bind(host, port)
    keep_freed_memory()
    here = Path.cwd()
    places = Places(folder=folder, outputs=here, uploads=here / "vos_uploads")
    loaded = load_model(model, device=device, weights=weights, short_side=short_side, engine=engine, threads=threads)
    workspace = Workspace(places, ModelThread(loaded))
    try:
        if video is not None:
            workspace.open(video, output)
        token = new_token()
        address = address_of(listening, token)
        if not is_loopback(host):
            click.echo(
                f"vos: warning: {host} is open to other machines, unencrypted. Whoever sees the address below can "
                "read your videos and write files. Prefer the default and an SSH tunnel: ssh -L PORT:localhost:PORT",
                err=True,
            )
        click.echo(f"seem-vos is at  {address}")
        click.echo("Ctrl+C ends it; everything is saved.")
        server = make_server(create_app(workspace, token=token, host=host), on_stop=workspace.feed.close)
        if browser:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    finally:
        workspace.close()
