"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--model, --weights, --device, --short-side."""
    from pathlib import Path

    for option in (
        click.option(
            "--short-side",
            type=click.IntRange(64, 2048),
            help="Resolution the model sees: shorter side in pixels.  [default: 320 for compact, 512 for SEEM]",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps: where to compute."
        ),
        click.option(
            "--weights",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Other weights than the embedded ones (safetensors).",
        ),
        click.option(
            "--model",
            default="compact",
            show_default=True,
            help="Which model tracks: compact, or a SEEM checkpoint (vos weights list), with :memory, :bfloat16, "
            ":float16, :channels_last, :compile behind its name if wanted.",
        ),
    ):
        command = option(command)
    return command


def image_folder_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--images` and `--range`: parameters `images` and `value_range` of `open_source`."""
    command = click.option(
        "--range",
        "value_range",
        metavar="LOW,HIGH",
        help="Grey values of black and white in images of more than 8 bits, such as 0,4095.",
    )(command)
    return click.option(
        "--images",
        metavar="GLOB",
        help="Which files of a folder are the frames, such as 'left_*.png'.  [default: the one sequence in it]",
    )(command)
