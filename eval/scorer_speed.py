"""Times the scorer against the baseline on the same masks, in one run; measures how it scales and what it holds.

The masks are made here, so no data are needed: ellipses that move, change size and lose bites, at 480x854 as
in DAVIS. CPU time includes reading and decoding the PNGs. Both sides must give the same numbers or the run fails.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from eval.baseline import score_sequence
from eval.errors import EvalError
from eval.png import INFLATE_LIBRARY
from eval.run import evaluate

HEIGHT, WIDTH = 480, 854
_DATASET = "davis17"
_SEQUENCE = "moving"
_SCALING_SEQUENCES = 50
"""Of 40 frames and two objects each, they make the 2,000 frames of DAVIS-2017 val."""
_Result = TypeVar("_Result")


class ScorerMismatchError(EvalError):
    """The scorer and the baseline disagree, so their times mean nothing."""


@dataclass(frozen=True, slots=True)
class SpeedResult:
    """CPU milliseconds per scored frame (all objects of it), decoding included; the best of several rounds."""

    objects: int
    frames: int
    baseline_ms: float
    scorer_ms: float

    @property
    def speedup(self) -> float:
        """How many times faster the scorer is."""
        return self.baseline_ms / self.scorer_ms


@dataclass(frozen=True, slots=True)
class ScalingResult:
    """Wall seconds with one process and with `jobs` processes; the best of several rounds."""

    jobs: int
    frames: int
    one_seconds: float
    jobs_seconds: float

    @property
    def speedup(self) -> float:
        """How many times faster `jobs` processes are."""
        return self.one_seconds / self.jobs_seconds


@dataclass(frozen=True, slots=True)
class MemoryResult:
    """Peak resident memory in MiB of a fresh process that scores one sequence of `frames` frames."""

    frames: int
    peak_mib: float


@dataclass(frozen=True, slots=True)
class ScorerPerformance:
    """All measurements of one run, and the name of the library that inflates PNGs."""

    inflate: str
    speed: tuple[SpeedResult, ...]
    scaling: ScalingResult | None
    memory: tuple[MemoryResult, ...]


def measure_scorer(*, frames: int = 40, rounds: int = 3, jobs: int = 2, memory: bool = True) -> ScorerPerformance:
    """Runs all measurements.

    Args:
        frames: Scored frames of the sequences for speed.
        rounds: Alternating rounds of the two sides of each comparison; the best of each counts.
        jobs: Processes of the scaling measurement; 1 leaves it out.
        memory: Whether to measure memory (two fresh processes).

    Raises:
        ScorerMismatchError: The scorer and the baseline differ in any number.
    """
    with tempfile.TemporaryDirectory(prefix="vos-perf-eval-") as name, _one_opencv_thread():
        folder = Path(name)
        speed = tuple(_measure_speed(folder / f"speed{n}", n, frames, rounds) for n in (1, 5))
        scaling = _measure_scaling(folder / "scaling", frames, jobs, rounds) if jobs > 1 else None
        lengths = (frames, 10 * frames) if memory else ()
        peaks = tuple(_measure_memory(folder / f"memory{length}", length) for length in lengths)
    return ScorerPerformance(INFLATE_LIBRARY, speed, scaling, peaks)


def _measure_speed(folder: Path, objects: int, frames: int, rounds: int) -> SpeedResult:
    root, predictions = write_sequence(folder, objects, frames + 2)
    stems = [f"{index:05d}.png" for index in range(1, frames + 1)]
    truth = [root / "Annotations" / "480p" / _SEQUENCE / stem for stem in stems]
    predicted = [predictions / _SEQUENCE / stem for stem in stems]
    best_baseline = best_scorer = float("inf")
    for _ in range(rounds):
        seconds, (j, f) = _cpu_seconds(lambda: score_sequence(truth, predicted, objects))
        best_baseline = min(best_baseline, seconds)
        seconds, report = _cpu_seconds(lambda: evaluate(predictions, dataset=_DATASET, root=root))
        best_scorer = min(best_scorer, seconds)
        for item, true_j, true_f in zip(report.objects, j, f, strict=True):
            if not (np.array_equal(item.series.j, true_j) and np.array_equal(item.series.f, true_f)):
                raise ScorerMismatchError(f"{item.name}: the scorer and the baseline give different numbers")
    return SpeedResult(objects, frames, 1000 * best_baseline / frames, 1000 * best_scorer / frames)


def _cpu_seconds(work: Callable[[], _Result]) -> tuple[float, _Result]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _measure_scaling(folder: Path, frames: int, jobs: int, rounds: int) -> ScalingResult:
    root, predictions = write_sequence(folder, 2, frames + 2)
    names = [_SEQUENCE, *(f"copy{index}" for index in range(_SCALING_SEQUENCES - 1))]
    for name in names[1:]:
        for parent in (root / "Annotations" / "480p", predictions):
            shutil.copytree(parent / _SEQUENCE, parent / name)
    (root / "ImageSets" / "2017" / "val.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    best = {1: float("inf"), jobs: float("inf")}
    for _ in range(rounds):
        for count in best:
            start = time.perf_counter()
            evaluate(predictions, dataset=_DATASET, root=root, jobs=count)
            best[count] = min(best[count], time.perf_counter() - start)
    return ScalingResult(jobs, frames * len(names), best[1], best[jobs])


def _measure_memory(folder: Path, frames: int) -> MemoryResult:
    root, predictions = write_sequence(folder, 2, frames + 2)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return MemoryResult(frames, pool.apply(_peak_of_scoring, (predictions, root)))


def _peak_of_scoring(predictions: Path, root: Path) -> float:
    evaluate(predictions, dataset=_DATASET, root=root)
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux keeps ru_maxrss across exec, so that it may be the parent's peak; VmHWM is this process's own, in KiB.
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """CPU time is only comparable if neither side spreads over threads."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def write_sequence(folder: Path, objects: int, frames: int) -> tuple[Path, Path]:
    """Writes a sequence "moving" and a prediction of it in DAVIS-2017 layout; the same on every machine.

    Returns:
        The root of the data set and the folder of predictions.
    """
    root, predictions = folder / "DAVIS", folder / "predictions"
    truth_folder, predicted_folder = root / "Annotations" / "480p" / _SEQUENCE, predictions / _SEQUENCE
    for path in (truth_folder, predicted_folder, root / "ImageSets" / "2017"):
        path.mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text(f"{_SEQUENCE}\n", encoding="utf-8")
    palette = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    palette[0] = 0
    for index in range(frames):
        for path, lag in ((truth_folder, 0), (predicted_folder, 1)):
            image = Image.fromarray(_draw(objects, index - lag, bites=lag > 0))
            image.putpalette(palette.tobytes())
            image.save(path / f"{index:05d}.png")
    return root, predictions


def _draw(objects: int, time_index: int, bites: bool) -> np.ndarray:
    """(480, 854) uint8 labels of one frame."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    scale = 1.0 if objects == 1 else 0.7
    for k in range(objects):
        phase = 0.05 * time_index + 1.3 * k
        centre = (int(WIDTH * (k + 0.5) / objects + 30 * np.cos(phase)), int(HEIGHT / 2 + 60 * np.sin(phase)))
        axes = (int(scale * (85 + 10 * np.sin(phase))), int(scale * (130 + 15 * np.cos(phase))))
        cv2.ellipse(labels, centre, axes, 10.0 * np.sin(phase), 0, 360, k + 1, -1)
        if bites:
            cv2.circle(labels, (centre[0] + axes[0] // 2, centre[1]), axes[0] // 3, 0, -1)
    return labels


def logical_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
