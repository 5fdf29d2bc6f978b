"""All settings of a training run."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from pipelines.training.stills import TrainingDataError
from pipelines.training.variations import Variations

Precision = Literal["auto", "fp32", "bf16"]

# Setting -> its name in the settings.json of earlier runs.
_FORMER_NAMES = {"rollouts": "rehearsals"}

# May differ between the start of a run and its resumption: they change where and how fast it runs, not what it learns.
_FREE = frozenset(
    {"data", "output", "threads", "workers", "device", "accumulate", "checkpoint_every", "report_every", "tensorboard"}
)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The same settings on the same machine give the same weights.

    Attributes:
        data: Folder of sources, or a TOML mix (`pipelines.training.mix`).
        output: Run folder.
        steps: Updates of the weights.
        batch: Clips per step, over all processes together.
        frames: Frames of a clip.
        objects: Targets of a clip, at most.
        size: Side of a clip in pixels, divisible by 32.
        learning_rate: Of everything but the trunk, at its highest.
        trunk_learning_rate: Of the trunk.
        warmup_steps: Steps over which both rates rise from zero.
        trunk_from: Share of the run after which the trunk trains too.
        trunk_frozen_blocks: First blocks of the trunk that never train.
        weight_decay: Of AdamW.
        ema: Decay of the averaged weights, which are the ones exported.
        seed: Decides the initial weights and every clip.
        threads: CPU threads of the network in each process.
        workers: Processes that make clips, per training process.
        device: A torch device.
        checkpoint_every: Steps between checkpoints.
        accumulate: Parts into which each process divides its clips of a step, to need less memory.
        precision: auto is bf16 autocast on CUDA and fp32 elsewhere.
        init: Weights (safetensors) to start from instead of the ImageNet trunk; empty for none.
        thin_plate: Probability that the objects of a clip bend as thin plates.
        occluders: Probability that something passes in front.
        zoom: Probability that the camera zooms.
        thin_parts: Probability that a pasted object gets sticks, ropes or wheels.
        rollouts: Probability that a batch is tracked back and forth before the training pass, which then starts from
            masks that have drifted; above 0, remembered masks are also damaged, and only the newest are kept.
        windows: Probability that a clip is seen through a window that follows an object, as in tracking.
        corrections: Also learn to correct masks by marks in their largest errors.
        hold_aside: Share of the pictures that is kept for validation; 0 trains on all and scores nothing.
        report_every: Steps between validations and picture sheets; 0 for none.
        tensorboard: Also write TensorBoard events.
    """

    data: str
    output: str
    steps: int = 3000
    batch: int = 4
    frames: int = 4
    objects: int = 2
    size: int = 224
    learning_rate: float = 8e-4
    trunk_learning_rate: float = 6e-5
    warmup_steps: int = 100
    trunk_from: float = 0.35
    trunk_frozen_blocks: int = 3
    weight_decay: float = 1e-4
    ema: float = 0.998
    seed: int = 0
    threads: int = 1
    workers: int = 1
    device: str = "cpu"
    checkpoint_every: int = 100
    accumulate: int = 1
    precision: Precision = "auto"
    init: str = ""
    thin_plate: float = 0.0
    occluders: float = 0.0
    zoom: float = 0.0
    thin_parts: float = 0.0
    rollouts: float = 0.0
    windows: float = 0.0
    corrections: bool = False
    hold_aside: float = 0.0
    report_every: int = 500
    tensorboard: bool = False

    @property
    def variations(self) -> Variations:
        return Variations(self.thin_plate, self.occluders, self.zoom, self.thin_parts, self.windows)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def check_resumes(self, path: Path) -> None:
        """Checks that a run started with the settings in `path` may continue with these.

        Raises:
            TrainingDataError: The file cannot be read, or a setting that decides the weights differs.
        """
        try:
            started = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingDataError(f"{path}: the settings of the run to resume cannot be read: {error}") from error
        for field in fields(self):
            # Runs that started before a setting existed had its default.
            default = None if field.default is MISSING else field.default
            before = started.get(field.name, started.get(_FORMER_NAMES.get(field.name, ""), default))
            now = getattr(self, field.name)
            if field.name not in _FREE and before != now:
                raise TrainingDataError(
                    f"{path}: the run was started with {field.name} {before!r}, not {now!r}; resume it with the same"
                    " settings, or start another run with --init"
                )
