"""Runs davis2017-evaluation, if the user has it, to compare its numbers with ours."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.errors import EvalError, EvalUsageError
from eval.headlines import davis_columns
from eval.report import Report
from eval.statistics import Statistics

_TASKS = {"davis17": "semi-supervised", "davis17-unsupervised": "unsupervised"}
_HOME = "https://github.com/davisvideochallenge/davis2017-evaluation"


class OfficialToolError(EvalError):
    """The official tool is not installed, exited early, or scored other objects."""


@dataclass(frozen=True, slots=True)
class OfficialScores:
    """What the official tool computed.

    Attributes:
        headline: Its global numbers, named and ordered as ours.
        objects: Mean J and mean F by name of the object.
    """

    headline: tuple[tuple[str, float], ...]
    objects: dict[str, tuple[float, float]]


def run_official(
    predictions: Path, *, dataset: str, root: Path, split: str, sequences: Sequence[str] = ()
) -> OfficialScores:
    """Scores the predictions with the official tool, in this process. Its messages go to stderr.

    Raises:
        EvalUsageError: The tool does not know the data set.
        OfficialToolError: The tool cannot be imported, exits, or fails.
    """
    if dataset not in _TASKS:
        raise EvalUsageError(f"davis2017-evaluation does not score {dataset}; --backend official: {', '.join(_TASKS)}")
    try:
        module = importlib.import_module("davis2017.evaluation")
    except ImportError as error:
        raise OfficialToolError(f"davis2017-evaluation cannot be imported ({error}); see {_HOME}") from error
    try:
        with contextlib.redirect_stdout(sys.stderr):
            chosen = list(sequences) or "all"
            tool = module.DAVISEvaluation(str(root), _TASKS[dataset], split, sequences=chosen)
            results = tool.evaluate(str(predictions))
    except SystemExit as error:
        raise OfficialToolError(f"davis2017-evaluation stopped with exit status {error.code or 0}") from error
    except Exception as error:
        raise OfficialToolError(f"davis2017-evaluation failed: {type(error).__name__}: {error}") from error
    return _read_results(results)


def _read_results(results: dict[str, dict[str, Any]]) -> OfficialScores:
    means = {
        key: Statistics(*(float(np.mean(results[key][column])) for column in ("M", "R", "D"))) for key in ("J", "F")
    }
    j, f = means["J"], means["F"]
    j_by_object, f_by_object = results["J"]["M_per_object"], results["F"]["M_per_object"]
    return OfficialScores(
        headline=davis_columns(j, f),
        objects={name: (float(value), float(f_by_object[name])) for name, value in j_by_object.items()},
    )


def largest_difference(report: Report, official: OfficialScores) -> float:
    """Largest absolute difference of any global number, mean J or mean F of an object. Two nan are no difference.

    Raises:
        OfficialToolError: The two sides scored different objects.
    """
    ours = {item.name: (item.j.mean, item.f.mean) for item in report.objects}
    if set(ours) != set(official.objects):
        raise OfficialToolError(f"other objects were scored: {sorted(set(ours) ^ set(official.objects))}")
    pairs = [(ours[name][k], official.objects[name][k]) for name in ours for k in (0, 1)]
    pairs += [(a, b) for (_, a), (_, b) in zip(report.headline, official.headline, strict=True)]
    return max(0.0 if np.isnan(a) and np.isnan(b) else abs(a - b) for a, b in pairs)
