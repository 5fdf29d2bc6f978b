"""What the engine keeps of remembered views, and how it is laid out for the decoder.

A view has keys that all objects share and, for each object, its value, masks and memory prompts. The decoder wants all
remembered views as one table of cells; that table is made when memory changes, not for every frame.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from seem_model.compact.config import CompactConfig
from seem_model.compact_onnx.geometry import Grid

# Tables of this many lists of views are kept; a tracker decodes every window of a frame with a list of its own.
_TABLES = 4
_LEAST_VALID = 1e-4


@dataclass(frozen=True, eq=False)
class ViewKeys:
    """Correspondence keys of a remembered view with Q cells at stride 16, in float16 except the first.

    Attributes:
        key: (Q, C16) float32.
        stride8_key: (Q, 4 * C8), four cells at stride 8 one after the other.
        stride4_key: (Q, 16 * C4), the four children of each of these.
        grid: h and w; Q is their product.
    """

    key: np.ndarray
    stride8_key: np.ndarray
    stride4_key: np.ndarray
    grid: Grid

    @cached_property
    def laid_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The keys as float32 parts of a table: (C16, Q), (Q, 4 * C8) and, a row per stride-8 cell, (4 * Q, 4 * C4)."""
        return (
            np.ascontiguousarray(self.key.T),
            self.stride8_key.astype(np.float32),
            self.stride4_key.astype(np.float32).reshape(4 * len(self.key), -1),
        )


@dataclass(frozen=True, eq=False)
class ObjectCells:
    """What a remembered view says of one object, all float32.

    Attributes:
        value: (value channels, Q).
        mask: (1, Q) share of each cell that the object covers.
        stride8_mask: (Q, 4) the same at stride 8.
        stride4_mask: (Q, 16) the same at stride 4.
        prompts: (memory tokens, dim).
    """

    value: np.ndarray
    mask: np.ndarray
    stride8_mask: np.ndarray
    stride4_mask: np.ndarray
    prompts: np.ndarray

    @cached_property
    def laid_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parts of a table: (value channels + 2, Q) value, mask and ones; (Q, 8) and (4 * Q, 8) four masks a row, each
        followed by 1, which says that it may be read."""
        stored = np.concatenate([self.value, self.mask, np.ones_like(self.mask)])
        masks = [self.stride8_mask, self.stride4_mask.reshape(-1, 4)]
        mask8, mask4 = (np.stack([mask, np.ones_like(mask)], 2).reshape(len(mask), 8) for mask in masks)
        return stored, mask8, mask4


_KEY_NAMES = ("key", "stride8_key", "stride4_key")
_CELL_NAMES = ("value", "mask", "stride8_mask", "stride4_mask", "prompts")


@dataclass(frozen=True, slots=True, eq=False)
class OnnxMemory:
    """A remembered view for a list of objects; None is an object that the view says nothing of."""

    keys: ViewKeys
    objects: tuple[ObjectCells | None, ...]
    pinned: bool

    def select(self, slots: Sequence[int | None]) -> Self:
        """The same view for another list of objects; nothing is copied."""
        objects = tuple(None if slot is None else self.objects[slot] for slot in slots)
        return type(self)(self.keys, objects, self.pinned)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Its content by name; unknown objects are left out of the arrays and counted in `known`."""
        known = [cells for cells in self.objects if cells is not None]
        arrays = {name: getattr(self.keys, name) for name in _KEY_NAMES}
        arrays["grid"] = np.array(self.keys.grid, np.int64)
        arrays["known"] = np.array([cells is not None for cells in self.objects], np.uint8)
        for name in _CELL_NAMES if known else ():
            arrays[name] = np.stack([getattr(cells, name) for cells in known])
        return arrays

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], *, pinned: bool) -> Self:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: The arrays are not those of a memory.
        """
        expected = {*_KEY_NAMES, "grid", "known", *(_CELL_NAMES if arrays.get("known", np.empty(0)).any() else ())}
        if arrays.keys() != expected:
            raise ValueError(f"expected the arrays {sorted(expected)}, found {sorted(arrays)}")
        rows, columns = arrays["grid"].tolist()
        cells = len(arrays["key"])
        if cells != rows * columns:
            raise ValueError(f"keys of {cells} cells for a grid of {rows} times {columns}")
        keys = ViewKeys(**{name: arrays[name] for name in _KEY_NAMES}, grid=(rows, columns))
        known = arrays["known"].astype(bool)
        places = np.cumsum(known) - 1
        objects = tuple(
            ObjectCells(**{name: arrays[name][place] for name in _CELL_NAMES}) if is_known else None
            for is_known, place in zip(known, places, strict=True)
        )
        return cls(keys, objects, pinned)


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Remembered views joined for the decoder, annotated ones first.

    Attributes:
        inputs: Inputs of the decoder by name.
        prompts, prompt_bias: (O, T, dim) and (O, T) memory prompts of all views, and their log-confidence.
    """

    inputs: dict[str, np.ndarray]
    prompts: np.ndarray
    prompt_bias: np.ndarray


