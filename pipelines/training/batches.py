"""Batches of clips: which clip belongs to which step and process, and the loader that makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipelines.training.processes import Processes
from pipelines.training.prompts import draw_prompt
from pipelines.training.settings import TrainSettings
from pipelines.training.stills import Still
from pipelines.training.synthesis import ClipSynthesizer


@dataclass(frozen=True, slots=True)
class ClipBatch:
    """B clips of T frames with O objects."""

    frames: Tensor  # (B, T, 3, S, S) uint8
    masks: Tensor  # (B, T, O, S, S) bool
    weight: Tensor  # (B, O) 0 for empty slots
    positive: Tensor  # (B, O, S, S) prompt maps of the first frame
    negative: Tensor  # (B, O, S, S)
    kind: Tensor  # (B, O) int64

    def to(self, device: torch.device) -> ClipBatch:
        return ClipBatch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))

    def parts(self, count: int) -> list[ClipBatch]:
        """The same clips in `count` equal batches."""
        size = self.frames.shape[0] // count
        columns = [getattr(self, f.name).split(size) for f in fields(self)]
        return [ClipBatch(*part) for part in zip(*columns, strict=True)]


class _ClipDataset(Dataset[tuple[Tensor, ...]]):
    """The clips of one process from a step on. Clip n of a run is the same however many processes share the work."""

    def __init__(self, settings: TrainSettings, stills: list[Still], first_step: int, clips: slice) -> None:
        self.settings = settings
        self.first_step = first_step
        self.clips = clips
        s = settings
        self.synthesizer = ClipSynthesizer(
            stills, seed=s.seed, size=s.size, frames=s.frames, objects=s.objects, variations=s.variations
        )

    def __len__(self) -> int:
        count: int = (self.settings.steps - self.first_step) * (self.clips.stop - self.clips.start)
        return count

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        s = self.settings
        steps, position = divmod(item, self.clips.stop - self.clips.start)
        number = (self.first_step + steps) * s.batch + self.clips.start + position
        clip = self.synthesizer.draw(number)
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


def batches(settings: TrainSettings, stills: list[Still], first_step: int, processes: Processes) -> Iterator[ClipBatch]:
    """This process's batches of steps `first_step`, `first_step` + 1, ... to the end of the run."""
    clips = processes.share_of(settings.batch)
    loader = DataLoader(
        _ClipDataset(settings, stills, first_step, clips),
        batch_size=clips.stop - clips.start,
        num_workers=settings.workers,
        prefetch_factor=6 if settings.workers else None,
        worker_init_fn=_start_worker,
        pin_memory=torch.device(settings.device).type == "cuda",
    )
    for batch in loader:
        yield ClipBatch(*batch)
