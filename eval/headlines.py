"""The numbers that papers quote for a data set, from the scores of its objects."""

from __future__ import annotations

from collections.abc import Callable

from eval.report import Report

Headline = Callable[[Report], tuple[tuple[str, float], ...]]


def davis_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """The columns of the official `global_results-<split>.csv`, in their order."""
    j, f = report.j, report.f
    return (
        ("J&F-Mean", (j.mean + f.mean) / 2),
        ("J-Mean", j.mean),
        ("J-Recall", j.recall),
        ("J-Decay", j.decay),
        ("F-Mean", f.mean),
        ("F-Recall", f.recall),
        ("F-Decay", f.decay),
    )
