"""`vos benchmark gate`: what continuous integration asks, whether tracking has become worse."""

from __future__ import annotations

import click


@click.command(short_help="Fail if the default tracker scores less than it did (for continuous integration).")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: processors]")
@click.option("--renew", is_flag=True, help="Store what is measured now as the number to hold.")
def gate(jobs: int | None, renew: bool) -> int:
    """Track a small set of made clips with the default tracker; exit with status 1 if J&F is below the stored number.

    The number is in pipelines/made/gate.toml. After a change that is meant to change it, --renew writes it anew.
    """
    from pipelines.made.gate import NOISE, STORED, measure_gate, renew_gate
    from vos.resources.threads import available_cpus

    outcome = measure_gate(jobs or available_cpus())
    click.echo(f"J&F {outcome.j_and_f:.4f}, stored {outcome.stored:.4f}, allowed loss {NOISE}")
    if renew:
        renew_gate(outcome)
        click.echo(f"{STORED}: renewed")
        return 0
    if outcome.weights_sha256 != outcome.stored_weights:
        click.echo(
            f"vos: the weights are {outcome.weights_sha256[:12]}, the stored number is of "
            f"{outcome.stored_weights[:12] or 'none'}; `vos benchmark gate --renew` stores theirs",
            err=True,
        )
    if not outcome.passed:
        click.echo(
            f"vos: J&F {outcome.j_and_f:.4f} is below {outcome.stored - NOISE:.4f}: tracking got worse", err=True
        )
        return 1
    return 0
