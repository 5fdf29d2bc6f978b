"""`vos perf eval`: speed and memory of the scorer."""

from __future__ import annotations

import click


@click.command(name="eval", short_help="The mask scorer compared with a plain implementation of the definition.")
@click.option("--frames", type=click.IntRange(min=2), default=40, show_default=True, help="Scored frames per sequence.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds; the best counts.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Number of processes for the scaling test; 1 skips it.",
)
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure peak memory too.")
def perf_eval(frames: int, rounds: int, jobs: int, memory: bool) -> None:
    """Time the mask scorer and a plain implementation of J and F on the same masks, and compare their numbers.

    The masks are generated for the run (480x854, one object and five). CPU time includes decoding the PNGs. Fails with
    status 1 if any number differs.
    """
    from rich.console import Console
    from rich.table import Table

    from eval.scorer_speed import logical_cpus, measure_scorer

    console = Console(highlight=False)
    result = measure_scorer(frames=frames, rounds=rounds, jobs=jobs, memory=memory)
    table = Table(title="CPU time per 480x854 frame, decoding included; numbers equal")
    for label in ("objects", "frames", "baseline ms", "scorer ms", "speedup"):
        table.add_column(label, justify="right")
    for speed in result.speed:
        cells = (f"{speed.baseline_ms:.2f}", f"{speed.scorer_ms:.2f}", f"{speed.speedup:.1f}x")
        table.add_row(str(speed.objects), str(speed.frames), *cells)
    console.print(table)
    console.print(f"PNGs inflated by {result.inflate}")
    if result.scaling:
        scaling = result.scaling
        console.print(
            f"{scaling.jobs} jobs: {scaling.speedup:.2f}x of one ({scaling.one_seconds:.2f} s -> "
            f"{scaling.jobs_seconds:.2f} s wall, {scaling.frames} frames, {logical_cpus()} processors)"
        )
    for peak in result.memory:
        console.print(f"peak memory: {peak.peak_mib:.0f} MiB for {peak.frames} frames")
