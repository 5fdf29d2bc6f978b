"""The CSV files of davis2017-evaluation, character by character (its pandas output with "%.3f")."""

from __future__ import annotations

import csv
import io
import math

from eval.report import Report


def global_csv(report: Report) -> str:
    """Content of `global_results-<split>.csv`: the headline numbers."""
    return _table([label for label, _ in report.headline], [[_number(value) for _, value in report.headline]])


def per_sequence_csv(report: Report) -> str:
    """Content of `per-sequence_results-<split>.csv`: mean J and F of each object."""
    rows = [[item.name, _number(item.j.mean), _number(item.f.mean)] for item in report.objects]
    return _table(["Sequence", "J-Mean", "F-Mean"], rows)


def csv_files(report: Report) -> dict[str, str]:
    """Both files: content by file name."""
    return {
        f"global_results-{report.split}.csv": global_csv(report),
        f"per-sequence_results-{report.split}.csv": per_sequence_csv(report),
    }


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
