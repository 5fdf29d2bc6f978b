"""`vos train`: trains the compact model on still images with instance masks."""

from __future__ import annotations

from pathlib import Path

import click

from vos.errors import OutputError


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of <source>/images/* with <source>/masks/*.png.",
)
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Run folder.")
@click.option("--steps", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Clips per step.")
@click.option("--size", type=click.IntRange(64), default=224, show_default=True, help="Side of a clip in pixels.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of the network.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that make clips.")
@click.option("--device", default="auto", show_default=True)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the output folder.")
def train(
    data: Path,
    output: Path,
    steps: int,
    batch: int,
    size: int,
    seed: int,
    threads: int,
    workers: int,
    device: str,
    resume: bool,
) -> None:
    """Train the compact model on still images: no video and no video annotation is read.

    Writes a log, a checkpoint every 100 steps and, at the end, compact.safetensors to the output folder.
    """
    from pipelines.training.loop import TrainSettings, imagenet_trunk_weights
    from pipelines.training.loop import train as run_training
    from vos.allocator import keep_freed_memory
    from vos.video_model import choose_device

    if not resume and (output / "checkpoint.pt").exists():
        raise OutputError(f"{output}: holds a training run already; pass --resume to continue it, or another --output")
    if size % 32:
        raise click.BadParameter(f"{size} is not divisible by 32", param_hint="--size")
    keep_freed_memory()
    settings = TrainSettings(
        data=str(data),
        output=str(output),
        steps=steps,
        batch=batch,
        size=size,
        seed=seed,
        threads=threads,
        workers=workers,
        device=str(choose_device(device)),
    )
    weights = run_training(settings, imagenet_trunk_weights(), resume=resume)
    click.echo(f"weights: {weights}")
