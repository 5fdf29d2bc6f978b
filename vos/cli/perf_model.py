"""`vos perf model`: what a frame costs in an official SEEM model, against the released way of computing."""

from __future__ import annotations

import click


@click.command("model")
@click.option("--config", default="focalt_unicl_lang_v1", show_default=True, help="Which SEEM configuration.")
@click.option("--size", type=(int, int), default=(512, 910), show_default=True, help="Height and width of the frame.")
@click.option("--objects", type=click.IntRange(1, 64), multiple=True, default=(1, 3), show_default=True)
@click.option("--repeats", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="CPU threads.")
def perf_model(
    config: str, size: tuple[int, int], objects: tuple[int, ...], repeats: int, device: str, threads: int
) -> None:
    """Seconds per frame of an official SEEM model by stage, ours and plain. Weights are pseudo-random."""
    import torch

    from seem_model.benchmark import STAGES, frame_cost
    from seem_model.configs import config_named
    from seem_model.pseudo_weights import pseudo_model

    torch.set_num_threads(threads)
    model = pseudo_model(config_named(config)).to(device)
    unit = "CPU seconds" if device == "cpu" else "seconds"
    click.echo(f"{config}, {size[0]} x {size[1]}, {device}, {threads} threads: {unit} per frame")
    click.echo(f"{'objects':>7} {'path':>6} " + " ".join(f"{stage:>13}" for stage in STAGES) + f" {'total':>8}")
    first = 0.0
    for count in objects:
        cost = frame_cost(model, *size, objects=count, repeats=repeats)
        first = first or cost.total
        for name, seconds, total in (("ours", cost.seconds, cost.total), ("plain", cost.plain, cost.plain_total)):
            row = " ".join(f"{seconds[stage]:13.2f}" for stage in STAGES)
            click.echo(f"{count:7} {name:>6} {row} {total:8.2f}")
        click.echo(
            f"        plain / ours {cost.plain_total / cost.total:.2f}, "
            f"{count} / {objects[0]} objects {cost.total / first:.2f}, "
            f"masks differ by {cost.deviation:.1e} of their std"
        )
