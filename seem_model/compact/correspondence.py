"""Pixel read-out of memory frames: where was what is here now?

Space-time memory reading (Oh et al., ICCV 2019) with constant-norm keys, in three levels. At stride 16 every cell
attends to all cells of all remembered frames; the affinity is shared by all objects. At strides 8 and 4 every cell
only compares itself with the children of its parent's best matches, so that the fine levels cost a few percent of full
ones and still reach every remembered frame.

Masks are read twice, from all remembered frames and from the annotated ones alone: the model's own masks drift, and
only where the two answers are both known can a later stage see that they disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seem_model.compact.child_cells import CellMemory, Matches, read_children
from seem_model.compact.config import CompactConfig
from seem_model.compact.memory import FrameMemory
from seem_model.compact.pyramid import ImageFeatures, ungroup_children, ungroup_grandchildren

_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What memory says about the current frame, for O objects."""

    value: Tensor  # (B, O, value_dim, h, w)
    mask: Tensor  # (B, O, h, w) propagated mask at stride 16, in [0, 1]
    fine_mask: Tensor  # (B, O, 2h, 2w) propagated mask at stride 8, in [0, 1]
    finest_mask: Tensor  # (B, O, 4h, 4w) propagated mask at stride 4, in [0, 1]
    pinned_mask: Tensor  # (B, O, h, w) what annotated frames alone say at stride 16
    pinned_fine_mask: Tensor  # (B, O, 2h, 2w) the same at stride 8
    pinned_share: Tensor  # (B, 1, h, w) share of the attention that fell on annotated frames, in [0, 1]


