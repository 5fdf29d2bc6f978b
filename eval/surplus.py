"""Predicted masks that no annotation asks for: a sign that predictions are numbered otherwise than the ground truth.

A tracker that counts frames from 0 and annotations that count from 1 (FFmpeg's default) still have most names in
common, so that every mask is compared with its neighbour and the score is plausible and wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from eval.errors import DatasetError
from eval.plan import SequencePlan


def surplus_note(plan: SequencePlan) -> str | None:
    """As `surplus_of`, for a sequence of a data set."""
    return surplus_of(plan.name, plan.predictions.folder, plan.predictions.existing(), plan.truth.existing())


def surplus_of(name: str, folder: Path, predictions: Iterable[str], annotations: Iterable[str]) -> str | None:
    """A remark on predicted files without an annotation, where every frame has one; None where there is none.

    Args:
        name: Of the sequence.
        folder: Of the predictions, for messages.
        predictions, annotations: Names of the files.

    Raises:
        DatasetError: The predictions are as many as the annotations, and all numbers are shifted by the same step.
    """
    truth, predicted = _stems(annotations), _stems(predictions)
    extra = sorted(predicted - truth)
    numbers = _numbers(truth)
    # Where only some frames are annotated (YouTube-VOS), predictions of the others are as they should be.
    if not extra or numbers is None or numbers[-1] - numbers[0] + 1 != len(numbers):
        return None
    found = _numbers(predicted)
    if found is not None and len(found) == len(numbers) and found[-1] - found[0] == numbers[-1] - numbers[0]:
        shift = found[0] - numbers[0]
        raise DatasetError(
            f"{folder}: predictions are numbered {min(predicted)} to {max(predicted)}, annotations "
            f"{min(truth)} to {max(truth)}: shifted by {shift}, so that every mask would be compared with another "
            "frame; name the predictions like the annotations"
        )
    count = f"{len(extra)} predicted masks have" if len(extra) > 1 else "1 predicted mask has"
    return f"{name}: {count} no annotation, first {extra[0]}.png; not scored"


def _stems(names: Iterable[str]) -> set[str]:
    return {PurePosixPath(name).stem for name in names if name.endswith(".png")}


def _numbers(stems: set[str]) -> list[int] | None:
    """The stems as ascending numbers; None where one is no number."""
    return sorted(map(int, stems)) if stems and all(stem.isdecimal() for stem in stems) else None