class CellTables:
    """Makes cell tables, and keeps the last few.

    Args:
        config: Sizes of the network.
    """

    def __init__(self, config: CompactConfig) -> None:
        self._config = config
        # The views are kept beside their table so that no other object can take their identity.
        self._tables: OrderedDict[tuple[object, ...], tuple[tuple[OnnxMemory, ...], CellTable]] = OrderedDict()

    def table_of(self, memory: Sequence[OnnxMemory]) -> CellTable:
        """The table of at least one remembered view, pinned ones first, all for the same list of objects."""
        key = tuple((view.pinned, id(view.keys), *map(id, view.objects)) for view in memory)
        if key in self._tables:
            self._tables.move_to_end(key)
            return self._tables[key][1]
        views = tuple(memory)
        table = _join(views, self._config)
        self._tables[key] = (views, table)
        if len(self._tables) > _TABLES:
            self._tables.popitem(last=False)
        return table


def _join(views: Sequence[OnnxMemory], config: CompactConfig) -> CellTable:
    counts = [len(view.keys.key) for view in views]
    total, objects = sum(counts), len(views[0].objects)
    tokens, dim = config.memory_tokens, config.dim
    stored = np.zeros((objects, config.value_dim + 2, total), np.float32)
    mask8 = np.zeros((objects, total, 8), np.float32)
    mask4 = np.zeros((objects, 4 * total, 8), np.float32)
    prompts = np.zeros((objects, len(views), tokens, dim), np.float32)
    bias = np.full((objects, len(views), tokens), np.log(_LEAST_VALID), np.float32)
    stop = 0
    for number, (view, count) in enumerate(zip(views, counts, strict=True)):
        start, stop = stop, stop + count
        for row, own in enumerate(view.objects):
            if own is not None:
                stored[row, :, start:stop], mask8[row, start:stop], mask4[row, 4 * start : 4 * stop] = own.laid_out
                prompts[row, number], bias[row, number] = own.prompts, 0
    keys, keys8, keys4 = zip(*(view.keys.laid_out for view in views), strict=True)
    annotated = sum(count for view, count in zip(views, counts, strict=True) if view.pinned)
    inputs = {
        "memory_key": np.concatenate(keys, 1),
        "memory_stride8_key": np.concatenate(keys8),
        "memory_stride4_key": np.concatenate(keys4),
        "memory_stored": stored,
        "memory_stride8_mask": mask8,
        "memory_stride4_mask": mask4,
        # Without annotated views there is nothing to compare with: all of memory answers twice.
        "annotated": np.array([annotated or total], np.int64),
    }
    return CellTable(inputs, prompts.reshape(objects, -1, dim), bias.reshape(objects, -1))
