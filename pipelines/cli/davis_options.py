"""Which sequences of DAVIS a command works on: the same options for all commands that take a list of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def davis_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--dataset`, `--split` and `--sequences`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--dataset", type=click.Choice(["davis16", "davis17"]), default="davis16", show_default=True),
    click.option("--split", default="train", show_default=True, metavar="NAME", help="A list in ImageSets."),
    click.option("--sequences", metavar="NAME,...", help="Only these sequences."),
)
