"""Masks with the errors that a tracker accumulates over many frames.

A clip has a few frames, a video hundreds: over a video the model's small errors enter memory and are read again. Two
substitutes for that length. A rollout runs the model over the clip's frames, back and forth and without gradient; the
training pass then starts from the model's own memory. `damaged` applies at once the errors that accumulate over a
video: parts lost, background included, thin parts dropped, gaps closed, boundaries grown or shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

_START_FROM_PROMPT = 0.3
_LONGEST_ROLLOUT = 5
_DAMAGED = 0.3
_TWO_RECENT = 0.35


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """What is sampled at each step: how the clips of a batch are tracked.

    Attributes:
        start_from_prompt: (B,) bool, clips whose memory starts from the model's own mask of the prompt.
        rollout: Frames (1..T-1) tracked without gradient before the clip; empty for none.
        recent_frames: How many of its own frames the model remembers beside the first.
        damage_seeds: (T, B) int64: seeds of the damage to remembered masks, -1 for none. Row 0 is for the end
            of the rollout.
        mark_seeds: (B,) int64: seeds of the marks that correct masks, and of the damage done to them before.
    """

    start_from_prompt: Tensor
    rollout: tuple[int, ...]
    recent_frames: int
    damage_seeds: Tensor
    mark_seeds: Tensor

    def parts(self, count: int) -> list[RolloutPlan]:
        """The plans of `count` equal parts of the batch."""
        size = self.start_from_prompt.shape[0] // count
        return [self.of(slice(start, start + size)) for start in range(0, count * size, size)]

    def of(self, clips: slice) -> RolloutPlan:
        """The plan of some of the clips."""
        return replace(
            self,
            start_from_prompt=self.start_from_prompt[clips],
            damage_seeds=self.damage_seeds[:, clips],
            mark_seeds=self.mark_seeds[clips],
        )


def draw_rollout_plan(seed: int, clips: int, frames: int, rollouts: float) -> RolloutPlan:
    """The plan of a whole step, so that it does not matter how many processes share its clips.

    Args:
        seed: Determines the plan.
        clips: B.
        frames: T.
        rollouts: Share of steps that begin with one. With 0 no mask is damaged either, and every frame is remembered.
    """
    generator = torch.Generator().manual_seed(seed)
    start_from_prompt = torch.rand(clips, generator=generator) < _START_FROM_PROMPT
    mark_seeds = torch.randint(0, 2**40, (clips,), generator=torch.Generator().manual_seed(seed + 2**41))
    if not rollouts:
        return RolloutPlan(start_from_prompt, (), frames, torch.full((frames, clips), -1), mark_seeds)
    seeds = torch.randint(0, 2**40, (frames, clips), generator=generator)
    damage_seeds = torch.where(torch.rand(frames, clips, generator=generator) < _DAMAGED, seeds, -1)
    has_rollout, two_recent = (torch.rand(2, generator=generator) < torch.tensor([rollouts, _TWO_RECENT])).tolist()
    length = int(torch.randint(1, _LONGEST_ROLLOUT + 1, (), generator=generator)) if has_rollout else 0
    return RolloutPlan(
        start_from_prompt, _back_and_forth(frames, length), 2 if two_recent else 1, damage_seeds, mark_seeds
    )


def _back_and_forth(frames: int, length: int) -> tuple[int, ...]:
    """1, 2, ..., T-1, T-2, ..., 1, 2, ... of that length."""
    last = frames - 1
    there_and_back = [*range(1, last + 1), *range(last - 1, 1, -1)]
    return tuple(there_and_back[i % len(there_and_back)] for i in range(length))


def damaged(masks: Tensor, seeds: Tensor) -> Tensor:
    """Damages each object of the clips that have a seed, in one of several ways.

    Args:
        masks: (B, O, h, w) in [0, 1].
        seeds: (B,) int64, -1 for clips that stay as they are.
    """
    result = masks.clone()
    for clip, seed in enumerate(seeds.tolist()):
        if seed < 0:
            continue
        generator = torch.Generator().manual_seed(seed)
        for slot, mask in enumerate(masks[clip]):
            damage = _DAMAGES[int(torch.randint(0, len(_DAMAGES), (), generator=generator))]
            result[clip, slot] = damage(mask[None], _blobs(mask, generator))[0]
    return result


def _blobs(like: Tensor, generator: torch.Generator) -> Tensor:
    """(1, h, w), 1 in smooth blobs that cover a third of the picture, else 0."""
    height, width = like.shape
    noise = torch.randn(1, 1, max(2, height // 8), max(2, width // 8), generator=generator)
    return (F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)[0] > 0.35).to(like)


def _grown(masks: Tensor, by: int) -> Tensor:
    return F.max_pool2d(masks, 2 * by + 1, 1, by)


def _shrunk(masks: Tensor, by: int) -> Tensor:
    return -_grown(-masks, by)


def _part_lost(masks: Tensor, blobs: Tensor) -> Tensor:
    return masks * (1 - blobs)


def _surroundings_included(masks: Tensor, blobs: Tensor) -> Tensor:
    return torch.maximum(masks, _grown(masks, 4) * blobs)


def _thin_parts_dropped(masks: Tensor, _: Tensor) -> Tensor:
    return _grown(_shrunk(masks, 1), 1)


def _gaps_closed(masks: Tensor, _: Tensor) -> Tensor:
    return _shrunk(_grown(masks, 2), 2)


def _boundary_shifted(masks: Tensor, blobs: Tensor) -> Tensor:
    return _grown(masks, 1) * blobs + _shrunk(masks, 1) * (1 - blobs)


_DAMAGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    _part_lost,
    _surroundings_included,
    _thin_parts_dropped,
    _gaps_closed,
    _boundary_shifted,
)
