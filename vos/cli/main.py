"""Entry point of the `vos` command: a table of commands, each imported only when it is called.

Exit status: 0 done, 1 failed, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class CommandEntry:
    """Where a command lives (`module:attribute`) and the line that `vos --help` shows for it."""

    target: str
    summary: str


COMMANDS: dict[str, CommandEntry] = {
    "track": CommandEntry("vos.cli.track:track", "Masks for every frame of one video, from prompts on the first."),
    "demo": CommandEntry("vos.cli.demo:demo", "Track the rabbit of the demo clip and show a contact sheet."),
    "doctor": CommandEntry("vos.cli.doctor:doctor", "Say what a clip is, what is odd about it and how it is read."),
}


class LazyGroup(click.Group):
    """A click group that reads its commands from `COMMANDS`, so that `vos --help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, attribute = entry.target.split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from vos import __version__

    click.echo(f"vos {__version__}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True)
def cli() -> None:
    """Segment and track objects through video from one prompt on the first annotated frame."""


def main(argv: list[str] | None = None) -> None:
    """Runs the command line and exits. Users' mistakes end in one line on stderr, never in a traceback."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        status = cli.main(args=argv, prog_name="vos", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("vos: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`vos ... | head`); Python would complain again at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if exit_code is None:
            raise
        click.echo(f"vos: error: {error}", err=True)
        sys.exit(exit_code)
    sys.exit(status if isinstance(status, int) else 0)
