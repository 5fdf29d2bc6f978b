"""Lines and rings of very many points, and of very large numbers."""

from __future__ import annotations

import numpy as np
import pytest

from vos.errors import PromptError
from vos.prompts import Polygon, Stroke
from vos.prompts.raster import clip_segments, near_segments


def _walk(count: int, width: int, height: int) -> np.ndarray:
    """(count, 2) points of a random walk that stays in the picture."""
    rng = np.random.default_rng(5)
    size = np.array([width, height], float)
    steps = np.cumsum(rng.normal(0, 1.5, (count, 2)), axis=0) + size / 2
    # Folded back at the borders.
    folded: np.ndarray = np.abs((steps + size) % (2 * size) - size)
    return folded


@pytest.mark.parametrize("width", [0.4, 5.0, 37.3])
def test_drawing_all_segments_at_once_gives_the_pixels_of_drawing_each(width: float) -> None:
    line = _walk(400, 90, 70)
    alone = Stroke([line], width=width).rasterise(90, 70)
    radius = max(1.0, width) / 2 + 1e-9
    together = near_segments(line[:-1], line[1:], radius, (70, 90), "")
    assert np.array_equal(alone, together)


@pytest.mark.parametrize("corner", [(1e9, 1e9), (-1e9, 40.0), (1e9, 10.0), (33.0, -1e9)])
def test_a_line_that_leads_far_away_is_clipped(corner: tuple[float, float]) -> None:
    # In the picture it is the line to a point on the same way, not quite so far away.
    start = np.array([33.0, 10.0])
    near = start + (np.array(corner) - start) * 1e-6
    assert np.array_equal(Stroke([[start, corner]]).rasterise(60, 40), Stroke([[start, near]]).rasterise(60, 40))
    with pytest.raises(PromptError, match="outside the image"):
        Stroke([[start, corner]]).check(60, 40)


def test_what_lies_within_is_not_changed_by_clipping() -> None:
    line = _walk(50, 60, 40)
    starts, ends = clip_segments(line[:-1], line[1:], 3.0, (40, 60))
    assert np.array_equal(starts, line[:-1]) and np.array_equal(ends, line[1:])
    outside = np.array([[100.0, 100.0], [-50.0, 5.0]])
    assert len(clip_segments(outside, outside + 1, 3.0, (40, 60))[0]) == 0


def _by_edges(rings: list[np.ndarray], width: int, height: int) -> np.ndarray:
    """The even-odd rule, edge by edge and pixel by pixel."""
    inside = np.zeros((height, width), bool)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5, row + 0.5
            for ring in rings:
                for (xa, ya), (xb, yb) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                    if (ya <= y) != (yb <= y) and x >= xa + (y - ya) * (xb - xa) / (yb - ya):
                        inside[row, column] ^= True
    return inside


def test_rings_follow_the_even_odd_rule() -> None:
    rng = np.random.default_rng(8)
    rings = [rng.uniform(0, 24, (count, 2)) for count in (3, 9, 40)]
    assert np.array_equal(Polygon(rings).rasterise(24, 24), _by_edges(rings, 24, 24))
    shift = np.array([1e9, 0])
    assert not Polygon([rings[0] + shift]).rasterise(24, 24).any()


def test_a_million_points_are_drawn() -> None:
    line = _walk(1_000_000, 640, 360)
    assert Stroke([line], width=5).rasterise(640, 360).any()
    angle = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    circle = np.column_stack([320 + 100 * np.cos(angle), 180 + 100 * np.sin(angle)])
    assert Polygon([circle]).rasterise(640, 360).sum() == pytest.approx(np.pi * 100**2, rel=2e-3)


def test_rings_that_cross_every_row_a_million_times_are_refused() -> None:
    zigzag = np.column_stack([np.linspace(0, 640, 400_000), np.tile([0.0, 1080.0], 200_000)])
    with pytest.raises(PromptError, match="leave out points that change nothing"):
        Polygon([zigzag]).rasterise(640, 1080)
