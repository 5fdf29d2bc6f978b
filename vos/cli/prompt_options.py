"""The prompts of `vos track` and `vos correct`: options whose order counts, and the script that they make up.

`--at`, `--object` and `--direction` apply to the prompt options after them, until they are given again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from vos.cli.prompt_kinds import PROMPT_KINDS

if TYPE_CHECKING:
    from vos.prompts import PromptScript

_ORDER = "vos.prompt_options"
_NOTES = "vos.prompt_notes"

# Options that are not prompts themselves -> (metavar, help).
_BEFORE: dict[str, tuple[str, str]] = {
    "script": ("JSON", "A prompt script, the run.json of a run, or DAVIS scribbles: any prompts on any frames."),
    "at": ("FRAME|TIME", "Frame of the following prompts: 40, 2.5s or 00:01:02.5.  [default: 0]"),
    "object": ("NAME|ID", "Object of the following prompts; a new name gets the next free id."),
    "direction": (
        "DIR",
        "Frames that the following prompts apply to: forward, backward or both.  [default: forward]",
    ),
    "candidate": ("N", "Which reading of the next point is meant: 1 is the largest of up to 3.  [default: the best]"),
}
# Options without a value.
_FLAGS: dict[str, str] = {
    "replace": "The following prompts of this frame start afresh; else points and strokes correct the mask there.",
}
_AFTER: dict[str, tuple[str, str]] = {
    "reference": ("IMAGE", "A picture that shows the object; one of the next two options must follow."),
    "reference-mask": ("PNG", "Mask of the object in the preceding --reference."),
    "reference-stroke": ("PNG|JSON", "Stroke on the object in the preceding --reference."),
    "remove": ("NAME|ID", "The object is gone from the frame of --at onwards."),
}
# Option -> (metavar, help). The order is that of --help.
_OPTIONS = {**_BEFORE, **{name: (kind.metavar, kind.help) for name, kind in PROMPT_KINDS.items()}, **_AFTER}


def prompt_option_names() -> tuple[str, ...]:
    """All options that make up a script, without their dashes."""
    return (*_OPTIONS, *_FLAGS)


class PromptCommand(click.Command):
    """A command that remembers in which order its prompt options were given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        seen: Counter[str] = Counter()
        given: list[tuple[str, str]] = []
        for parameter in order:
            name = _option_of(parameter)
            if name is not None:
                given.append((name, values[parameter.name][seen[name]]))
                seen[name] += 1
        ctx.meta[_ORDER] = given
        return super().parse_args(ctx, args)


def _option_of(parameter: click.Parameter) -> str | None:
    name = (parameter.name or "").removeprefix("prompt_").replace("_", "-")
    return name if (parameter.name or "").startswith("prompt_") and name in prompt_option_names() else None


def prompt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds all prompt options. `parse_prompt_options` gives their values; the command's function gets none."""
    for name, text in _FLAGS.items():
        variable = f"prompt_{name}"
        flag = click.option(f"--{name}", variable, multiple=True, is_flag=True, help=text, expose_value=False)
        command = flag(command)
    for name, (metavar, text) in reversed(_OPTIONS.items()):
        variable = f"prompt_{name.replace('-', '_')}"
        option = click.option(
            f"--{name}", variable, multiple=True, metavar=metavar, help=text, expose_value=False, type=str
        )
        command = option(command)
    return command


def parse_prompt_options(
    video: str, source_options: Mapping[str, Any], *, names: Mapping[int, str] | None = None
) -> PromptScript:
    """The script that the prompt options of the current command make up.

    Args:
        video: The video that frames and times belong to; opened only for times.
        source_options: Keyword arguments of `open_source`.
        names: Object id -> name of objects that have one already.

    Raises:
        UsageError: Options that contradict each other, an unknown name, or a time beyond the video's end.
        PromptError: A prompt cannot be read.
    """
    from vos.cli.prompt_parser import PromptOptionParser

    parser = PromptOptionParser(video, source_options, names or {})
    given: list[tuple[str, Any]] = click.get_current_context().meta[_ORDER]
    parser.reserve([value for _, value in given if isinstance(value, str)])
    for name, value in given:
        parser.feed(name, "" if name in _FLAGS else value)
    for note in parser.notes:
        click.echo(f"vos: {note}", err=True)
    click.get_current_context().meta[_NOTES] = tuple(str(note) for note in parser.notes if note.is_unusual)
    return parser.script()


def prompt_notes() -> tuple[str, ...]:
    """What is unusual in the pictures of `parse_prompt_options`, which has printed it."""
    notes: tuple[str, ...] = click.get_current_context().meta.get(_NOTES, ())
    return notes
