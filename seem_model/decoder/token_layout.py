"""The rows of one decoder pass, and the mask of who reads whom that follows from the attention table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seem_model.attention_table import AttentionTable, Group
from seem_model.decoder.inputs import DecoderInputs, PointPrompts, TextPrompts

# Tokens that read only themselves and start every layer afresh: their rows are never computed, only read.
FIXED_TOKENS = (Group.SPATIAL_TOKENS, Group.VISUAL_TOKENS)


@dataclass(frozen=True)
class RowGroup:
    """Rows of one group.

    Attributes:
        group: Which.
        content: (S, n, C) at the start of the pass.
        positions: (S, n, C), fixed.
        padding: (S, n) bool, or None where no row is padding.
        owners: (S, n) int64: the object of each row, where objects share a set (v1); else None.
    """

    group: Group
    content: Tensor
    positions: Tensor
    padding: Tensor | None = None
    owners: Tensor | None = None

    def __len__(self) -> int:
        return self.content.shape[1]


@dataclass(frozen=True)
class Readable:
    """What can be read: a group's length, padding and owners (as in `RowGroup`)."""

    group: Group
    length: int
    padding: Tensor | None
    owners: Tensor | None


class Rows:
    """The row groups of a pass, those that attend to the image first."""

    def __init__(self, groups: Sequence[RowGroup], table: AttentionTable) -> None:
        self.table = table
        self.groups = sorted(groups, key=lambda g: g.group not in table.attends_image)
        self.slices: dict[Group, slice] = {}
        start = 0
        for group in self.groups:
            self.slices[group.group] = slice(start, start + len(group))
            start += len(group)
        self.num_image_rows = sum(len(g) for g in self.groups if g.group in table.attends_image)
        self.content = torch.cat([g.content for g in self.groups], dim=1)
        self.positions = torch.cat([g.positions for g in self.groups], dim=1)

    def readable(self, tokens: Sequence[Readable], memory_owners: Tensor | None) -> Tensor | None:
        """(S, R, R + sum T) bool: which row may read which row or fixed token; None if everything may be read.

        Args:
            tokens: The fixed tokens, in the order of their keys.
            memory_owners: (slots,) the object of each memory slot in this layer, where objects share a set.
        """
        sets = self.content.shape[0]
        device = self.content.device
        keys = [self._own(group, memory_owners) for group in self.groups] + list(tokens)
        blocks = []
        for reader in (self._own(group, memory_owners) for group in self.groups):
            row = []
            for key in keys:
                may_read = key.group in self.table.reads[reader.group]
                block = torch.full((sets, reader.length, key.length), may_read, device=device)
                if may_read and reader.owners is not None and key.owners is not None:
                    block &= reader.owners[:, :, None] == key.owners[:, None]
                if may_read and key.padding is not None:
                    block &= ~key.padding[:, None]
                row.append(block)
            blocks.append(torch.cat(row, dim=2))
        result = torch.cat(blocks, dim=1)
        # A padded row is read by nobody; it reads itself so that the softmax has something to sum.
        own = result[:, :, : result.shape[1]].diagonal(dim1=1, dim2=2)
        own |= ~result.any(dim=2)
        return None if bool(result.all()) else result

    @staticmethod
    def _own(group: RowGroup, memory_owners: Tensor | None) -> Readable:
        owners = group.owners
        if group.group is Group.SPATIAL_MEMORIES and memory_owners is not None:
            owners = memory_owners[None].to(group.content.device)
        return Readable(group.group, len(group), group.padding, owners)


def fixed_tokens(inputs: DecoderInputs, level: int, *, shared_rows: bool) -> list[tuple[PointPrompts, Readable]]:
    """The fixed tokens of a pass with what the mask needs to know of them, in a fixed order."""
    result = []
    for group, prompts in zip(FIXED_TOKENS, (inputs.spatial, inputs.visual), strict=True):
        if prompts is None:
            continue
        padding = prompts.padding if bool(prompts.padding.any()) else None
        owners = prompts.owners[level] if shared_rows else None
        result.append((prompts, Readable(group, prompts.padding.shape[1], padding, owners)))
    return result


def text_rows(group: Group, text: TextPrompts) -> RowGroup:
    """Rows of text tokens: content and position are both the token (parity)."""
    return RowGroup(group, text.tokens, text.tokens, text.padding if bool(text.padding.any()) else None)
