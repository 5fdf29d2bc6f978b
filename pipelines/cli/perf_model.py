"""`vos perf model`: the cost of one frame of a released SEEM model."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command("model")
@click.option("--config", default="focalt_unicl_lang_v1", show_default=True, help="Configuration of the release.")
@click.option("--width", type=click.IntRange(32), default=910, show_default=True)
@click.option("--height", type=click.IntRange(32), default=512, show_default=True)
@click.option(
    "--objects", type=click.IntRange(1, 50), multiple=True, default=(1, 3), show_default=True, help="May be repeated."
)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Frames per measurement.")
@click.option("--plain/--no-plain", default=True, show_default=True, help="Also measure the plain path.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1: where to compute.")
@click.option(
    "--variant", metavar="WORDS", help="bfloat16, float16, channels_last, compile, with commas; its error is printed."
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def perf_model(
    config: str,
    width: int,
    height: int,
    objects: tuple[int, ...],
    repeats: int,
    plain: bool,
    device: str,
    variant: str | None,
    threads: int,
    as_json: bool,
) -> None:
    """Seconds of processor time per frame in video mode, by stage, with pseudo-random weights (no checkpoint needed).

    The plain path does what the released code does, object after object; both give the same masks. On a GPU
    the seconds are device time, and peak memory is printed too.
    """
    import torch

    from seem_model.configs import config_named
    from seem_model.frame_cost import STAGES, Deviation, FrameTimer, deviation
    from seem_model.variants import split_name
    from vos.resources.allocator import keep_freed_memory
    from vos.tracking.load_model import choose_device

    torch.set_num_threads(threads)
    keep_freed_memory()
    where = choose_device(device)
    released = config_named(config)
    chosen = split_name(config if variant is None else f"{config}:{variant}")[1]
    exact = []
    if not chosen.is_exact:
        reference = FrameTimer(released, height=height, width=width, device=where)
        exact = [reference.masks(reference.prompts(count)) for count in objects]
        del reference
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
    timer = FrameTimer(released, height=height, width=width, device=where, variant=chosen)
    ours, plain_costs = [], []
    errors: list[Deviation] = []
    for count in objects:
        prompts = timer.prompts(count)
        ours.append(timer.measure(prompts, repeats=repeats))
        if exact:
            errors.append(deviation(timer.masks(prompts), exact[len(errors)]))
        if plain:
            plain_costs.append(timer.measure_plain(prompts, repeats=1))
    peak = torch.cuda.max_memory_allocated(where) if where.type == "cuda" else None
    if as_json:
        runs = [{"path": "product", "objects": c.objects, "seconds": c.seconds, "total": c.total} for c in ours]
        runs += [{"path": "plain", "objects": c.objects, "seconds": c.seconds, "total": c.total} for c in plain_costs]
        about = {"config": config, "variant": variant, "width": width, "height": height, "peak_bytes": peak}
        click.echo(json.dumps({**about, "runs": runs, "deviations": [asdict(error) for error in errors]}))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"{config}, {width}x{height}, {where}, {variant or 'float32'}, {threads} threads; seconds per frame"
    )
    table.add_column("")
    for name, costs in (("ours", ours), ("plain", plain_costs)):
        for cost in costs:
            table.add_column(f"{name}, {cost.objects} object{'s' if cost.objects > 1 else ''}", justify="right")
    every = [*ours, *plain_costs]
    for stage in STAGES:
        table.add_row(stage, *(f"{cost.seconds[stage]:.3f}" for cost in every))
    table.add_section()
    table.add_row("total", *(f"{cost.total:.3f}" for cost in every))
    first = [ours[0].total] * len(ours) + [cost.total for cost in plain_costs[:1]] * len(plain_costs)
    table.add_row("relative to the first column", *(f"{c.total / f:.2f}" for c, f in zip(every, first, strict=True)))
    if plain_costs:
        ratios = [cost.total / reference.total for cost, reference in zip(ours, plain_costs, strict=True)]
        table.add_row("over plain", *(f"{ratio:.2f}" for ratio in ratios), *("" for _ in plain_costs))
    Console().print(table)
    for count, error in zip(objects, errors, strict=False):
        click.echo(
            f"{count} object{'s' if count > 1 else ''} against float32: {error.rms:.1e} standard deviations (largest "
            f"{error.largest:.1e}), {error.flipped:.3%} of the pixels flipped"
        )
    if peak is not None:
        click.echo(f"peak memory {peak / 2**20:.0f} MiB")
