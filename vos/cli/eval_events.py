"""`vos eval events`: returns, false masks and switches of objects, counted."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from eval.events import ObjectEvents

_SOON = 5


@click.command(short_help="Frames until found again, masks of absent objects, switches.")
@click.argument("predictions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--truth",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of the ground truth: <sequence>/<frame>.png, as the predictions.",
)
@click.option("--sequence", "sequences", multiple=True, help="Only this sequence; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
def events(predictions: Path, truth: Path, sequences: tuple[str, ...], as_json: bool) -> None:
    """Count events in PREDICTIONS/<sequence>/<frame>.png: ids are those of the ground truth, as in semi-supervised VOS.

    Of each object: returns after an absence and the frames until it is found again (IoU of at least 0.5), frames with
    a mask while it is absent, and switches of its mask to another object.
    """
    from eval.events import object_events
    from eval.overlaps import read_sequences

    found = {}
    for name, frames in read_sequences(truth, predictions, sequences):
        ids = sorted({key for frame in frames for key in frame.true_ids.tolist()})
        found[name] = [object_events(frames, key) for key in ids]
    overall = _overall([item for items in found.values() for item in items])
    if as_json:
        rows = {name: [asdict(item) for item in items] for name, items in found.items()}
        click.echo(json.dumps({"overall": overall, "sequences": rows}))
        return
    for name, items in found.items():
        for item in items:
            after = ", ".join("never" if value is None else str(value) for value in item.found_after) or "-"
            click.echo(
                f"{name:24} object {item.object_id:<5} found again after {after} frames; "
                f"{item.false_frames} of {item.absent_frames} absent frames painted; {item.switches} switch(es)"
            )
    click.echo("all: " + ", ".join(f"{label.replace('_', ' ')} {value}" for label, value in overall.items()))


def _overall(items: list[ObjectEvents]) -> dict[str, float | int | None]:
    from statistics import median

    after = [value for item in items for value in item.found_after if value is not None]
    return {
        "returns": sum(item.returns for item in items),
        "found_again": len(after),
        f"found_within_{_SOON}": sum(value <= _SOON for value in after),
        "median_frames_until_found": median(after) if after else None,
        "absent_frames": sum(item.absent_frames for item in items),
        "false_frames": sum(item.false_frames for item in items),
        "switches": sum(item.switches for item in items),
    }
