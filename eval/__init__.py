"""Scores of video object segmentation: J, F and J&F; datasets, protocols and reports. No torch."""

from eval.errors import DatasetError, EvalError, EvalUsageError, MaskFileError, MissingPredictionsError
from eval.report import ObjectScores, Report, SequenceScores
from eval.run import evaluate
from eval.statistics import Statistics

__all__ = [
    "DatasetError",
    "EvalError",
    "EvalUsageError",
    "MaskFileError",
    "MissingPredictionsError",
    "ObjectScores",
    "Report",
    "SequenceScores",
    "Statistics",
    "evaluate",
]