class MemoryReader(nn.Module):
    """Reads any number of remembered frames for all objects at once."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.candidates = config.candidates
        self.fine_candidates = config.fine_candidates
        self.pinned_bonus = config.pinned_bonus
        # Objects move little between neighbouring memory frames: a Gaussian prior on distance, in units of the
        # longer image side. The pinned frame may be long ago and gets none.
        self.log_sigma = nn.Parameter(torch.tensor(0.14).log())
        self.coarse_weight = nn.Parameter(torch.tensor(0.5))
        self.fine_weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, features: ImageFeatures, memory: Sequence[FrameMemory]) -> ReadOut:
        """memory: at least one frame, pinned ones first, all with the same grid and objects as `features`."""
        height, width = features.grid
        here, there = self._locality(height, width, features.key)
        anywhere = torch.zeros_like(there)
        anywhere[..., 2] = self.pinned_bonus
        query = torch.cat([features.key, here.expand(features.key.shape[0], -1, -1)], 2)
        keys = torch.cat([frame.key for frame in memory], 1)  # (B, F*cells, C)
        places = torch.cat([anywhere if frame.pinned else there for frame in memory], 1)
        keys = torch.cat([keys, places.expand(keys.shape[0], -1, -1)], 2)
        # (B, Q, F*cells): correspondence of every cell here (Q) with every remembered cell.
        logits = query @ keys.transpose(1, 2)
        valid = torch.stack([frame.valid for frame in memory], 2)  # (B, O, F)

        value = torch.stack([frame.value for frame in memory], 3)  # (B, O, D, F, cells)
        mask = torch.stack([frame.mask for frame in memory], 2)  # (B, O, F, cells)
        stored = torch.cat([value, mask[:, :, None], torch.ones_like(mask[:, :, None])], 2)
        stored = (stored * valid[:, :, None, :, None]).flatten(3)  # (B, O, D + 2, F*cells)
        # One softmax for all objects; an object that some frames do not know is renormalised by its last channel.
        attention = logits.softmax(2)
        read = stored.flatten(1, 2) @ attention.transpose(1, 2)  # (B, O*(D+2), Q)
        read = read.unflatten(1, (valid.shape[1], -1))
        read = read[:, :, :-1] / (read[:, :, -1:] + _EPS)
        coarse_mask = read[:, :, -1]
        matches = self._best_cells(logits)
        fine_mask, weights = read_children(features.fine_key, _fine_cells(memory), matches, coarse_mask)
        finest_mask, _ = read_children(
            features.finest_key.flatten(1, 2),
            _finest_cells(memory),
            matches.best_children(weights, self.fine_candidates, self.fine_weight),
            fine_mask.flatten(2),
        )

        pinned = [frame for frame in memory if frame.pinned]
        pinned_mask, pinned_fine_mask = coarse_mask, fine_mask
        share = torch.ones_like(logits[:, :, :1])
        if 0 < len(pinned) < len(memory):
            cells = logits.shape[2] // len(memory) * len(pinned)
            share = attention[:, :, :cells].sum(2, keepdim=True)
            alone = logits[:, :, :cells]
            read_alone = stored[:, :, -2:, :cells].flatten(1, 2) @ alone.softmax(2).transpose(1, 2)
            read_alone = read_alone.unflatten(1, (valid.shape[1], 2))
            pinned_mask = read_alone[:, :, 0] / (read_alone[:, :, 1] + _EPS)
            pinned_fine_mask, _ = read_children(
                features.fine_key, _fine_cells(pinned), self._best_cells(alone), pinned_mask
            )
        return ReadOut(
            value=read[:, :, :-1].unflatten(3, (height, width)),
            mask=coarse_mask.unflatten(2, (height, width)),
            fine_mask=ungroup_children(fine_mask, (height, width)),
            finest_mask=ungroup_grandchildren(finest_mask.unflatten(2, (height * width, 4)), (height, width)),
            pinned_mask=pinned_mask.unflatten(2, (height, width)),
            pinned_fine_mask=ungroup_children(pinned_fine_mask, (height, width)),
            pinned_share=share.transpose(1, 2).unflatten(2, (height, width)),
        )

    def _locality(self, height: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Four further channels for the keys of the current and of a remembered frame, each (1, cells, 4).

        Their dot product is the logit of the distance prior, minus squared distance over twice the variance:
        -|p - q|^2 / 2 = p.q - |p|^2 / 2 - |q|^2 / 2, with positions in units of the standard deviation. So the prior
        costs no map of all pairs of its own.
        """
        longest = max(height, width)
        y = torch.arange(height, device=like.device, dtype=like.dtype) / longest
        x = torch.arange(width, device=like.device, dtype=like.dtype) / longest
        place = torch.stack(torch.meshgrid(y, x, indexing="ij"), 2).view(1, height * width, 2)
        place = place * (-self.log_sigma).exp()
        fall_off = -0.5 * place.square().sum(2, keepdim=True)
        one = torch.ones_like(fall_off)
        return torch.cat([place, one, fall_off], 2), torch.cat([place, fall_off, one], 2)

    def _best_cells(self, logits: Tensor) -> Matches:
        """Where the children of each cell look, from correspondence logits (B, Q, cells)."""
        best = logits.topk(min(self.candidates, logits.shape[2]), 2)
        return Matches(best.indices, best.values * self.coarse_weight)


def _fine_cells(memory: Sequence[FrameMemory]) -> CellMemory:
    """The stride-16 cells of all frames, with what they hold at stride 8."""
    return CellMemory(
        keys=torch.cat([frame.fine_key for frame in memory], 1),
        masks=torch.cat([frame.fine_mask for frame in memory], 2),
        valid=torch.cat([_per_cell(frame.valid, frame.fine_mask) for frame in memory], 2),
    )


def _finest_cells(memory: Sequence[FrameMemory]) -> CellMemory:
    """The stride-8 cells of all frames, with what they hold at stride 4."""
    masks = [frame.finest_mask.flatten(2, 3) for frame in memory]
    return CellMemory(
        keys=torch.cat([frame.finest_key.flatten(1, 2) for frame in memory], 1),
        masks=torch.cat(masks, 2),
        valid=torch.cat([_per_cell(frame.valid, mask) for frame, mask in zip(memory, masks, strict=True)], 2),
    )


def _per_cell(valid: Tensor, masks: Tensor) -> Tensor:
    """(B, O) -> (B, O, N) for masks (B, O, N, 4)."""
    return valid[:, :, None].expand(-1, -1, masks.shape[2])
