"""One training pass over a batch of clips, run as a video: prompt, then frame after frame with its own memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.training.batches import ClipBatch
from pipelines.training.corrections import correct
from pipelines.training.losses import mask_iou, mask_loss, presence_loss
from pipelines.training.rollout import RolloutPlan, damaged
from seem_model.aggregation import aggregate
from seem_model.compact.decoder import Decoded, PromptTokens
from seem_model.compact.layers import area_resize
from seem_model.compact.memory import FrameMemory
from seem_model.compact.model import CompactSEEM
from seem_model.compact.pyramid import ImageFeatures

_PROMPT_WEIGHT = 0.7
_PRESENCE_WEIGHT = 0.2
_CORRECTION_WEIGHT = 0.6
_ROUNDS = 2
# Of ten tracked masks that are corrected, how many are damaged before.
_DAMAGED_BEFORE_MARKS = 6


def run_clips(
    model: CompactSEEM, batch: ClipBatch, plan: RolloutPlan, *, corrections: bool = False
) -> tuple[Tensor, dict[str, float]]:
    """Loss of one batch and numbers for the log. Predicted masks are fed back as memory, without gradient.

    Every term is a weighted mean over the batch's objects with the same weights, `batch.weight`: the loss of a large
    batch is the mean of its parts' losses, weighted by their total weights.

    Args:
        model: The network.
        batch: B clips.
        plan: How they are tracked.
        corrections: Whether masks are also corrected by marks, of the prompted frame and of the last one.
    """
    clips, length = batch.frames.shape[:2]
    encoded = model.encode_image(batch.frames.flatten(0, 1))
    frames = [_frame_of(encoded, clips, length, t) for t in range(length)]
    truth = batch.masks.float()
    grid = (truth.shape[-2] // 4, truth.shape[-1] // 4)
    stride4 = [area_resize(truth[:, t], grid) for t in range(length)]
    stride2 = [F.avg_pool2d(truth[:, t], 2).flatten(0, 1) for t in range(length)]
    weight = batch.weight.flatten()
    log: dict[str, float] = {}

    maps = [area_resize(x, grid) for x in (batch.positive, batch.negative)]
    passes = model.segment_prompt(frames[0], maps[0], maps[1], batch.kind)
    prompt_losses = [mask_loss(x.mask_logits.flatten(0, 1), stride2[0], weight) for x in passes]
    prompt_loss = torch.stack(prompt_losses).mean()
    log["prompt_iou"] = mask_iou(passes[-1].mask_logits.flatten(0, 1), stride2[0], weight)

    own = passes[-1].mask_logits.detach().sigmoid()
    first = torch.where(plan.start_from_prompt.to(truth.device)[:, None, None, None], own, stride4[0])
    refined: list[Tensor] = []
    if corrections:
        logits, marks = passes[-1].mask_logits, (batch.positive, batch.negative)
        refined.append(
            _corrected(model, frames[0], batch, 0, logits, marks, plan.mark_seeds, stride2[0], log, "prompt")
        )
    losses: list[Tensor] = []
    presence_losses: list[Tensor] = []
    for t, (decoded, memory, reference) in enumerate(track(model, frames, first, plan), 1):
        logits = decoded.mask_logits.flatten(0, 1)
        visible = (batch.masks[:, t].flatten(2).sum(2) > 16).float().flatten()
        losses.append(
            mask_loss(logits, stride2[t], weight)
            + 0.5 * mask_loss(decoded.early_logits.flatten(0, 1), stride2[t], weight)
        )
        presence_losses.append(presence_loss(decoded.presence_logits.flatten(), visible, weight))
        if corrections and t == length - 1:
            blank = torch.zeros_like(batch.positive)
            broken = torch.where(plan.mark_seeds % 10 < _DAMAGED_BEFORE_MARKS, plan.mark_seeds, -1)
            estimate = torch.logit(damaged(_own_masks(decoded)[0], broken).clamp(1e-3, 1 - 1e-3))
            known = (blank, blank), plan.mark_seeds + 1
            refined.append(
                _corrected(model, frames[t], batch, t, estimate, *known, stride2[t], log, "tracked", memory, reference)
            )
        log[f"iou_{t}"] = mask_iou(logits, stride2[t], weight * visible)

    tracking = torch.stack(losses).mean() / 1.5
    presence = torch.stack(presence_losses).mean()
    total = tracking + _PROMPT_WEIGHT * prompt_loss + _PRESENCE_WEIGHT * presence
    if refined:
        total = total + _CORRECTION_WEIGHT * torch.stack(refined).mean()
    log |= {"track": tracking.item(), "prompt": prompt_loss.item(), "presence": presence.item(), "loss": total.item()}
    return total, log


def track(
    model: CompactSEEM, frames: Sequence[ImageFeatures], first: Tensor, plan: RolloutPlan | None = None
) -> Iterator[tuple[Decoded, list[FrameMemory], PromptTokens]]:
    """The answers for all frames but the first, whose masks are `first`, with what each was read from.

    Args:
        model: The network.
        frames: Features of T frames of B clips.
        first: (B, O, H/4, W/4) masks in [0, 1].
        plan: What is remembered, and damaged. Without it every frame is remembered as it is.
    """
    pinned = model.encode_memory(frames[0], first, pinned=True)
    reference = model.encode_reference(frames[0], first)
    recent: list[FrameMemory] = []
    previous = first
    if plan is not None and plan.rollout:
        last, previous, trusted = _roll_out(model, frames, pinned, reference, first, plan)
        recent.append(model.encode_memory(last, previous, pinned=False, valid=trusted))
    for t in range(1, len(frames)):
        memory = [pinned, *recent]
        decoded = model.decode(frames[t], memory, reference, previous)
        yield decoded, memory, reference
        previous, trusted = _own_masks(decoded)
        if plan is not None:
            previous = damaged(previous, plan.damage_seeds[t])
        if t + 1 < len(frames):
            recent.append(model.encode_memory(frames[t], previous, pinned=False, valid=trusted))
            recent = recent if plan is None else recent[-plan.recent_frames :]


def _corrected(
    model: CompactSEEM,
    frame: ImageFeatures,
    batch: ClipBatch,
    t: int,
    logits: Tensor,
    marks: tuple[Tensor, Tensor],
    seeds: Tensor,
    target: Tensor,
    log: dict[str, float],
    name: str,
    memory: Sequence[FrameMemory] = (),
    reference: PromptTokens | None = None,
) -> Tensor:
    """Loss of a few rounds of corrections of the masks of frame t."""
    weight = batch.weight.flatten()
    losses = []
    log[f"{name}_iou_0"] = mask_iou(logits.flatten(0, 1), target, weight)
    positive, negative = marks
    for number in range(_ROUNDS):
        positive, negative, kind = correct(logits, batch.masks[:, t], positive, negative, seeds + 2 * number)
        on, off = (area_resize(x, frame.mask_size) for x in (positive, negative))
        decoded = model.refine(frame, on, off, kind, logits.detach().sigmoid(), memory, reference)
        logits = decoded.mask_logits
        losses.append(mask_loss(logits.flatten(0, 1), target, weight))
        log[f"{name}_iou_{number + 1}"] = mask_iou(logits.flatten(0, 1), target, weight)
    return torch.stack(losses).mean()


@torch.no_grad()
def _roll_out(
    model: CompactSEEM,
    frames: Sequence[ImageFeatures],
    pinned: FrameMemory,
    reference: PromptTokens,
    first: Tensor,
    plan: RolloutPlan,
) -> tuple[ImageFeatures, Tensor, Tensor]:
    """Tracks the frames of the rollout, keeping the newest in memory -> the last one, its masks, the objects seen."""
    recent: list[FrameMemory] = []
    previous, trusted = first, first.new_ones(first.shape[:2])
    for t in plan.rollout:
        previous, trusted = _own_masks(model.decode(frames[t], [pinned, *recent], reference, previous))
        recent = [model.encode_memory(frames[t], previous, pinned=False, valid=trusted)]
    return frames[plan.rollout[-1]], damaged(previous, plan.damage_seeds[0]), trusted


def _own_masks(decoded: Decoded) -> tuple[Tensor, Tensor]:
    """(B, O, h, w) masks after competition, (B, O) 1 for objects that are seen; both without gradient."""
    masks = aggregate(decoded.mask_logits.detach().sigmoid())[:, 1:]
    return masks, (decoded.presence_logits.detach() > 0).float()


def _frame_of(encoded: ImageFeatures, clips: int, length: int, t: int) -> ImageFeatures:
    """Features of frame t out of a flattened (B*T) batch."""
    return ImageFeatures(*(getattr(encoded, f.name).unflatten(0, (clips, length))[:, t] for f in fields(ImageFeatures)))
