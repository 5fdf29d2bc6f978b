"""`vos train`: trains the compact model on still images with instance masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vos.errors import OutputError, UsageError

_PROBABILITY = click.FloatRange(0, 1)


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of <source>/images/* with <source>/masks/*.png, or a TOML mix of sources (docs/lab/training.md).",
)
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Run folder.")
@click.option("--steps", type=click.IntRange(1), default=3000, show_default=True)
@click.option(
    "--batch", type=click.IntRange(1), default=4, show_default=True, help="Clips per step, of all processes together."
)
@click.option(
    "--accumulate",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of parts in which the clips of a step are processed.",
)
@click.option("--frames", type=click.IntRange(2), default=4, show_default=True, help="Frames of a clip.")
@click.option("--size", type=click.IntRange(64), default=224, show_default=True, help="Side of a clip in pixels.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=8e-4, show_default=True)
@click.option("--trunk-learning-rate", type=click.FloatRange(0), default=6e-5, show_default=True)
@click.option(
    "--trunk-from",
    type=_PROBABILITY,
    default=0.35,
    show_default=True,
    help="Share of the run after which the trunk trains too; 0 when fine-tuning.",
)
@click.option(
    "--thin-plate", type=_PROBABILITY, default=0.3, show_default=True, help="Share of clips whose objects deform."
)
@click.option("--occluders", type=_PROBABILITY, default=0.3, show_default=True, help="Share of clips with occluders.")
@click.option("--zoom", type=_PROBABILITY, default=0.2, show_default=True, help="Share of clips that zoom.")
@click.option(
    "--thin-parts",
    type=_PROBABILITY,
    default=0.5,
    show_default=True,
    help="Share of pasted objects with sticks, ropes or wheels.",
)
@click.option(
    "--rollouts",
    type=_PROBABILITY,
    default=0.6,
    show_default=True,
    help="Share of batches that start from masks that have drifted; above 0, remembered masks are damaged too.",
)
@click.option(
    "--windows",
    type=_PROBABILITY,
    default=0.6,
    show_default=True,
    help="Share of clips seen through a window that follows an object.",
)
@click.option(
    "--corrections/--no-corrections",
    default=True,
    show_default=True,
    help="Also learn to correct masks by marks.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of the network.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that make clips.")
@click.option("--device", default="auto", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="auto: bf16 on CUDA.",
)
@click.option(
    "--init",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fine-tune these weights (safetensors) instead of starting from the ImageNet trunk.",
)
@click.option(
    "--hold-aside",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    show_default=True,
    help="Share of the pictures kept for validation.",
)
@click.option(
    "--report-every",
    type=click.IntRange(0),
    default=500,
    show_default=True,
    help="Steps between picture sheets and, with --hold-aside, validations; 0 for none.",
)
@click.option("--checkpoint-every", type=click.IntRange(1), default=100, show_default=True, help="Steps.")
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard events (needs the tensorboard package).")
@click.option(
    "--stop-after",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Save a checkpoint and stop after this time; continue with --resume.",
)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the output folder.")
@click.option(
    "--smoke", is_flag=True, help="Train for a minute or two on generated pictures; fail unless the score improves."
)
@click.pass_context
def train(
    context: click.Context,
    /,
    data: Path | None,
    output: Path,
    device: str,
    init: Path | None,
    stop_after: float | None,
    resume: bool,
    smoke: bool,
    **options: Any,
) -> int:
    """Train the compact model on still images: no video and no video annotation is read.

    Writes a log, picture sheets, checkpoints and, at the end, compact.safetensors to the output folder. A run that is
    interrupted (Ctrl-C, SIGTERM) finishes its step and saves a checkpoint. Several GPUs: torchrun -m vos train ...
    """
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import choose_device

    if options["size"] % 32:
        raise click.BadParameter(f"{options['size']} is not divisible by 32", param_hint="--size")
    keep_freed_memory()
    if smoke:
        return _smoke(context, output, str(choose_device(device)))
    if data is None:
        raise UsageError("--data is missing: a folder of sources or a TOML mix; or try --smoke")

    from pipelines.training.loop import TrainSettings
    from pipelines.training.loop import train as run_training
    from pipelines.training.stopping import StopRequest

    if not resume and (output / "checkpoint.pt").exists():
        raise OutputError(f"{output}: holds a training run; pass --resume to continue it, or another --output")
    settings = TrainSettings(
        data=str(data),
        output=str(output),
        device=str(choose_device(device)),
        init="" if init is None else str(init),
        **options,
    )
    stop = StopRequest(None if stop_after is None else stop_after * 60)
    end = run_training(settings, resume=resume, stop=stop)
    if not end.finished:
        click.echo(f"stopped after step {end.step} of {settings.steps}; continue with --resume")
    click.echo(f"weights: {end.weights}")
    return 0


def _smoke(context: click.Context, output: Path, device: str) -> int:
    from pipelines.training.smoke import smoke as run_smoke

    allowed = {"output", "device", "smoke", "seed"}
    for name in context.params.keys() - allowed:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"--smoke uses its own data and sizes; leave out --{name.replace('_', '-')}")
    if output.exists() and any(output.iterdir()):
        raise OutputError(f"{output}: not empty; --smoke needs an output folder of its own")
    result = run_smoke(output, device=device, seed=context.params["seed"])
    click.echo(f"{'':12}untrained  trained")
    for name, before in result.untrained.items():
        click.echo(f"{name:12}{before:9.3f}{result.trained[name]:9.3f}")
    if not result.improved:
        click.echo("vos: error: training did not improve the score", err=True)
        return 1
    return 0
