"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from vos.errors import UsageError

if TYPE_CHECKING:
    from vos.tracking.cleaning import CleanLevel
    from vos.tracking.load_model import Quality


def reading_options(*, raw: bool = False, rate: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--fps, --images and --range: how videos are read. The command's function gets `reading`, a dict of those given.

    Args:
        raw: Also --size, for raw frames on standard input.
        rate: Whether --fps is one of them.

    Returns:
        A decorator; `reading` holds keyword arguments of `vos.video.open_source`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        names = [*(["size"] if raw else []), *(["rate"] if rate else []), "images", "value_range"]

        @functools.wraps(command)
        def with_reading(*args: Any, **values: Any) -> Any:
            given = {name: values.pop(name) for name in names}
            reading = {name: value for name, value in given.items() if value is not None}
            return command(*args, reading=reading, **values)

        decorated: Callable[..., Any] = with_reading
        for name in reversed(names):
            decorated = _READING[name](decorated)
        return decorated

    return decorate


_READING = {
    "size": click.option(
        "--size", metavar="WIDTHxHEIGHT", help="Size of the raw rgb24 frames on standard input (VIDEO is -)."
    ),
    "rate": click.option(
        "--fps",
        "rate",
        metavar="RATE",
        help="Frames per second of image folders or of raw frames, such as 25 or 30000/1001.",
    ),
    "images": click.option(
        "--images",
        metavar="GLOB",
        help="Which files of a folder are the frames, such as 'left_*.png'.  [default: the one sequence in it]",
    ),
    "value_range": click.option(
        "--range",
        "value_range",
        metavar="LOW,HIGH",
        help="Values of black and white in images of more than 8 bits, such as 0,4095.",
    ),
}


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--model, --weights, --device, --engine, and --quality or --short-side, which both become `short_side`."""
    from pathlib import Path

    @functools.wraps(command)
    def with_quality(*, model: str, quality: Quality | None, short_side: int | None, **others: Any) -> Any:
        if quality is not None:
            from vos.tracking.load_model import QUALITIES

            if short_side is not None:
                raise UsageError(
                    "--quality and --short-side exclude each other: both set the resolution; leave one out"
                )
            if model != "compact":
                raise UsageError(f"--quality is for the compact model; give --model {model} a --short-side instead")
            short_side = QUALITIES[quality]
        return command(model=model, short_side=short_side, **others)

    decorated: Callable[..., Any] = with_quality
    for option in (
        click.option(
            "--short-side",
            type=click.IntRange(64, 2048),
            help="Resolution the model sees: shorter side in pixels.  [default: 256 for compact, 512 for SEEM]",
        ),
        click.option(
            "--quality",
            type=click.Choice(["fast", "balanced", "best"]),
            help="Speed against quality of the compact model (docs/windows.md).  [default: balanced]",
        ),
        click.option(
            "--engine",
            type=click.Choice(["auto", "torch", "onnxruntime"]),
            default="auto",
            show_default=True,
            help="What computes; auto: ONNX Runtime for the compact model on a CPU, if installed, else PyTorch.",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="Where to compute: auto, cpu, cuda, cuda:1, mps."
        ),
        click.option(
            "--weights",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Weights to use instead of the embedded ones (safetensors).",
        ),
        click.option(
            "--model",
            default="compact",
            show_default=True,
            help="The model that tracks: compact, or a SEEM checkpoint (vos weights list), optionally followed by "
            ":memory, :bfloat16, :float16, :channels_last or :compile.",
        ),
    ):
        decorated = option(decorated)
    return decorated


def clean_options(default: CleanLevel) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--clean, --min-area, --grow, --shrink and --steady, which become the parameter `clean`, a `CleanPolicy`."""
    return functools.partial(_with_clean_options, default=default)


def _with_clean_options(command: Callable[..., Any], *, default: CleanLevel) -> Callable[..., Any]:

    @functools.wraps(command)
    def with_policy(*, clean: CleanLevel, min_area: int, grow: int, shrink: int, steady: int, **others: Any) -> Any:
        from vos.tracking.cleaning import CleanPolicy

        if grow and shrink:
            raise UsageError("--grow and --shrink exclude each other: borders move outward or inward; leave one out")
        return command(clean=CleanPolicy(clean, min_area, grow - shrink, steady), **others)

    decorated: Callable[..., Any] = with_policy
    for option in (
        click.option(
            "--steady",
            type=click.IntRange(0, 3),
            default=0,
            show_default=True,
            metavar="FRAMES",
            help="Against flicker: every pixel goes with the majority of so many frames before and after.",
        ),
        click.option(
            "--shrink", type=click.IntRange(0, 64), default=0, metavar="PIXELS", help="Borders of objects move inward."
        ),
        click.option(
            "--grow", type=click.IntRange(0, 64), default=0, metavar="PIXELS", help="Borders of objects move outward."
        ),
        click.option(
            "--min-area",
            type=click.IntRange(0),
            default=0,
            metavar="PIXELS",
            help="Remove parts of objects that are smaller than this.",
        ),
        click.option(
            "--clean",
            type=click.Choice(["off", "light", "strong"]),
            default=default,
            show_default=True,
            help="Remove islands that lie apart from their object (light); also specks and pinholes, and tie broken "
            "strings together (strong).",
        ),
    ):
        decorated = option(decorated)
    return decorated


threads_option = click.option(
    "--threads", type=click.IntRange(1, 256), help="CPU threads of the network.  [default: all cores, up to 4]"
)


absent_below_option = click.option(
    "--absent-below",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="An object whose presence is below this gets no pixels.",
)
