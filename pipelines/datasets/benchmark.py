"""A data set from end to end: prompts from the given annotations, tracking, predictions in the official layout, scores.

The folder of a benchmark:

    journal.sqlite     the request, the sequences and their state
    prompts/           what the tracker was given: copies of masks and scribbles, strokes of the simulated user
    pictures/          links to frames, for sequences that are not tracked from their first frame to their last
    runs/<sequence>/   as from `vos track`
    predictions/       masks for the scorer and for servers
    report.json        scores, speed, memory, protocol, versions
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from eval import Report, evaluate
from eval.datasets import find_dataset
from eval.json_report import report_json
from pipelines.datasets.first_frame_masks import check_gives_masks, given_masks
from pipelines.datasets.predictions import publish
from pipelines.datasets.prompting import SCRIBBLE, PromptStyle, write_prompts
from pipelines.datasets.scribbles import check_has_scribbles, scribble_passes
from pipelines.datasets.sequences import Sequence, list_sequences
from pipelines.datasets.tracking_passes import Pass, pictures_of
from pipelines.fleet.events import OnEvent
from pipelines.fleet.job_store import JobStore
from pipelines.fleet.jobs import JobResult, JobSpec, ModelSpec, PromptSource
from pipelines.fleet.queue import DEFAULT_RETRIES, run_queue
from pipelines.fleet.worker_pool import WorkerPool
from vos.errors import OutputError, UsageError
from vos.runs.folder import OutputFolder, write_json
from vos.version import __version__

FORMAT_VERSION = 1
JOB_STORE = "journal.sqlite"
REPORT = "report.json"
# Settings in the job store.
_REQUEST = "request"
_PASSES = "passes"
_PACKAGES = ("torch", "numpy", "scipy", "opencv-python-headless", "av")


@dataclass(frozen=True, slots=True)
class BenchmarkRequest:
    """What to run; all of it affects the results.

    Attributes:
        dataset, split, sequences: As for `eval.evaluate`; no sequence means all.
        root: Folder of the data set.
        prompt: What the simulated user draws, or `scribble` for what people have drawn.
        scribble: Which of a sequence's scribble files.
        all_frames: YouTube-VOS: track every frame instead of every fifth.
        every: Track and score only every so many-th frame, from the first on.
        model: What tracks.
        absent_below: Presence below which an object gets no pixels.
        threads: Threads of each worker.
        images, value_range: Which files of a sequence's folder are its frames, and which values are black and white.
    """

    dataset: str
    root: str
    split: str
    sequences: tuple[str, ...] = ()
    prompt: PromptStyle = "mask"
    scribble: int = 1
    all_frames: bool = False
    every: int = 1
    model: ModelSpec = field(default_factory=ModelSpec)
    absent_below: float = 0.5
    threads: int = 1
    images: str | None = None
    value_range: str | None = None


@dataclass(frozen=True, slots=True)
class BenchmarkOutcome:
    """Outcome of a benchmark.

    Attributes:
        results: Of each finished sequence; of both passes together if it was tracked in both directions.
        problems: Sequence, or pass over it -> why it failed.
        scores: None if a sequence failed or was not to be scored.
        report_file: Where the report is; None without scores.
    """

    results: dict[str, JobResult]
    problems: dict[str, str]
    scores: Report | None
    report_file: Path | None


def run_benchmark(
    request: BenchmarkRequest,
    output: Path,
    make_pool: Callable[[], WorkerPool],
    *,
    resume: bool = False,
    score: bool = True,
    retries: int = DEFAULT_RETRIES,
    on_event: OnEvent = lambda event: None,
) -> BenchmarkOutcome:
    """Runs and scores a data set; can be stopped at any moment and resumed.

    Args:
        request: What to run.
        output: Folder of the benchmark; new or empty, unless `resume`.
        make_pool: Makes the workers; called after the data set has been checked.
        resume: Continue what an earlier call with the same request has left undone.
        score: Whether to score. Without, only what the protocol provides to the tracker has to exist, as in splits
            without public ground truth.
        retries: As for `run_queue`.
        on_event: Called with every event.

    Raises:
        DatasetError, EvalUsageError: The data set cannot be used.
        UsageError: `resume` with another request than before.
        OutputError: The folder is not empty, or cannot be written.
    """
    request = replace(request, root=str(Path(request.root).resolve()))
    check_gives_masks(request.dataset)
    if request.prompt == SCRIBBLE:
        check_has_scribbles(request.dataset, Path(request.root))
    sequences = list_sequences(
        request.dataset,
        Path(request.root),
        request.split,
        request.sequences,
        output / "predictions",
        all_frames=request.all_frames,
        every=request.every,
        scored=score,
        images=request.images,
    )
    is_new = not (output / JOB_STORE).exists()
    if is_new:
        OutputFolder(output).check(overwrite=False)
        output.mkdir(parents=True, exist_ok=True)
    elif not resume:
        raise OutputError(f"{output}: holds a benchmark; pass --resume to continue it, or choose another --output")
    with JobStore(output / JOB_STORE) as store:
        if store.setting(_REQUEST) is None:
            _plan(request, sequences, output, store)
        _check_same_request(store.setting(_REQUEST) or "", request, output)
        passes = [Pass(**item) for item in json.loads(store.setting(_PASSES) or "[]")]
        store.reopen()
        run_queue(store, make_pool, retries=retries, on_event=on_event)
        entries = {entry.spec.name: entry for entry in store.rows()}
    problems = {name: entry.problem or "" for name, entry in entries.items() if entry.state == "failed"}
    results: dict[str, JobResult] = {}
    for sequence in sequences:
        ways = [item for item in passes if item.sequence == sequence.name]
        done = [result for item in ways if (result := entries[item.job].result) is not None]
        if len(done) == len(ways):
            results[sequence.name] = _in_all(done, sequence)
            publish(sequence, tuple((item, OutputFolder(_run_folder(output, item))) for item in ways))
    if problems or not score:
        return BenchmarkOutcome(results, problems, None, None)
    scores = evaluate(
        output / "predictions",
        dataset=request.dataset,
        root=request.root,
        split=request.split,
        sequences=request.sequences or None,
        every=request.every,
    )
    write_json(output / REPORT, report_document(request, results, scores))
    return BenchmarkOutcome(results, problems, scores, output / REPORT)


def report_document(request: BenchmarkRequest, results: dict[str, JobResult], scores: Report) -> dict[str, Any]:
    """The report as plain values: per sequence scores, speed and memory; protocol, model, versions."""
    by_name = {item.name: item for item in scores.sequences}
    frames = sum(result.frames for result in results.values())
    tracked = sum(result.tracked for result in results.values())
    seconds = sum(result.seconds for result in results.values())
    return {
        "format": FORMAT_VERSION,
        "protocol": {
            "dataset": request.dataset,
            "title": find_dataset(request.dataset).title,
            "split": request.split,
            "prompt": request.prompt,
            "scribble_file": request.scribble if request.prompt == SCRIBBLE else None,
            "all_frames": request.all_frames,
            "every": request.every,
            "only_sequences": list(request.sequences) or None,
            "notes": list(scores.notes),
        },
        "model": {
            **asdict(request.model),
            "weights_sha256": sorted({result.weights_sha256 for result in results.values()}),
            "device": sorted({result.device for result in results.values()}),
            "absent_below": request.absent_below,
            "threads": request.threads,
        },
        "headline": dict(scores.headline),
        "frames": frames,
        "seconds": round(seconds, 3),
        "fps": round(tracked / max(seconds, 1e-9), 3),
        "sequences": [
            {
                "name": name,
                "J&F": by_name[name].j_and_f if name in by_name else None,
                "J": by_name[name].j.mean if name in by_name else None,
                "F": by_name[name].f.mean if name in by_name else None,
                "objects": by_name[name].objects if name in by_name else 0,
                "frames": result.frames,
                "seconds": round(result.seconds, 3),
                "fps": round(result.fps, 3),
                "peak_bytes": result.peak_bytes,
            }
            for name, result in results.items()
        ],
        "scores": json.loads(report_json(scores)),
        "versions": {
            "seem-vos": __version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _PACKAGES},
        },
    }


def _plan(request: BenchmarkRequest, sequences: tuple[Sequence, ...], output: Path, store: JobStore) -> None:
    """Writes prompts and fills the job store; leaves no files behind if the data set cannot be used."""
    passes: list[Pass] = []
    try:
        store.replace(_specs(request, sequences, output, passes))
    except BaseException:
        store.close()
        for name in (JOB_STORE, f"{JOB_STORE}-wal"):
            (output / name).unlink(missing_ok=True)
        for name in ("prompts", "pictures"):
            shutil.rmtree(output / name, ignore_errors=True)
        with contextlib.suppress(OSError):  # the error of the data set is the one to report
            output.rmdir()
        raise
    store.keep_setting(_PASSES, json.dumps([asdict(item) for item in passes]))
    store.keep_setting(_REQUEST, _request_json(request))


def _specs(
    request: BenchmarkRequest, sequences: tuple[Sequence, ...], output: Path, passes: list[Pass]
) -> Iterator[JobSpec]:
    """Jobs of all sequences; `passes` is filled as they are taken."""
    for sequence in sequences:
        for item, prompts in _passes(request, sequence, output.resolve() / "prompts" / sequence.name):
            passes.append(item)
            pictures = pictures_of(item, sequence, output / "pictures" / item.job)
            yield JobSpec(
                name=item.job,
                video=str(pictures),
                prompts=prompts,
                output=str(_run_folder(output, item).resolve()),
                model=request.model,
                absent_below=request.absent_below,
                # Links to pictures have names of their own.
                images=request.images if pictures == sequence.pictures else None,
                value_range=request.value_range,
            )


def _passes(request: BenchmarkRequest, sequence: Sequence, folder: Path) -> list[tuple[Pass, tuple[PromptSource, ...]]]:
    if request.prompt == SCRIBBLE:
        return scribble_passes(request.dataset, Path(request.root), sequence, request.scribble, folder)
    given = given_masks(request.dataset, sequence)
    # Tracking begins at the first frame that shows an object.
    return [(Pass(sequence.name, given[0].frame), write_prompts(given, request.prompt, folder))]


def _in_all(done: list[JobResult], sequence: Sequence) -> JobResult:
    """The result of a sequence from those of its passes; a frame that was tracked twice counts as two."""
    peaks = [result.peak_bytes for result in done if result.peak_bytes is not None]
    return replace(
        done[0],
        frames=len(sequence.stems),
        tracked=sum(result.tracked for result in done),
        seconds=sum(result.seconds for result in done),
        peak_bytes=max(peaks, default=None),
    )


def _run_folder(output: Path, item: Pass) -> Path:
    return output / "runs" / item.job


def _request_json(request: BenchmarkRequest) -> str:
    return json.dumps(asdict(request), sort_keys=True)


def _check_same_request(kept: str, request: BenchmarkRequest, output: Path) -> None:
    before, now = json.loads(kept), json.loads(_request_json(request))
    for key, value in now.items():
        if before.get(key) != value:
            raise UsageError(
                f"{output}: was begun with {key} = {before.get(key)}, not {value}; resume it with the same options, "
                "or choose another --output"
            )
