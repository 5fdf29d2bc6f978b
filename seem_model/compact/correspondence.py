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
from seem_model.compact.pyramid import ImageFeatures, ungroup_stride4, ungroup_stride8

_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What memory says about the current frame, for O objects."""

    value: Tensor  # (B, O, value_dim, h, w)
    mask: Tensor  # (B, O, h, w) propagated mask at stride 16, in [0, 1]
    stride8_mask: Tensor  # (B, O, 2h, 2w) propagated mask at stride 8, in [0, 1]
    stride4_mask: Tensor  # (B, O, 4h, 4w) propagated mask at stride 4, in [0, 1]
    pinned_mask: Tensor  # (B, O, h, w) what annotated frames alone say at stride 16
    pinned_stride8_mask: Tensor  # (B, O, 2h, 2w) the same at stride 8
    pinned_share: Tensor  # (B, 1, h, w) share of the attention that fell on annotated frames, in [0, 1]


class MemoryReader(nn.Module):
    """Reads any number of remembered frames for all objects at once."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.candidates = config.candidates
        self.stride8_candidates = config.stride8_candidates
        self.pinned_bonus = config.pinned_bonus
        self.pinned_spread = config.pinned_spread
        # Objects move little between neighbouring memory frames: a Gaussian prior on distance, in units of the
        # longer image side. An annotated frame may be long ago: it gets one, a wider one, only where it is known how
        # far its objects have moved since.
        self.log_sigma = nn.Parameter(torch.tensor(0.14).log())
        self.coarse_weight = nn.Parameter(torch.tensor(0.5))
        self.fine_weight = nn.Parameter(torch.tensor(0.5))

    def forward(
        self,
        features: ImageFeatures,
        memory: Sequence[FrameMemory],
        *,
        local: bool = True,
        shifts: Sequence[tuple[float, float]] | None = None,
    ) -> ReadOut:
        """Reads memory for every cell of a frame.

        Args:
            features: The frame.
            memory: At least one frame, pinned ones first, all with the same objects; grids may differ.
            local: Whether objects are expected about where they were.
            shifts: Per remembered frame how far its objects have moved since, in cells (rows, columns) from the middle
                of its grid to the middle of this one. Without them, nowhere since recent frames, and anywhere since
                pinned ones.
        """
        height, width = features.grid
        here = self._query_place(features.grid, features.key)
        there = []
        for number, frame in enumerate(memory):
            bonus = self.pinned_bonus if frame.pinned else 0.0
            spread = self.pinned_spread if frame.pinned else 1.0
            if not local or (frame.pinned and shifts is None):
                spread = 0.0
            shift = (0.0, 0.0) if shifts is None else shifts[number]
            there.append(self._memory_place(frame.grid, max(features.grid), features.key, shift, spread, bonus))
        query = torch.cat([features.key, here.expand(features.key.shape[0], -1, -1)], 2)
        keys = torch.cat([frame.key for frame in memory], 1)  # (B, F*cells, C)
        keys = torch.cat([keys, torch.cat(there, 1).expand(keys.shape[0], -1, -1)], 2)
        # (B, Q, F*cells): correspondence of every cell here (Q) with every remembered cell.
        logits = query @ keys.transpose(1, 2)
        stored = torch.cat([_stored_cells(frame) for frame in memory], 3)  # (B, O, D + 2, F*cells)
        # One softmax for all objects; an object that some frames do not know is renormalised by its last channel.
        attention = logits.softmax(2)
        read = stored.flatten(1, 2) @ attention.transpose(1, 2)  # (B, O*(D+2), Q)
        read = read.unflatten(1, (stored.shape[1], -1))
        read = read[:, :, :-1] / (read[:, :, -1:] + _EPS)
        coarse_mask = read[:, :, -1]
        matches = self._best_cells(logits)
        stride8_mask, weights = read_children(features.stride8_key, _stride8_cells(memory), matches, coarse_mask)
        stride4_mask, _ = read_children(
            features.stride4_key.flatten(1, 2),
            _stride4_cells(memory),
            matches.best_children(weights, self.stride8_candidates, self.fine_weight),
            stride8_mask.flatten(2),
        )

        annotated = [frame for frame in memory if frame.pinned]
        pinned_mask, pinned_stride8_mask = coarse_mask, stride8_mask
        share = torch.ones_like(logits[:, :, :1])
        if 0 < len(annotated) < len(memory):
            cells = sum(frame.key.shape[1] for frame in annotated)
            share = attention[:, :, :cells].sum(2, keepdim=True)
            alone = logits[:, :, :cells]
            read_alone = stored[:, :, -2:, :cells].flatten(1, 2) @ alone.softmax(2).transpose(1, 2)
            read_alone = read_alone.unflatten(1, (stored.shape[1], 2))
            pinned_mask = read_alone[:, :, 0] / (read_alone[:, :, 1] + _EPS)
            pinned_stride8_mask, _ = read_children(
                features.stride8_key, _stride8_cells(annotated), self._best_cells(alone), pinned_mask
            )
        return ReadOut(
            value=read[:, :, :-1].unflatten(3, (height, width)),
            mask=coarse_mask.unflatten(2, (height, width)),
            stride8_mask=ungroup_stride8(stride8_mask, (height, width)),
            stride4_mask=ungroup_stride4(stride4_mask.unflatten(2, (height * width, 4)), (height, width)),
            pinned_mask=pinned_mask.unflatten(2, (height, width)),
            pinned_stride8_mask=ungroup_stride8(pinned_stride8_mask, (height, width)),
            pinned_share=share.transpose(1, 2).unflatten(2, (height, width)),
        )

    def _query_place(self, grid: tuple[int, int], like: Tensor) -> Tensor:
        """Four further channels for the keys of the current frame, (1, cells, 4).

        Their dot product with those of `_memory_place` is the logit of the distance prior, minus squared distance over
        twice the variance: -|p - q|^2 / 2 = p.q - |p|^2 / 2 - |q|^2 / 2, with positions in units of the standard
        deviation. So the prior costs no map of all pairs of its own.
        """
        place, fall_off = self._place(grid, max(grid), like, (0.0, 0.0))
        return torch.cat([place, torch.ones_like(fall_off), fall_off], 2)

    def _memory_place(
        self,
        grid: tuple[int, int],
        longest: int,
        like: Tensor,
        shift: tuple[float, float],
        spread: float,
        bonus: float,
    ) -> Tensor:
        """The same for a remembered frame. spread 0: no prior; bonus is added to all its logits."""
        place, fall_off = self._place(grid, longest, like, shift)
        weight = 0.0 if spread == 0 else 1 / spread**2
        return torch.cat([place * weight, fall_off * weight + bonus, torch.full_like(fall_off, weight)], 2)

    def _place(
        self, grid: tuple[int, int], longest: int, like: Tensor, shift: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """Positions (1, cells, 2) from the middle of a grid, shifted, and minus half their squares."""
        y, x = (
            (torch.arange(side, device=like.device, dtype=like.dtype) - (side - 1) / 2 + by) / longest
            for side, by in zip(grid, shift, strict=True)
        )
        place = torch.stack(torch.meshgrid(y, x, indexing="ij"), 2).view(1, grid[0] * grid[1], 2)
        place = place * (-self.log_sigma).exp()
        return place, -0.5 * place.square().sum(2, keepdim=True)

    def _best_cells(self, logits: Tensor) -> Matches:
        """Where the children of each cell look, from correspondence logits (B, Q, cells)."""
        best = logits.topk(min(self.candidates, logits.shape[2]), 2)
        return Matches(best.indices, best.values * self.coarse_weight)


def _stored_cells(frame: FrameMemory) -> Tensor:
    """(B, O, D + 2, cells): value, mask, and 1 where an object may be read from the frame."""
    stored = torch.cat([frame.value, frame.mask[:, :, None], torch.ones_like(frame.mask[:, :, None])], 2)
    return stored * frame.valid[:, :, None, None]


def _stride8_cells(memory: Sequence[FrameMemory]) -> CellMemory:
    """The stride-16 cells of all frames, with what they hold at stride 8."""
    return CellMemory(
        keys=torch.cat([frame.stride8_key for frame in memory], 1),
        masks=torch.cat([frame.stride8_mask for frame in memory], 2),
        valid=torch.cat([_per_cell(frame.valid, frame.stride8_mask) for frame in memory], 2),
    )


def _stride4_cells(memory: Sequence[FrameMemory]) -> CellMemory:
    """The stride-8 cells of all frames, with what they hold at stride 4."""
    masks = [frame.stride4_mask.flatten(2, 3) for frame in memory]
    return CellMemory(
        keys=torch.cat([frame.stride4_key.flatten(1, 2) for frame in memory], 1),
        masks=torch.cat(masks, 2),
        valid=torch.cat([_per_cell(frame.valid, mask) for frame, mask in zip(memory, masks, strict=True)], 2),
    )


def _per_cell(valid: Tensor, masks: Tensor) -> Tensor:
    """(B, O) -> (B, O, N) for masks (B, O, N, 4)."""
    return valid[:, :, None].expand(-1, -1, masks.shape[2])
