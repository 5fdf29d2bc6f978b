"""The prompts of `vos track` and `vos correct`: options whose order counts, and the script that they make.

`--at`, `--object` and `--direction` hold for the prompt options after them, until they are given again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from vos.prompts import PromptScript

_ORDER = "vos.prompt_options"

# Option -> (metavar, help). The order is that of --help.
_OPTIONS: dict[str, tuple[str, str]] = {
    "script": ("JSON", "A prompt script, the run.json of a run, or DAVIS scribbles: any prompts on any frames."),
    "at": ("FRAME|TIME", "Frame of the prompts that follow: 40, 2.5s or 00:01:02.5.  [default: 0]"),
    "object": ("NAME|ID", "Object of the prompts that follow; a new name gets the next free id."),
    "direction": ("DIR", "Frames that the prompts that follow speak for: forward, backward, both.  [default: forward]"),
    "first-frame-stroke": ("PNG|JSON", "Strokes painted over the first frame, one colour per object; or polylines."),
    "stroke": ("PNG|JSON", "The same for the frame of --at (a JSON says itself which frames it is about)."),
    "mask": ("PNG", "Index PNG or 0/255 picture of the whole frame; a soft border is cut at half."),
    "box": ("[ID:]X0,Y0,X1,Y1", "Box around the object, in pixels."),
    "point": ("[ID:]X,Y", "Point on the object, in pixels."),
    "negative-point": ("[ID:]X,Y", "Point beside the object."),
    "polygon": ("'[ID:]X,Y X,Y ...'", "Outline of the object."),
    "text": ("WORDS", "The object in words; needs a SEEM checkpoint."),
    "reference": ("IMAGE", "A picture that shows the object; one of the next two must follow."),
    "reference-mask": ("PNG", "Mask of the object on the --reference before it."),
    "reference-stroke": ("PNG|JSON", "Stroke on the --reference before it."),
    "remove": ("NAME|ID", "The object is gone from the frame of --at on."),
}


class PromptCommand(click.Command):
    """A command that remembers in which order its prompt options were given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        seen: Counter[str] = Counter()
        said: list[tuple[str, str]] = []
        for parameter in order:
            name = _option_of(parameter)
            if name is not None:
                said.append((name, values[parameter.name][seen[name]]))
                seen[name] += 1
        ctx.meta[_ORDER] = said
        return super().parse_args(ctx, args)


def _option_of(parameter: click.Parameter) -> str | None:
    name = (parameter.name or "").removeprefix("prompt_").replace("_", "-")
    return name if (parameter.name or "").startswith("prompt_") and name in _OPTIONS else None


def prompt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds all prompt options; `said_prompts` has their values, the command's function does not."""
    for name, (metavar, text) in reversed(_OPTIONS.items()):
        variable = f"prompt_{name.replace('-', '_')}"
        option = click.option(
            f"--{name}", variable, multiple=True, metavar=metavar, help=text, expose_value=False, type=str
        )
        command = option(command)
    return command


def said_prompts(
    video: str, source_options: Mapping[str, Any], *, names: Mapping[int, str] | None = None
) -> PromptScript:
    """The script that the options of the current command make.

    Args:
        video: What frames and times belong to; opened only for times.
        source_options: Keyword arguments of `open_source`.
        names: Objects that are known by name already.

    Raises:
        UsageError: Options that do not go together, an unknown name, or a time beyond the video's end.
        PromptError: A prompt cannot be read.
    """
    from vos.cli.prompt_parser import Listener

    listener = Listener(video, source_options, names or {})
    said: list[tuple[str, str]] = click.get_current_context().meta[_ORDER]
    listener.reserve([value for _, value in said])
    for name, value in said:
        listener.hear(name, value)
    for note in listener.notes:
        click.echo(f"vos: {note}", err=True)
    return listener.script()
