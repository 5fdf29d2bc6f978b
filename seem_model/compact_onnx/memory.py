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

from seem_model.array_checks import Expected, check_arrays, grid_of
from seem_model.compact.config import CompactConfig
from seem_model.compact_onnx.geometry import Grid

# Tables of this many lists of views are kept; a tracker decodes every window of a frame with a list of its own.
_TABLES = 4
_LEAST_VALID = 1e-4
# The decoder looks for the best of these many sets of cells first, so that their number must be a multiple.
CELL_MULTIPLE = 16
# Logit of a cell that only fills up.
_NO_CELL = -1e4
# A cell that holds less than this of an object is free of it, and full of it likewise: the decoder caps what
# it is told of masks at twice the distance from 0 and 1.
_SETTLED = 0.01


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
    def laid_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Parts of a table: (value channels + 2, Q) value, mask and ones; (Q, 8) and (4 * Q, 8) four masks a row, each
        followed by 1, which says that it may be read; (Q, 2) and (4 * Q, 2) whether a cell is free of the object at
        stride 4, and full of it."""
        stored = np.concatenate([self.value, self.mask, np.ones_like(self.mask)])
        masks = [self.stride8_mask, self.stride4_mask.reshape(-1, 4)]
        mask8, mask4 = (np.stack([mask, np.ones_like(mask)], 2).reshape(len(mask), 8) for mask in masks)
        least, most = masks[1].min(1), masks[1].max(1)
        settled8 = np.stack([most <= _SETTLED, least >= 1 - _SETTLED], 1).astype(np.float32)
        return stored, mask8, mask4, settled8.reshape(-1, 4, 2).min(1), settled8


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
    def from_arrays(cls, arrays: dict[str, np.ndarray], config: CompactConfig, *, objects: int, pinned: bool) -> Self:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: The arrays are not those of a memory.
        """
        rows, columns = grid_of(arrays)
        cells = rows * columns
        known_count = int(np.count_nonzero(arrays.get("known", np.empty(0))))
        float32, float16 = np.float32, np.float16
        expected: dict[str, Expected] = {
            "grid": (np.int64, (2,)),
            "known": (np.uint8, (objects,)),
            "key": (float32, (cells, config.key_channels)),
            "stride8_key": (float16, (cells, 4 * config.stride8_key_channels)),
            "stride4_key": (float16, (cells, 16 * config.stride4_key_channels)),
        }
        if known_count:
            expected |= {
                "value": (float32, (known_count, config.value_dim, cells)),
                "mask": (float32, (known_count, 1, cells)),
                "stride8_mask": (float32, (known_count, cells, 4)),
                "stride4_mask": (float32, (known_count, cells, 16)),
                "prompts": (float32, (known_count, config.memory_tokens, config.dim)),
            }
        check_arrays(arrays, expected)
        keys = ViewKeys(**{name: arrays[name] for name in _KEY_NAMES}, grid=(rows, columns))
        known = arrays["known"].astype(bool)
        places = np.cumsum(known) - 1
        cells_of = tuple(
            ObjectCells(**{name: arrays[name][place] for name in _CELL_NAMES}) if is_known else None
            for is_known, place in zip(known, places, strict=True)
        )
        return cls(keys, cells_of, pinned)


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


def filled_up(count: int) -> int:
    """The next multiple of CELL_MULTIPLE: so many columns have the annotated cells of a table, and the others."""
    return -(-count // CELL_MULTIPLE) * CELL_MULTIPLE


def join_places(places: Sequence[np.ndarray], pinned: Sequence[bool]) -> np.ndarray:
    """(4, M): what the prior on distance adds to the keys of all columns of a table, from (4, Q) of each view."""
    parts = []
    for is_pinned in (True, False):
        own = [place for place, other in zip(places, pinned, strict=True) if other == is_pinned]
        count = sum(place.shape[1] for place in own)
        nothing = np.zeros((4, filled_up(count) - count), np.float32)
        nothing[2] = _NO_CELL
        parts += [*own, nothing]
    return np.concatenate(parts, 1)


def _join(views: Sequence[OnnxMemory], config: CompactConfig) -> CellTable:
    annotated = filled_up(sum(len(view.keys.key) for view in views if view.pinned))
    total = annotated + filled_up(sum(len(view.keys.key) for view in views if not view.pinned))
    objects, tokens, dim = len(views[0].objects), config.memory_tokens, config.dim
    key, key8, key4 = views[0].keys.laid_out
    inputs = {
        "memory_key": np.zeros((len(key), total), np.float32),
        "memory_stride8_key": np.zeros((total, key8.shape[1]), np.float32),
        "memory_stride4_key": np.zeros((4 * total, key4.shape[1]), np.float32),
        "memory_stored": np.zeros((objects, config.value_dim + 2, total), np.float32),
        "memory_stride8_mask": np.zeros((objects, total, 8), np.float32),
        "memory_stride4_mask": np.zeros((objects, 4 * total, 8), np.float32),
        "memory_settled": np.zeros((total, objects, 2), np.float32),
        "memory_stride8_settled": np.zeros((4 * total, objects, 2), np.float32),
    }
    keys, keys8, keys4, stored, mask8, mask4, settled, settled8 = inputs.values()
    prompts = np.zeros((objects, len(views), tokens, dim), np.float32)
    bias = np.full((objects, len(views), tokens), np.log(_LEAST_VALID), np.float32)
    starts = {True: 0, False: annotated}
    for number, view in enumerate(views):
        start, stop = starts[view.pinned], starts[view.pinned] + len(view.keys.key)
        starts[view.pinned] = stop
        at16, at8 = slice(start, stop), slice(4 * start, 4 * stop)
        keys[:, at16], keys8[at16], keys4[at8] = view.keys.laid_out
        for row, own in enumerate(view.objects):
            if own is not None:
                stored[row, :, at16], mask8[row, at16], mask4[row, at8], settled[at16, row], settled8[at8, row] = (
                    own.laid_out
                )
                prompts[row, number], bias[row, number] = own.prompts, 0
    # Without annotated views there is nothing to compare with: all of memory answers twice.
    inputs["annotated"] = np.array([annotated or total], np.int64)
    return CellTable(inputs, prompts.reshape(objects, -1, dim), bias.reshape(objects, -1))
