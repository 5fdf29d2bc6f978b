"""Pictures of the HTML report: the masks of one object in one frame, over the frame where the data set has it."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from eval.errors import MaskFileError
from eval.plan import SequencePlan
from eval.report import ObjectScores

PICTURE_WIDTH = 320
COLOURS = {"both": (226, 226, 226), "predicted": (235, 90, 60), "true": (50, 110, 220)}
"""RGB of pixels in both masks, in the prediction only, in the ground truth only."""

_OPACITY = 0.72
_DIMMING = 0.55
_IMAGE_FOLDER = "JPEGImages"


def comparison(item: ObjectScores, plan: SequencePlan, index: int) -> tuple[tuple[str, str], ...]:
    """Ground truth, prediction and their difference in the `index`-th scored frame of an object.

    Returns:
        Pairs of a caption and a data URL of a picture, at most `PICTURE_WIDTH` pixels wide.
    """
    stem = item.series.stems[index]
    truth = plan.truth.read(stem, (item.series.object_id,), None)
    prediction = plan.predictions.read(stem, (item.series.proposal,), truth.shape)
    true, predicted = truth.mask(item.series.object_id) != 0, prediction.mask(item.series.proposal) != 0
    nothing = np.zeros_like(true)
    backdrop = _backdrop(plan, stem, true.shape[0], true.shape[1])
    return tuple(
        (name, _data_url(_paint(backdrop, *masks)))
        for name, masks in (
            ("ground truth", (true, nothing)),
            ("prediction", (nothing, predicted)),
            ("difference", (true, predicted)),
        )
    )


def _backdrop(plan: SequencePlan, stem: str, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB: the frame in dark grey; black if the data set has none."""
    path = _frame_file(plan.truth.folder, stem)
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path is not None else None
    if grey is None:
        return np.zeros((height, width, 3), np.uint8)
    if grey.shape != (height, width):
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=_DIMMING), cv2.COLOR_GRAY2RGB)


def _frame_file(annotations: Path, stem: str) -> Path | None:
    """.../JPEGImages/<rest>/<stem>.jpg for annotations in .../Annotations*/<rest>, if there is such a file."""
    parts = annotations.parts
    for place in reversed(range(len(parts))):
        if parts[place].startswith("Annotations"):
            path = Path(*parts[:place], _IMAGE_FOLDER, *parts[place + 1 :], f"{stem}.jpg")
            return path if path.is_file() else None
    return None


def _paint(backdrop: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB, reduced to the width of the page's pictures."""
    picture = backdrop.astype(np.float32)
    for name, mask in (("both", true & predicted), ("predicted", predicted & ~true), ("true", true & ~predicted)):
        picture[mask] += _OPACITY * (np.array(COLOURS[name], np.float32) - picture[mask])
    scale = min(1.0, PICTURE_WIDTH / true.shape[1])
    size = (max(1, round(true.shape[1] * scale)), max(1, round(true.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def _data_url(picture: np.ndarray) -> str:
    # A photo takes a tenth of the bytes as JPEG, and a report holds hundreds of pictures.
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, 88))
    if not done:
        raise MaskFileError("a picture of the report cannot be encoded as JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
