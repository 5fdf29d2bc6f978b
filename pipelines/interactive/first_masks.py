"""What a badly written first mask costs: objects that are found in it, and J&F of what is tracked from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eval.counting import count_by_id
from eval.masks import LabelMap
from eval.measures import MaskCounts, boundary_measure, region_similarity
from pipelines.interactive.clicks import TrueFrame
from pipelines.interactive.distortions import DISTORTIONS, write_distorted
from pipelines.interactive.material import frames_of, true_sequences
from pipelines.interactive.rows import RowFile
from seem_model.video_model import VideoModel
from vos.errors import PromptError
from vos.prompts import Mask, read_masks
from vos.tracking.tracker import VideoTracker

MOST_LOST = 0.02
"""J&F that a distortion may cost."""


@dataclass(frozen=True, slots=True)
class MaskRequest:
    """What to measure.

    Attributes:
        root: Folder of DAVIS.
        dataset, split, sequences: Which of its sequences; no names mean all. All objects of a frame count as one.
        frames: Frames of each sequence at most; None for all.
    """

    root: str
    dataset: str = "davis16"
    split: str = "train"
    sequences: tuple[str, ...] = ()
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class MaskCase:
    """One sequence, tracked from its true first mask and from one that was distorted.

    Attributes:
        sequence, distortion: Their names.
        objects: Objects that were found in the distorted picture; 0 if it was refused.
        overlap: Jaccard index of the first object found and the true one.
        true, distorted: J&F of the frames after the first, in 0..1.
        refused: Why the picture was refused; None if it was read.
    """

    sequence: str
    distortion: str
    objects: int
    overlap: float
    true: float
    distorted: float
    refused: str | None = None

    @property
    def lost(self) -> float:
        """J&F that the distortion costs."""
        return self.true - self.distorted

    @property
    def is_good(self) -> bool:
        """Whether it is still one object, and costs no more than `MOST_LOST`."""
        return self.objects == 1 and self.lost <= MOST_LOST


def measure_first_masks(
    model: VideoModel,
    request: MaskRequest,
    *,
    output: Path | None = None,
    resume: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> tuple[MaskCase, ...]:
    """Tracks every sequence from its first mask and from eight distortions of it.

    Args:
        model: A loaded model.
        request: What to measure.
        output: File of finished sequences; None to keep none.
        resume: Continue `output`.
        on_progress: Called before each sequence: its name, how many are finished, how many there are.

    Raises:
        EvalUsageError, DatasetError, MaskFileError, VideoError: The sequences cannot be used.
        UsageError, OutputError: `output` belongs to another request, exists although `resume` is False, or cannot be
            written.
    """
    sequences = true_sequences(request.dataset, Path(request.root), request.split, request.sequences)
    settings = asdict(request) | {"sequences": list(request.sequences), "weights_sha256": model.weights_sha256}
    rows = RowFile(output, settings, resume=resume)
    cases: list[MaskCase] = []
    for done, sequence in enumerate(sequences):
        on_progress(sequence.name, done, len(sequences))
        if sequence.name not in rows:
            frames = [frame for frame, _ in zip(frames_of(sequence), range(request.frames or 1 << 30), strict=False)]
            rows.add(sequence.name, [asdict(case) for case in distorted_cases(model, frames, sequence.name)])
        cases += [MaskCase(**case) for case in rows[sequence.name]]
    return tuple(cases)


def distorted_cases(model: VideoModel, frames: list[TrueFrame], name: str) -> list[MaskCase]:
    """All distortions of the first mask of one sequence.

    Args:
        model: A loaded model.
        frames: At least two; the first one shows the object.
        name: Of the sequence.
    """
    truth = frames[0].labels > 0
    baseline = _score(model, frames, truth)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for distortion in DISTORTIONS:
            path = write_distorted(distortion, truth, Path(folder))
            try:
                found = read_masks(path)
            except PromptError as error:
                cases.append(MaskCase(name, distortion, 0, 0.0, baseline, 0.0, str(error).replace(folder, "")))
                continue
            pixels = found[0].pixels
            overlap = float((pixels & truth).sum() / (pixels | truth).sum())
            # The same mask gives the same result.
            score = baseline if (pixels == truth).all() else _score(model, frames, pixels)
            cases.append(MaskCase(name, distortion, len(found), overlap, baseline, score))
    return cases


def _score(model: VideoModel, frames: list[TrueFrame], first: np.ndarray) -> float:
    """J&F of the frames after the first, tracked from a mask of it."""
    tracker = VideoTracker(model)
    tracker.step(frames[0].rgb, [Mask(first)])
    counts = np.stack(
        [
            count_by_id(LabelMap(tracker.step(frame.rgb).labels), LabelMap((frame.labels > 0).astype(np.uint8)), (1,))
            for frame in frames[1:]
        ],
        axis=1,
    )
    measured = MaskCounts(*counts)
    return float((region_similarity(measured).mean() + boundary_measure(measured).mean()) / 2)
