"""Options that say who does the work: how many workers, on which processors, in which cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from vos.errors import UsageError

if TYPE_CHECKING:
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


def fleet_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--workers, --gpus, --fraction, --threads, --address, --decoders, --stall, --retries."""
    for option in (
        click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="After a lost worker."),
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
            help="Processes that decode for the workers; auto: where decoding limits them and cores are free.",
        ),
        click.option(
            "--address", metavar="HOST:PORT", help="Use a Ray cluster that is already running; auto finds it."
        ),
        click.option(
            "--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads of each worker."
        ),
        click.option(
            "--fraction",
            type=click.FloatRange(0, 1, min_open=True),
            metavar="SHARE",
            help="Share of a GPU for each worker.  [default: GPUs over workers, at most 1]",
        ),
        click.option(
            "--gpus",
            metavar="all|none|0,1,...",
            help="GPUs for the workers.  [default: all, unless --device cpu]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Processes that track, one video each at a time.  [default: one, or as many as --gpus holds]",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def pool_factory(
    *,
    workers: int | None,
    gpus: str | None,
    fraction: float | None,
    threads: int,
    address: str | None,
    stall: float,
    device: str,
    decoders: str = "0",
) -> Iterator[Callable[[], WorkerPool]]:
    """Makes the pool that the options ask for; without several workers or a cluster it is this process alone.

    Raises:
        UsageError: Options that do not go together.
    """
    from pipelines.fleet.ray_cluster import ClusterPlan, cluster, free_shared_memory, shared_memory_note
    from pipelines.fleet.ray_pool import RayPool
    from pipelines.fleet.worker_pool import LocalPool

    if address is not None and workers is None:
        raise UsageError("--address needs --workers: how many of the cluster's processors to take")
    count_of_decoders = _decoder_count(decoders)
    if workers in (None, 1) and gpus is None and address is None and not count_of_decoders:
        yield lambda: LocalPool(threads=threads)
        return
    chosen = choose_gpus(gpus, device)
    share = fraction or (min(1.0, len(chosen) / workers) if chosen and workers else 1.0)
    count = workers or max(1, int(len(chosen) / share))
    if chosen and address is None and count * share > len(chosen):
        raise UsageError(f"{count} workers with {share:g} of a GPU each need more than {len(chosen)} GPU(s)")
    plan = ClusterPlan(count, threads, chosen, share, address, count_of_decoders)
    if address is None and (note := shared_memory_note(free_shared_memory(), plan.object_store_bytes)):
        click.echo(f"vos: {note}", err=True)
    with ExitStack() as stack:
        yield lambda: RayPool(stack.enter_context(cluster(plan)), plan, stall_seconds=stall)


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

    there = torch.cuda.device_count()
    if text in (None, _ALL_GPUS):
        if text == _ALL_GPUS and there == 0:
            raise UsageError("--gpus all: no GPU is available on this machine; leave it out to work on the CPU")
        return tuple(range(there))
    try:
        chosen = tuple(int(part) for part in str(text).split(","))
    except ValueError:
        raise UsageError(f"--gpus {text}: must be all, none, or numbers such as 0,1") from None
    wrong = [number for number in chosen if not 0 <= number < there]
    if wrong:
        raise UsageError(f"--gpus {text}: there is no GPU {wrong[0]}; this machine has {there}")
    return chosen
