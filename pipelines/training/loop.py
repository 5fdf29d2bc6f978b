"""The training loop of the compact model: seeded, resumable, on a CPU, one GPU or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipelines.training.batches import batches
from pipelines.training.initial_weights import finished_weights, imagenet_trunk_weights
from pipelines.training.mix import hold_aside, list_stills
from pipelines.training.picture_sheet import write_sheet
from pipelines.training.processes import Processes, joined_processes
from pipelines.training.run_log import RunLog
from pipelines.training.settings import TrainSettings
from pipelines.training.stills import Still
from pipelines.training.stopping import StopRequest
from pipelines.training.trainer import Trainer
from pipelines.training.validation import Validation

__all__ = ["TrainSettings", "TrainingEnd", "imagenet_trunk_weights", "train"]

_LOG_EVERY = 25


@dataclass(frozen=True, slots=True)
class TrainingEnd:
    """How a call of `train` ended.

    Attributes:
        weights: The averaged weights so far, in half precision.
        step: Steps done.
        finished: Whether these are all steps of the run.
    """

    weights: Path
    step: int
    finished: bool


def train(
    settings: TrainSettings,
    imagenet: Callable[[], dict[str, Tensor]] = imagenet_trunk_weights,
    *,
    resume: bool = False,
    stop: StopRequest | None = None,
) -> TrainingEnd:
    """Trains to `settings.steps`, or until asked to stop.

    A run that is killed loses at most `checkpoint_every` steps, one that is asked to stop loses none; after resuming it
    sees the same clips as without the interruption. Under `torchrun`, all processes call this and share every step.

    Args:
        settings: The run.
        imagenet: Gives the trunk's ImageNet weights; not called when resuming or with `settings.init`.
        resume: Continue from the checkpoint in the output folder.
        stop: Asked after every step.

    Raises:
        TrainingDataError: Data, settings or checkpoint cannot be used.
        CheckpointError: `settings.init` is not a weights file of this model.
    """
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    stop = stop or StopRequest()
    with joined_processes(torch.device(settings.device)) as (processes, device):
        training, held = hold_aside(list_stills(Path(settings.data)), settings.hold_aside)
        trainer = Trainer(settings, processes, device)
        if resume:
            settings.check_resumes(output / "settings.json")
            trainer.resume()
        else:
            if settings.init:
                trainer.start_from(finished_weights(Path(settings.init)))
            else:
                trainer.start(imagenet())
            if processes.is_first:
                settings.write(output / "settings.json")
        with stop.listening():
            _run(trainer, training, held, stop)
        weights = output / "compact.safetensors"
        if processes.is_first:
            trainer.save()
            trainer.export(weights)
        processes.wait()
    return TrainingEnd(weights, trainer.step, trainer.step == settings.steps)


def _run(trainer: Trainer, training: list[Still], held: list[Still], stop: StopRequest) -> None:
    settings, processes = trainer.settings, trainer.processes
    if not processes.is_first:
        for batch in batches(settings, training, trainer.step, processes):
            numbers = trainer.train_step(batch)
            _sums(processes, numbers, trainer.device)
            if _any_stops(processes, stop, trainer.device):
                return
        return
    output = Path(settings.output)
    # Without held-out pictures there are sheets to look at, but no scores that could be mistaken for validation.
    validation = Validation(held or training, settings, clips=16 if held else 4) if settings.report_every else None
    window: list[dict[str, float]] = []
    with RunLog(output, tensorboard=settings.tensorboard) as log:
        for batch in batches(settings, training, trainer.step, processes):
            window.append(_sums(processes, trainer.train_step(batch), trainer.device))
            if trainer.step % _LOG_EVERY == 0:
                log.write(trainer.step, {key: sum(row[key] for row in window) / len(window) for key in window[0]})
                window.clear()
            if validation is not None and trainer.step % settings.report_every == 0:
                result = validation.run(trainer.average)
                write_sheet(output / f"sheet_{trainer.step:06d}.png", validation.clips, result)
                if held:
                    log.write(trainer.step, result.scores)
            if trainer.step % settings.checkpoint_every == 0:
                trainer.save()
            if _any_stops(processes, stop, trainer.device):
                return


def _sums(processes: Processes, numbers: dict[str, float], device: torch.device) -> dict[str, float]:
    """Sums of a step's numbers over all processes."""
    if processes.count == 1:
        return numbers
    total = processes.add_up(torch.tensor(list(numbers.values()), dtype=torch.float32, device=device))
    return dict(zip(numbers, total.tolist(), strict=True))


def _any_stops(processes: Processes, stop: StopRequest, device: torch.device) -> bool:
    """Whether any process was asked to stop: then all stop after the same step."""
    if processes.count == 1:
        return bool(stop)
    return bool(processes.add_up(torch.tensor(float(bool(stop)), device=device)) > 0)
