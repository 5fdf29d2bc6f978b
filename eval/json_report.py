"""The report as JSON: every number at full precision, per object and frame."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from eval.report import ObjectScores, Report
from eval.sizes import scores_by_size
from eval.statistics import Statistics

FORMAT_VERSION = 1


def report_json(report: Report) -> str:
    """The report as a JSON document that ends with a newline. Numbers that are not finite become null."""
    document = {
        "format": FORMAT_VERSION,
        "dataset": report.dataset,
        "split": report.split,
        "headline": {label: _finite(value) for label, value in report.headline},
        "sequences": [
            {
                "name": item.name,
                "objects": item.objects,
                "frames": item.frames,
                "J&F": _finite(item.j_and_f),
                "J": _statistics(item.j),
                "F": _statistics(item.f),
            }
            for item in report.sequences
        ],
        "sizes": [asdict(item) for item in scores_by_size([item.series for item in report.objects])],
        "objects": [_object(item) for item in report.objects],
        "notes": list(report.notes),
        "missing": list(report.missing),
    }
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _object(item: ObjectScores) -> dict[str, Any]:
    series = item.series
    return {
        "name": item.name,
        "sequence": item.sequence,
        "object_id": series.object_id,
        "predicted_id": series.proposal,
        "group": series.group,
        "J&F": _finite(item.j_and_f),
        "J": _statistics(item.j),
        "F": _statistics(item.f),
        "Dice": float(series.dice.mean()),
        "frames": list(series.stems),
        "J_per_frame": series.j.tolist(),
        "F_per_frame": series.f.tolist(),
        "area_per_frame": series.area.tolist(),
    }


def _statistics(statistics: Statistics) -> dict[str, float | None]:
    return {
        "mean": _finite(statistics.mean),
        "recall": _finite(statistics.recall),
        "decay": _finite(statistics.decay),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
