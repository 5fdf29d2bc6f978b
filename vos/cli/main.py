"""Entry point of the `vos` command: a table of commands, each imported only when it is called.

Exit status: 0 done, 1 failed, 2 usage, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from vos.cli.lazy import CommandEntry, LazyGroup
from vos.errors import exit_code_of, message_of
from vos.resources.threads import wait_calmly

COMMANDS: dict[str, CommandEntry] = {
    "track": CommandEntry("vos.cli.track:track", "Masks for every frame of one video, from prompts on any frame."),
    "correct": CommandEntry("vos.cli.correct:correct", "Change the prompts of a run; re-track the affected frames."),
    "edit": CommandEntry("vos.cli.edit:edit", "Swap, merge, split, delete, lock objects of a run, without tracking."),
    "demo": CommandEntry("vos.cli.demo:demo", "Track the rabbit of the demo clip and show a contact sheet."),
    "ui": CommandEntry("vos.cli.ui:ui", "Draw prompts in the browser, track, correct, export."),
    "eval": CommandEntry("vos.cli.eval:evaluate_group", "Score masks (J, F, J&F), or pack them for a server."),
    "batch": CommandEntry("pipelines.cli.batch:batch", "Masks for many videos, with workers, retries and resume."),
    "benchmark": CommandEntry("pipelines.cli.benchmark:benchmark", "Track a whole data set and score the masks."),
    "doctor": CommandEntry(
        "vos.cli.doctor:doctor", "Show what a clip is, what is unusual about it and how it is read."
    ),
    "frame": CommandEntry("vos.cli.frame:frame", "Write one frame of a clip as PNG, to paint on."),
    "segment": CommandEntry("vos.cli.segment:segment", "Masks of one picture, with the released SEEM models."),
    "weights": CommandEntry("vos.cli.weights:weights", "The released SEEM checkpoints: list, pull, verify, convert."),
    "convert": CommandEntry("vos.cli.convert:convert", "Write finished masks in the formats of other tools."),
    "report": CommandEntry("vos.cli.report:report", "One HTML file that shows where a run needs a correction."),
    "verify": CommandEntry("vos.cli.verify:verify", "Check finished masks against their clip, frame by frame."),
    "replay": CommandEntry("vos.cli.replay:replay", "Repeat a run from its run.json and compare every mask."),
    "train": CommandEntry("pipelines.cli.train:train", "Train the compact model on still images."),
    "export": CommandEntry("pipelines.cli.export_model:export", "Write a model as ONNX or TorchScript."),
    "perf": CommandEntry("pipelines.cli.perf:perf", "Measure speed and memory on this machine."),
}


_CONTROL_CHARACTERS = re.compile(r"\n(?!  )|[\x00-\x09\x0b-\x1f\x7f]")


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from vos.version import __version__

    click.echo(f"vos {__version__}")
    ctx.exit()


@click.group(
    cls=LazyGroup, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "--version",
    is_flag=True,
    callback=_print_version,
    expose_value=False,
    is_eager=True,
    help="Show the version and exit.",
)
def cli() -> None:
    """Segment and track objects through video from one prompt on the first annotated frame."""


def printable(message: str) -> str:
    """A message with control characters escaped: file names may hold line feeds and terminal codes.

    A line feed before two spaces stays: that is how lists are printed.
    """
    return _CONTROL_CHARACTERS.sub(lambda found: repr(found[0])[1:-1], message)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which service managers and batch systems send: everything ends as after Ctrl+C."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # A second one ends the process at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated("terminated (SIGTERM)")


@contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM end the block in order: a run records that it was interrupted. Others' handlers stay."""
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line and exits. Users' mistakes end in one line on stderr, never in a traceback."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Before any command imports a library that starts threads.
    wait_calmly()
    try:
        with _terminable():
            status = cli.main(args=argv, prog_name="vos", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click turns every KeyboardInterrupt into an Abort.
        if isinstance(error, Terminated) or isinstance(error.__cause__, Terminated):
            click.echo("vos: terminated", err=True)
            sys.exit(128 + signal.SIGTERM)
        click.echo("vos: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`vos ... | head`); Python would complain again at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        exit_code = exit_code_of(error)
        if exit_code is None:
            raise
        click.echo(f"vos: error: {printable(message_of(error))}", err=True)
        sys.exit(exit_code)
    sys.exit(status if isinstance(status, int) else 0)
