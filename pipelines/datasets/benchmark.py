"""A data set from end to end: prompts from the given annotations, tracking, predictions in the official layout, scores.

The folder of a benchmark:

    journal.sqlite     what was asked for, the sequences and their state
    prompts/           what the simulated user drew (mask and stroke)
    runs/<sequence>/   as from `vos track`
    predictions/       what the scorer reads and a server takes
    report.json        scores, speed, memory, protocol, versions
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from eval import Report, evaluate
from eval.datasets import find_dataset
from eval.json_report import report_json
from pipelines.datasets.predictions import publish
from pipelines.datasets.prompting import PromptStyle, write_prompts
from pipelines.datasets.sequences import Sequence, given_masks, list_sequences
from pipelines.fleet.crew import Crew
from pipelines.fleet.events import OnEvent
from pipelines.fleet.jobs import JobResult, JobSpec, ModelSpec
from pipelines.fleet.journal import Journal
from pipelines.fleet.queue import DEFAULT_RETRIES, work_off
from vos import __version__
from vos.errors import OutputError, UsageError
from vos.output_folder import OutputFolder, write_json

FORMAT_VERSION = 1
JOURNAL = "journal.sqlite"
REPORT = "report.json"
_PACKAGES = ("torch", "numpy", "scipy", "opencv-python-headless", "av")


@dataclass(frozen=True, slots=True)
class BenchmarkRequest:
    """What to run; all of it decides the results.

    Attributes:
        dataset, split, sequences: As for `eval.evaluate`; no sequence means all.
        root: Folder of the data set.
        prompt: What the simulated user draws.
        model: What tracks.
        absent_below: Presence below which an object gets no pixels.
        threads: Threads of each worker.
    """

    dataset: str
    root: str
    split: str
    sequences: tuple[str, ...] = ()
    prompt: PromptStyle = "mask"
    model: ModelSpec = field(default_factory=ModelSpec)
    absent_below: float = 0.5
    threads: int = 1


@dataclass(frozen=True, slots=True)
class BenchmarkOutcome:
    """What came of a benchmark.

    Attributes:
        results: Of each sequence that went through.
        problems: Sequence -> why it failed.
        scores: None if a sequence failed or scoring was not asked for.
        report_file: Where the report is; None without scores.
    """

    results: dict[str, JobResult]
    problems: dict[str, str]
    scores: Report | None
    report_file: Path | None


def run_benchmark(
    request: BenchmarkRequest,
    output: Path,
    hire: Callable[[], Crew],
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
        hire: Makes the workers, called once the data set has been found to be in order.
        resume: Go on with what an earlier call with the same request left undone.
        score: Whether to score; not possible where the truth is not public.
        retries: As for `work_off`.
        on_event: Hears of everything.

    Raises:
        DatasetError, EvalUsageError: The data set cannot be used.
        UsageError: `resume` with another request than before.
        OutputError: The folder is not empty, or cannot be written.
    """
    request = replace(request, root=str(Path(request.root).resolve()))
    sequences = list_sequences(
        request.dataset, Path(request.root), request.split, request.sequences, output / "predictions"
    )
    is_new = not (output / JOURNAL).exists()
    if is_new:
        OutputFolder(output).check(overwrite=False)
        output.mkdir(parents=True, exist_ok=True)
    elif not resume:
        raise OutputError(f"{output}: holds a benchmark; pass --resume to go on with it, or choose another --output")
    with Journal(output / JOURNAL) as journal:
        if journal.setting("request") is None:
            journal.replace(_specs(request, sequences, output))
            journal.keep_setting("request", _request_json(request))
        _check_same_request(journal.setting("request") or "", request, output)
        journal.reopen()
        work_off(journal, hire, retries=retries, on_event=on_event)
        entries = {entry.spec.name: entry for entry in journal.entries()}
    results = {name: entry.result for name, entry in entries.items() if entry.result is not None}
    problems = {name: entry.problem or "" for name, entry in entries.items() if entry.state == "failed"}
    for sequence in sequences:
        if sequence.name in results:
            publish(sequence, OutputFolder(_run_folder(output, sequence)).masks, _first_frame(request, sequence))
    if problems or not score:
        return BenchmarkOutcome(results, problems, None, None)
    scores = evaluate(
        output / "predictions",
        dataset=request.dataset,
        root=request.root,
        split=request.split,
        sequences=request.sequences or None,
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


def _specs(request: BenchmarkRequest, sequences: tuple[Sequence, ...], output: Path) -> Iterator[JobSpec]:
    for sequence in sequences:
        given = given_masks(request.dataset, sequence)
        video = sequence.pictures
        if given[0].frame > 0:
            video = _pictures_from(sequence, given[0].frame, output / "pictures" / sequence.name)
        yield JobSpec(
            name=sequence.name,
            video=str(video),
            prompts=write_prompts(given, request.prompt, output.resolve() / "prompts" / sequence.name),
            output=str(_run_folder(output, sequence).resolve()),
            model=request.model,
            absent_below=request.absent_below,
        )


def _pictures_from(sequence: Sequence, first: int, folder: Path) -> Path:
    """A folder of links to the frames from `first` on: tracking begins where there is something to track."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = set(sequence.stems[first:])
    for path in sorted(sequence.pictures.iterdir()):
        link = folder / path.name
        if path.stem in kept and not link.is_symlink():
            link.symlink_to(path)
    return folder.resolve()


def _first_frame(request: BenchmarkRequest, sequence: Sequence) -> int:
    return given_masks(request.dataset, sequence)[0].frame


def _run_folder(output: Path, sequence: Sequence) -> Path:
    return output / "runs" / sequence.name


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
