"""From lines and rings to pixels, as fast for a million points as for ten.

Nothing here loops over points in Python: what all segments do in all rows they reach is computed in arrays, a bounded
number of entries at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from vos.errors import PromptError

# Entries of one step: some tens of MiB.
_STEP = 1 << 20
# Segments times the rows they reach: some seconds of work. A drawn outline has a thousandth of it.
_MOST = 25_000_000


def fill_rings(rings: Sequence[np.ndarray], width: int, height: int, where: str) -> np.ndarray:
    """(height, width) bool: pixels whose centre is inside closed rings, each (N, 2) x, y, by the even-odd rule.

    Raises:
        PromptError: The rings cross the rows of the picture too many times.
    """
    starts = np.concatenate(rings)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    turned = starts[:, 1] > ends[:, 1]
    starts[turned], ends[turned] = ends[turned], starts[turned].copy()
    (xa, ya), (xb, yb) = starts.T, ends.T
    # Beyond the picture by more than any row: the numbers stay small enough to be row numbers.
    first = np.clip(np.ceil(np.clip(ya, -1, height + 1) - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(np.clip(yb, -1, height + 1) - 0.5), 0, height).astype(np.int64)
    flips = np.zeros(height * (width + 1), np.uint8)
    for edge, row in _rows_of(first, last, where):
        crossing = xa[edge] + (row + 0.5 - ya[edge]) * ((xb[edge] - xa[edge]) / (yb[edge] - ya[edge]))
        # Each edge flips the pixels to its right, row by row; an odd number of flips is inside.
        column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
        place, count = np.unique(row * (width + 1) + column, return_counts=True)
        flips[place] ^= (count & 1).astype(np.uint8)
    inside: np.ndarray = np.bitwise_xor.accumulate(flips.reshape(height, width + 1), axis=1)[:, :width].astype(bool)
    return inside


def near_segments(
    starts: np.ndarray, ends: np.ndarray, radius: float, shape: tuple[int, int], where: str
) -> np.ndarray:
    """`shape` bool: pixels whose centre is at most `radius` away from one of many segments.

    Args:
        starts, ends: (N, 2) x, y, not further than some picture sizes away; see `clip_segments`.
        radius: In pixels.
        shape: Rows and columns.
        where: The prompt, for messages.

    Raises:
        PromptError: Too many segments reach too many rows.
    """
    height, width = shape
    low, high = np.minimum(starts[:, 1], ends[:, 1]) - radius, np.maximum(starts[:, 1], ends[:, 1]) + radius
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.floor(high - 0.5) + 1, 0, height).astype(np.int64)
    length = np.hypot(*(ends - starts).T)
    direction = (ends - starts) / np.where(length, length, 1.0)[:, None]
    # +1 where a run of near pixels begins, -1 after its end.
    changes = np.zeros(height * (width + 1), np.int64)
    for segment, row in _rows_of(first, last, where):
        left, right = _reach(row + 0.5, starts[segment], ends[segment], direction[segment], length[segment], radius)
        begin = np.clip(np.ceil(left - 0.5), 0, width)
        end = np.clip(np.floor(right - 0.5) + 1, 0, width)
        some = begin < end
        line = row[some] * (width + 1)
        size = len(changes)
        changes += np.bincount(line + begin[some].astype(np.int64), minlength=size)
        changes -= np.bincount(line + end[some].astype(np.int64), minlength=size)
    near: np.ndarray = changes.reshape(height, width + 1).cumsum(axis=1)[:, :width] > 0
    return near


def clip_segments(
    starts: np.ndarray, ends: np.ndarray, margin: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Parts of segments that reach into a picture with so much margin around it; others are left out.

    Segments that lie within are returned as they are, to the last bit.
    """
    low, high = np.array([-margin, -margin]), np.array([shape[1] + margin, shape[0] + margin])
    is_within = ((starts >= low) & (starts <= high) & (ends >= low) & (ends <= high)).all(axis=1)
    if is_within.all():
        return starts, ends
    step = ends - starts
    with np.errstate(divide="ignore", invalid="ignore"):
        # Where each side of the box is crossed, as a share of the segment (Liang and Barsky, 1984).
        at_low, at_high = (low - starts) / step, (high - starts) / step
    flat = step == 0
    missed = (flat & ((starts < low) | (starts > high))).any(axis=1)
    enter = np.where(flat, -np.inf, np.minimum(at_low, at_high)).max(axis=1).clip(0)
    leave = np.where(flat, np.inf, np.maximum(at_low, at_high)).min(axis=1).clip(max=1)
    kept = is_within | (~missed & (enter <= leave))
    new_starts, new_ends = starts + step * enter[:, None], starts + step * leave[:, None]
    new_starts[is_within], new_ends[is_within] = starts[is_within], ends[is_within]
    return new_starts[kept].clip(low, high), new_ends[kept].clip(low, high)


def _reach(
    y: np.ndarray, start: np.ndarray, end: np.ndarray, direction: np.ndarray, length: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """From where to where the points of a row are near a segment: what is near is convex. Empty: left > right."""
    left, right = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    for at in (start, end):  # the round ends
        room = radius**2 - (y - at[:, 1]) ** 2
        half = np.sqrt(room.clip(0))
        left = np.where(room >= 0, np.minimum(left, at[:, 0] - half), left)
        right = np.where(room >= 0, np.maximum(right, at[:, 0] + half), right)
    ux, uy = direction.T
    dy = y - start[:, 1]
    # The rectangle between them: 0 <= dx * ux + dy * uy <= length and -radius <= dx * uy - dy * ux <= radius.
    low, high = _between(ux, -dy * uy, length - dy * uy)
    side_low, side_high = _between(uy, dy * ux - radius, dy * ux + radius)
    low, high = np.maximum(low, side_low), np.minimum(high, side_high)
    some = (low <= high) & (length > 0)
    left = np.where(some, np.minimum(left, start[:, 0] + low), left)
    right = np.where(some, np.maximum(right, start[:, 0] + high), right)
    return left, right


def _between(factor: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The interval of x for which low <= factor * x <= high."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = low / factor, high / factor
    is_open = (factor == 0) & (low <= 0) & (high >= 0)
    is_never = (factor == 0) & ~is_open
    found_low = np.where(is_open, -np.inf, np.minimum(one, other))
    found_high = np.where(is_open, np.inf, np.maximum(one, other))
    return np.where(is_never, np.inf, found_low), np.where(is_never, -np.inf, found_high)


def _rows_of(first: np.ndarray, last: np.ndarray, where: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(number of an edge, row) of every row in [first, last) of every edge, some of them at a time."""
    counts = (last - first).clip(0)
    total = int(counts.sum())
    if total > _MOST:
        raise PromptError(
            f"{where}: its {len(counts)} edges reach {total} rows of the picture; leave out points that change nothing"
        )
    edges = np.flatnonzero(counts)
    counts = counts[edges]
    before = np.concatenate([[0], np.cumsum(counts)])
    at = 0
    while at < len(edges):
        stop = max(at + 1, int(np.searchsorted(before, before[at] + _STEP, side="right")) - 1)
        edge = np.repeat(edges[at:stop], counts[at:stop])
        row = np.arange(before[at], before[stop]) - np.repeat(before[at:stop], counts[at:stop]) + first[edge]
        yield edge, row
        at = stop
