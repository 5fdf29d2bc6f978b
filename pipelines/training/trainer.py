"""The state of a run and one step of it."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.training.batches import ClipBatch
from pipelines.training.clip_pass import run_clips
from pipelines.training.processes import Processes
from pipelines.training.rollout import draw_rollout_plan
from pipelines.training.settings import TrainSettings
from pipelines.training.stills import TrainingDataError
from seem_model.compact.model import CompactSEEM
from seem_model.compact.trunk import InvertedResidual
from vos.files.atomic import replacing


class Trainer:
    """Model, averaged model, optimizer and step counter: what a checkpoint holds.

    Args:
        settings: The run.
        processes: This process among those that share the run.
        device: Where this process computes.

    Raises:
        TrainingDataError: The batch cannot be divided among the processes and `settings.accumulate` parts.
    """

    def __init__(self, settings: TrainSettings, processes: Processes, device: torch.device) -> None:
        self.settings = settings
        self.processes = processes
        self.device = device
        self.clips = processes.share_of(settings.batch)
        if (self.clips.stop - self.clips.start) % settings.accumulate:
            raise TrainingDataError(
                f"{self.clips.stop - self.clips.start} clips per process cannot be divided into {settings.accumulate}"
                " parts; choose another batch or accumulate"
            )
        # On a CPU, bf16 is for testing the GPU's way of computing only.
        self.uses_bf16 = settings.precision == "bf16" or (settings.precision == "auto" and device.type == "cuda")
        torch.manual_seed(settings.seed)
        self.model = CompactSEEM().to_device(device)
        self.average = CompactSEEM().to_device(device)
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
        """Starts from the trunk's ImageNet weights."""
        self.model.trunk.load_imagenet(imagenet)
        self.average.load_state_dict(self.model.state_dict())

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Starts from finished weights of the whole network."""
        self.model.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def resume(self) -> None:
        """Continues from the checkpoint in the output folder.

        Raises:
            TrainingDataError: There is no checkpoint, or it does not fit this version of the model.
        """
        if not self.checkpoint_path.is_file():
            raise TrainingDataError(f"{self.checkpoint_path}: no checkpoint to resume from; start without --resume")
        try:
            state = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingDataError(f"{self.checkpoint_path}: not a checkpoint of this model: {error}") from error

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        with replacing(self.checkpoint_path) as temporary:
            torch.save(state, temporary)

    def export(self, path: Path) -> None:
        """Writes the averaged weights in half precision as safetensors."""
        tensors = {name: tensor.half().contiguous().cpu() for name, tensor in self.average.state_dict().items()}
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata={"model": "compact", "steps": str(self.step)})

    def train_step(self, batch: ClipBatch) -> dict[str, float]:
        """One update from this process's clips -> numbers for the log, whose sums over all processes are the means."""
        s = self.settings
        self._schedule()
        plan = draw_rollout_plan(s.seed * 1_000_003 + self.step, s.batch, s.frames, s.rollouts).of(self.clips)
        batch = batch.to(self.device)
        total_weight = self.processes.add_up(batch.weight.sum())
        self.optimizer.zero_grad(set_to_none=True)
        log: dict[str, float] = {}
        for part, part_plan in zip(batch.parts(s.accumulate), plan.parts(s.accumulate), strict=True):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.uses_bf16):
                loss, part_log = run_clips(self.model, part, part_plan, corrections=s.corrections)
            # The share of the global batch's objects that this part has: see `run_clips`.
            share = part.weight.sum() / total_weight
            (loss * share).backward()
            for name, value in part_log.items():
                log[name] = log.get(name, 0.0) + value * float(share)
        self.processes.add_up_gradients(self.model.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self._update_average()
        return log | {"grad_norm": float(norm) / self.processes.count}

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
