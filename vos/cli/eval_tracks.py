"""`vos eval tracks`: HOTA and IDF1 of masks whose ids need not be those of the ground truth."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(short_help="HOTA, DetA, AssA and IDF1 of masks, with any ids.")
@click.argument("predictions", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--truth",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of the ground truth: <sequence>/<frame>.png, as the predictions.",
)
@click.option("--sequence", "sequences", multiple=True, help="Only this sequence; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
def tracks(predictions: Path, truth: Path, sequences: tuple[str, ...], as_json: bool) -> None:
    """Score the tracks in PREDICTIONS/<sequence>/<frame>.png by HOTA, DetA, AssA and IDF1, as TrackEval does.

    Ids may differ from those of the ground truth: tracks are matched by overlap. All frames count, the first too.
    """
    from eval.hota import hota_counts, sum_counts
    from eval.identity import identity_counts, sum_identities
    from eval.overlaps import read_sequences

    counts = {}
    for name, frames in read_sequences(truth, predictions, sequences):
        counts[name] = (hota_counts(frames), identity_counts(frames))
    everything = (sum_counts(item for item, _ in counts.values()), sum_identities(item for _, item in counts.values()))
    rows = {
        name: {"HOTA": hota.hota, "DetA": hota.det_a, "AssA": hota.ass_a, "IDF1": identity.idf1}
        for name, (hota, identity) in {**counts, "": everything}.items()
    }
    overall = rows.pop("")
    if as_json:
        click.echo(json.dumps({"overall": overall, "sequences": rows}))
        return
    click.echo(f"{'':24}" + "".join(f"{label:>8}" for label in overall))
    for name, row in {**rows, "all sequences": overall}.items():
        click.echo(f"{name:24}" + "".join(f"{value:8.4f}" for value in row.values()))
