"""`vos eval ap`: COCO-style mask AP of pictures and tracks."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("ap", short_help="COCO-style mask AP of detections or tracks in JSON files.")
@click.argument("results", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help='COCO file ("images") or YouTube-VIS file ("videos") of the ground truth.',
)
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
def average_precision(results: Path, truth: Path, as_json: bool) -> None:
    """Score RESULTS, detections of a COCO file or tracks of a YouTube-VIS file, by COCO's mask AP.

    RESULTS is the list that servers take (with "score" and masks as run lengths), or a file as `vos convert --to coco`
    and `--to youtube-vis` write, in which every score is 1. -1 stands where there is nothing to find.
    """
    from eval.coco_files import score_coco_files

    headline = score_coco_files(truth, results).headline
    if as_json:
        click.echo(json.dumps(headline))
        return
    for name, value in headline.items():
        click.echo(f"{name:>6} {value:.4f}")
