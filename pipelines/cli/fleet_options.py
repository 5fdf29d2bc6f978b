"""Options that choose the workers: how many, on which processors, in which cluster."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from vos.errors import UsageError

if TYPE_CHECKING:
    from pipelines.fleet.events import OnEvent
    from pipelines.fleet.worker_pool import WorkerPool

_NO_GPU = "none"
_ALL_GPUS = "all"
_AUTO = "auto"
_MAX_DECODERS = 256


class _EvenSide(click.IntRange):
    """Sides of a clip that is encoded with subsampled colour."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        side = int(super().convert(value, param, ctx))
        if side % 2:
            self.fail(f"{side} is odd; the codec of the clip needs an even number.", param, ctx)
        return side


EVEN = _EvenSide(32)


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Values of the options of `fleet_options`, named as these.

    Attributes:
        workers: None for one, or as many as the GPUs hold.
        gpus: `all`, `none` or numbers; None for all, unless the device is the CPU.
        fraction: Share of a GPU for each worker; None for as much as there is.
        threads: CPU threads of each worker.
        address: Address of a Ray cluster; None starts one if it is needed.
        decoders: `auto` or a number.
        stall: Seconds without progress after which a worker is replaced.
        retries: How often a job is retried after its worker was lost.
    """

    workers: int | None = None
    gpus: str | None = None
    fraction: float | None = None
    threads: int = 1
    address: str | None = None
    decoders: str = _AUTO
    stall: float = 300.0
    retries: int = 2


def fleet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --workers, --gpus and so on; the command's function gets their values as one argument `fleet`."""

    @wraps(command)
    def with_fleet(*args: Any, **values: Any) -> Any:
        own = {field.name: values.pop(field.name) for field in fields(FleetOptions)}
        return command(*args, fleet=FleetOptions(**own), **values)

    for option in (
        click.option(
            "--retries",
            type=click.IntRange(0),
            default=2,
            show_default=True,
            help="How often a video is retried after its worker was lost.",
        ),
        click.option(
            "--stall",
            type=click.FloatRange(min=0, min_open=True),
            default=300.0,
            show_default=True,
            metavar="SECONDS",
            help="Replace a worker that makes no progress for this long.",
        ),
        click.option(
            "--decoders",
            default=_AUTO,
            show_default=True,
            metavar="auto|N",
            help="Processes that decode for the workers; auto: if decoding is the bottleneck and cores are free.",
        ),
        click.option("--address", metavar="HOST:PORT", help="Use a running Ray cluster; auto finds a local one."),
        click.option(
            "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each worker."
        ),
        click.option(
            "--fraction",
            type=click.FloatRange(0, 1, min_open=True),
            metavar="SHARE",
            help="Share of a GPU for each worker.  [default: GPUs divided by workers, at most 1]",
        ),
        click.option(
            "--gpus",
            metavar="all|none|0,1,...",
            help="GPUs for the workers.  [default: all, unless --device cpu]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Processes that track, each one video at a time.  [default: one, or as many as --gpus holds]",
        ),
    ):
        with_fleet = option(with_fleet)
    return with_fleet


@contextmanager
def pool_factory(fleet: FleetOptions, *, device: str) -> Iterator[Callable[[], WorkerPool]]:
    """A function that makes the pool of the options: this process alone, unless several workers or a cluster is wanted.

    Raises:
        UsageError: Options that contradict each other.
    """
    from pipelines.fleet.ray_cluster import ClusterPlan, cluster, free_shared_memory, shared_memory_note
    from pipelines.fleet.ray_pool import RayPool
    from pipelines.fleet.worker_pool import LocalPool

    workers, address = fleet.workers, fleet.address
    if address is not None and workers is None:
        raise UsageError("--address needs --workers: how many of the cluster's processors to use")
    decoders = _decoder_count(fleet.decoders)
    if workers in (None, 1) and fleet.gpus is None and address is None and not decoders:
        yield lambda: LocalPool(threads=fleet.threads)
        return
    chosen = choose_gpus(fleet.gpus, device)
    share = fleet.fraction or (min(1.0, len(chosen) / workers) if chosen and workers else 1.0)
    count = workers or max(1, int(len(chosen) / share))
    if chosen and address is None and count * share > len(chosen):
        raise UsageError(f"{count} workers with {share:g} of a GPU each need more than {len(chosen)} GPU(s)")
    plan = ClusterPlan(count, fleet.threads, chosen, share, address, decoders)
    if address is None and (note := shared_memory_note(free_shared_memory(), plan.object_store_bytes)):
        click.echo(f"vos: {note}", err=True)
    with ExitStack() as stack:
        yield lambda: RayPool(stack.enter_context(cluster(plan)), plan, stall_seconds=fleet.stall)


@contextmanager
def fleet_session(
    fleet: FleetOptions, *, device: str, remedy: str, quiet: bool, as_json: bool
) -> Iterator[tuple[Callable[[], WorkerPool], OnEvent]]:
    """What a command needs to run jobs: how to make the pool, and who takes the events.

    Args:
        fleet: Values of the options.
        device: Value of --device.
        remedy: What to do after Ctrl-C, for the user.
        quiet, as_json: How progress is shown.

    Raises:
        UsageError: As `pool_factory`.
    """
    from pipelines.cli.batch_progress import choose_batch_progress

    with (
        _stop_on_signals(remedy),
        pool_factory(fleet, device=device) as make_pool,
        choose_batch_progress(quiet=quiet, as_json=as_json) as progress,
    ):
        yield make_pool, progress.handle


@contextmanager
def _stop_on_signals(remedy: str) -> Iterator[None]:
    """Makes SIGTERM (sent by the scheduler of a cluster) stop the command as Ctrl-C does, and prints the remedy."""

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"vos: stopped; {remedy}", err=True)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _decoder_count(text: str) -> int | None:
    """The value of --decoders; None for auto."""
    if text == _AUTO:
        return None
    if not text.isdecimal() or int(text) > _MAX_DECODERS:
        raise UsageError(f"--decoders {text}: must be auto, or a number from 0 (workers decode) to {_MAX_DECODERS}")
    return int(text)


def choose_gpus(text: str | None, device: str) -> tuple[int, ...]:
    """Numbers of GPUs from the value of --gpus.

    Raises:
        UsageError: Not numbers, or no such GPU.
    """
    if text == _NO_GPU or (text is None and device == "cpu"):
        return ()
    import torch

    available = torch.cuda.device_count()
    if text in (None, _ALL_GPUS):
        if text == _ALL_GPUS and available == 0:
            raise UsageError("--gpus all: no GPU is available on this machine; leave the option out to use the CPU")
        return tuple(range(available))
    try:
        chosen = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        raise UsageError(f"--gpus {text}: must be all, none, or numbers such as 0,1") from None
    wrong = [number for number in chosen if not 0 <= number < available]
    if wrong:
        raise UsageError(f"--gpus {text}: there is no GPU {wrong[0]}; this machine has {available}")
    return chosen
