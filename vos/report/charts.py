"""Inline SVG: the timeline of presence, and curves over frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from vos.files.palette import colour_of
from vos.report.analysis import Analysis, ObjectCurves

WIDTH = 1080
_LEFT = 120
_RIGHT = 12
_MAX_POINTS = 900
_ROW = 26


def css_colour(object_id: int) -> str:
    """The object's palette colour, lifted where it would be too dark on a dark page."""
    rgb = [min(255, int(60 + value * 1.15)) if value else 60 for value in colour_of(object_id)]
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def presence_timeline(
    analysis: Analysis,
    names: Mapping[int, str],
    prompted: Mapping[int, Sequence[int]],
    flagged: Mapping[int, Sequence[int]],
) -> str:
    """A row per object: a bar where it has pixels, as opaque as it is sure; a thin line where it is known but absent.

    Args:
        analysis: Curves.
        names: What to call the objects.
        prompted: Frames with a prompt, by object.
        flagged: Frames that are worth correcting, by object; each links to its card.
    """
    height = _ROW * len(analysis.objects) + 34
    parts = []
    for row, (object_id, curves) in enumerate(sorted(analysis.objects.items())):
        y = 10 + row * _ROW
        colour = css_colour(object_id)
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 13}" class="name">{escape(names[object_id])}</text>')
        x0, x1 = _x(curves.first, analysis.frames), _x(curves.first + len(curves.area), analysis.frames)
        parts.append(f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y + 8}" y2="{y + 8}" stroke="{colour}" opacity=".35"/>')
        for first, end, sure in _bars(curves):
            a, b = _x(curves.first + first, analysis.frames), _x(curves.first + end, analysis.frames)
            title = f"frames {curves.first + first} to {curves.first + end - 1}, presence {sure:.2f}"
            parts.append(
                f'<rect x="{a:.1f}" y="{y}" width="{max(b - a, 0.8):.1f}" height="16" fill="{colour}" '
                f'opacity="{0.35 + 0.65 * sure:.2f}"><title>{title}</title></rect>'
            )
        for frame in prompted.get(object_id, ()):
            x = _x(frame + 0.5, analysis.frames)
            parts.append(
                f'<path d="M{x:.1f} {y + 2}l5 6-5 6-5-6z" class="prompt"><title>prompt on frame {frame}</title></path>'
            )
        for frame in flagged.get(object_id, ()):
            x = _x(frame + 0.5, analysis.frames)
            parts.append(
                f'<a href="#frame-{frame}"><path d="M{x:.1f} {y + 17}l4.5 7h-9z" class="flag">'
                f"<title>frame {frame}: worth correcting</title></path></a>"
            )
    return _svg(height, "".join(parts) + _axis(analysis, height - 16), "presence of every object")


def curve_chart(
    analysis: Analysis,
    values: Callable[[ObjectCurves], Sequence[float]],
    *,
    unit: Callable[[float], str],
    title: str,
    pick: Callable[[Sequence[float]], float] = max,
    marks: Sequence[int] = (),
) -> str:
    """Curves of all objects in one chart.

    Args:
        analysis: Curves.
        values: What is drawn of an object, a number per frame, NaN for a gap.
        unit: How a value of the axis is written.
        title: For screen readers.
        pick: What stands for several frames that share a point.
        marks: Frames with a line through the chart.
    """
    height, top, bottom = 170, 12, 26
    highest = max((v for c in analysis.objects.values() for v in values(c) if not math.isnan(v)), default=0.0) or 1.0
    scale = (height - top - bottom) / highest
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = height - bottom - share * highest * scale
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 4:.1f}" class="name dim">{unit(share * highest)}</text>')
    for frame in marks:
        x = _x(frame + 0.5, analysis.frames)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - bottom}" class="mark"/>')
    for object_id, curves in sorted(analysis.objects.items()):
        path = "".join(_path(values(curves), curves.first, analysis.frames, pick, height - bottom, scale))
        parts.append(f'<path d="{path}" fill="none" stroke="{css_colour(object_id)}" class="curve"/>')
    return _svg(height, "".join(parts) + _axis(analysis, height - 8), title)


def _svg(height: int, content: str, title: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{content}</svg>'


def _x(frame: float, frames: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * frame / max(1, frames)


def _bars(curves: ObjectCurves) -> Iterator[tuple[int, int, float]]:
    """(first, end, lowest presence) of stretches with pixels, cut where the presence changes by a tenth or more."""
    start, levels = 0, 0
    for i in range(len(curves.area) + 1):
        level = -1
        if i < len(curves.area) and curves.area[i] > 0:
            level = int(curves.presence[i] * 10)
        if i == 0:
            levels = level
        elif level != levels or i == len(curves.area):
            if levels >= 0:
                yield start, i, min(curves.presence[start:i])
            start, levels = i, level


def _path(
    values: Sequence[float],
    first: int,
    frames: int,
    pick: Callable[[Sequence[float]], float],
    base: float,
    scale: float,
) -> Iterator[str]:
    step = max(1, math.ceil(frames / _MAX_POINTS))
    is_drawing = False
    for i in range(0, len(values), step):
        known = [v for v in values[i : i + step] if not math.isnan(v)]
        if not known:
            is_drawing = False
            continue
        x, y = _x(first + i + min(step, len(values) - i) / 2, frames), base - pick(known) * scale
        yield f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}"
        if not is_drawing:
            yield "h.01"
        is_drawing = True


def _axis(analysis: Analysis, y: float) -> str:
    """Frame numbers and times at about eight round places."""
    step = next(
        s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, *(10**k for k in range(3, 12))) if analysis.frames <= 9 * s
    )
    parts = []
    for frame in range(0, analysis.frames, step):
        x = _x(frame + 0.5, analysis.frames)
        parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="tick">{frame} · {analysis.times[frame]:.2f} s</text>')
    return "".join(parts)
