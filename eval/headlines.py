"""The numbers that papers quote for a data set, from the scores of its objects."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from eval.report import ObjectScores, Report
from eval.statistics import Statistics
from eval.visibility import Runs, find_runs, mean_over_runs

Headline = Callable[[Report], tuple[tuple[str, float], ...]]


def davis_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """See `davis_columns`."""
    return davis_columns(report.j, report.f)


def davis_columns(j: Statistics, f: Statistics) -> tuple[tuple[str, float], ...]:
    """The columns of the official `global_results-<split>.csv`, in their order."""
    return (
        ("J&F-Mean", (j.mean + f.mean) / 2),
        ("J-Mean", j.mean),
        ("J-Recall", j.recall),
        ("J-Decay", j.decay),
        ("F-Mean", f.mean),
        ("F-Recall", f.recall),
        ("F-Decay", f.decay),
    )


def mean_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """J&F, J and F, means over objects."""
    return (("J&F", report.j_and_f), ("J", report.j.mean), ("F", report.f.mean))


def mosev2_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """The columns of the MOSEv2 scorer: means over objects, of absences and returns over the objects that have any."""
    classic = float(
        np.mean([np.mean(item.series.classic_f) for item in report.objects if item.series.classic_f is not None])
    )
    return (
        ("J&F_new", report.j_and_f),
        ("J", report.j.mean),
        ("F_new", report.f.mean),
        ("disappear-J&F_new", _mean_over_runs(report, lambda runs: runs.absences)),
        ("reappear-J&F_new", _mean_over_runs(report, lambda runs: runs.returns)),
        ("F", classic),
        ("J&F", (report.j.mean + classic) / 2),
    )


def _mean_over_runs(report: Report, choose: Callable[[Runs], tuple[range, ...]]) -> float:
    """Mean of J and F in some runs of frames, over objects; nan if no object has such a run."""
    found = []
    for item in report.objects:
        runs = choose(find_runs(item.series.area == 0))
        j, f = mean_over_runs(item.series.j, runs), mean_over_runs(item.series.f, runs)
        if j is not None and f is not None:
            found.append((j, f))
    return float(np.mean(np.mean(found, axis=0))) if found else float("nan")


def vost_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """Mean J over all frames, and over the last quarter of each sequence (frames from floor(0.75 n) on)."""
    last = [float(np.mean(item.series.j[math.floor(len(item.series.j) * 0.75) :])) for item in report.objects]
    return (("J", report.j.mean), ("J-last-quarter", float(np.mean(last))))


def youtube_vos_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """G = mean of J and F over seen and unseen objects; without groups J&F, J and F."""
    if all(item.series.group == "all" for item in report.objects):
        return mean_headline(report)
    (j_seen, f_seen), (j_unseen, f_unseen) = report.group_means("seen"), report.group_means("unseen")
    return (
        ("G", (j_seen + j_unseen + f_seen + f_unseen) / 4),
        ("J-seen", j_seen),
        ("J-unseen", j_unseen),
        ("F-seen", f_seen),
        ("F-unseen", f_unseen),
    )


def lvos_headline(report: Report) -> tuple[tuple[str, float], ...]:
    """The columns of the official LVOS results: means of seen and unseen videos, and V, the spread over time."""
    (j_seen, f_seen), (j_unseen, f_unseen) = report.group_means("seen"), report.group_means("unseen")
    v_seen, v_unseen = _group_spread(report, "seen"), _group_spread(report, "unseen")
    return (
        ("J&F-Mean", (j_seen + f_seen + (j_unseen + f_unseen)) / 4.0),
        ("J-Mean", (j_seen + j_unseen) / 2),
        ("J-seen-Mean", j_seen),
        ("J-unseen-Mean", j_unseen),
        ("F-Mean", (f_seen + f_unseen) / 2),
        ("F-seen-Mean", f_seen),
        ("F-unseen-Mean", f_unseen),
        ("V-Mean", (v_seen + v_unseen) / 2),
        ("V-seen-Mean", v_seen),
        ("V-unseen-Mean", v_unseen),
    )


def spread_over_time(item: ObjectScores) -> float:
    """LVOS V of one object: standard deviation of (J + F) / 2 over its frames.

    Parity: the variance is rounded to four digits before the root, as in lvos-evaluation.
    """
    values = (item.series.j + item.series.f) / 2
    variance = float(np.sum((np.mean(values) - values) ** 2) / len(values))
    return math.sqrt(round(variance, 4))


def _group_spread(report: Report, group: str) -> float:
    spreads = [spread_over_time(item) for item in report.objects if item.series.group == group]
    return float(np.mean(spreads)) if spreads else float("nan")
