"""One HTML file that shows a report offline: overall numbers, curves over time, and the worst frames side by side.

Nothing is loaded from elsewhere: charts are inline SVG, pictures are embedded in the page.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from eval.html_pictures import COLOURS, PICTURE_WIDTH, comparison
from eval.plan import SequencePlan
from eval.report import ObjectScores, Report

_CHART_WIDTH, _CHART_HEIGHT = 3 * PICTURE_WIDTH + 12, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 10, 8, 22
_J_COLOUR, _F_COLOUR = "#1a6fb5", "#c2571a"
_NEIGHBOURS = 20
"""Of frames closer together than this fraction of a sequence only the worst is shown: the cause is likely the same."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .25rem .7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr:nth-child(even) { background: #f4f4f4; }
section { border-top: 1px solid #ddd; margin-top: 1.5rem; } svg { max-width: 100%; height: auto; }
svg text { font-size: 12px; fill: #555; } h2 small { font-weight: normal; color: #555; }
figure { margin: .6rem 0; } figcaption, .heads { font-size: 13px; color: #555; }
.row { display: grid; grid-template-columns: repeat(3, minmax(0, 320px)); gap: 6px; } .row img { width: 100%; }
.note { background: #fff6da; padding: .4rem .8rem; } .j { color: #1a6fb5; } .f { color: #c2571a; }
i { display: inline-block; width: .9em; height: .9em; border: 1px solid #888; vertical-align: -1px; }
"""


def html_report(report: Report, worst: int = 3) -> str:
    """The whole page.

    Args:
        report: The scores; its plans say where the masks of the worst frames are.
        worst: Frames shown per object, those with the lowest J + F; 0 for none.
    """
    plan_by_name = {plan.name: plan for plan in report.plans}
    title = html.escape(f"{report.dataset} {report.split}")
    sections = "".join(_object_section(item, plan_by_name[item.sequence], worst) for item in report.objects)
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in report.notes)
    if report.missing:
        notes += f'<p class="note">{len(report.missing)} absent mask(s) scored as empty</p>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{notes}{_headline_table(report)}{_table(report)}"
        f"{_legend()}{sections}</body></html>\n"
    )


def _headline_table(report: Report) -> str:
    heads = "".join(f"<th>{html.escape(label)}</th>" for label, _ in report.headline)
    cells = "".join(f"<td>{value:.4f}</td>" for _, value in report.headline)
    return f"<table><tr>{heads}</tr><tr>{cells}</tr></table>"


def _table(report: Report) -> str:
    rows = "".join(
        f'<tr><td><a href="#{_anchor(item)}">{html.escape(item.name)}</a></td><td>{item.j_and_f:.3f}</td>'
        f"<td>{item.j.mean:.3f}</td><td>{item.j.recall:.3f}</td><td>{item.j.decay:.3f}</td>"
        f"<td>{item.f.mean:.3f}</td><td>{item.f.recall:.3f}</td><td>{item.f.decay:.3f}</td></tr>"
        for item in report.objects
    )
    heads = "".join(f"<th>{label}</th>" for label in ("object", "J&amp;F", "J", "J-R", "J-D", "F", "F-R", "F-D"))
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _legend() -> str:
    names = {"both": "in both", "predicted": "predicted only", "true": "ground truth only"}
    marks = " ".join(f'<i style="background: rgb{COLOURS[key]}"></i> {text}&emsp;' for key, text in names.items())
    return (
        f'<p><b class="j">J</b> and <b class="f">F</b> over time; dotted lines mark the worst frames, which are shown '
        f"below each chart. Masks: {marks}</p>"
    )


def _object_section(item: ObjectScores, plan: SequencePlan, worst: int) -> str:
    chosen = _worst_frames(item.series.j + item.series.f, worst)
    figures = "".join(_figure(item, plan, index) for index in chosen)
    return (
        f'<section id="{_anchor(item)}"><h2>{html.escape(item.name)} '
        f"<small>object {item.series.object_id}, J&amp;F {item.j_and_f:.3f}</small></h2>"
        f"{_chart(item, chosen)}{figures}</section>"
    )


def _worst_frames(quality: np.ndarray, count: int) -> list[int]:
    """Positions, ascending, of the lowest values that are not close together."""
    apart = len(quality) // _NEIGHBOURS
    chosen: list[int] = []
    for index in np.argsort(quality, kind="stable").tolist():
        if len(chosen) < count and all(abs(index - other) > apart for other in chosen):
            chosen.append(index)
    return sorted(chosen)


def _anchor(item: ObjectScores) -> str:
    return html.escape(f"{item.sequence}--{item.name}", quote=True).replace(" ", "_")


def _chart(item: ObjectScores, marked: Sequence[int]) -> str:
    stems = item.series.stems
    x = np.linspace(_LEFT, _CHART_WIDTH - _RIGHT, len(stems)) if len(stems) > 1 else np.array([_CHART_WIDTH / 2])
    bottom = _CHART_HEIGHT - _BOTTOM
    parts = []
    for value, y in zip((0.0, 0.5, 1.0), _heights(np.array((0.0, 0.5, 1.0))), strict=True):
        parts.append(f'<line x1="{_LEFT}" x2="{_CHART_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for index in marked:
        line = f'x1="{x[index]:.1f}" x2="{x[index]:.1f}" y1="{_TOP}" y2="{bottom}"'
        parts.append(f'<line {line} stroke="#888" stroke-dasharray="2 3"/>')
    for name, values, colour in (("J", item.series.j, _J_COLOUR), ("F", item.series.f, _F_COLOUR)):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, _heights(values), strict=True))
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round" '
            f'stroke-linejoin="round" points="{points}"><title>{name}</title></polyline>'
        )
    for index, anchor in ((0, "start"), (len(stems) - 1, "end")):
        text = html.escape(stems[index])
        parts.append(f'<text x="{x[index]:.1f}" y="{_CHART_HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    size = f'width="{_CHART_WIDTH}" height="{_CHART_HEIGHT}" viewBox="0 0 {_CHART_WIDTH} {_CHART_HEIGHT}"'
    label = html.escape(f"J and F of {item.name}, frames {stems[0]} to {stems[-1]}", quote=True)
    return f'<svg {size} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _heights(values: np.ndarray) -> np.ndarray:
    """Where scores in [0, 1] are drawn, in pixels from the top."""
    heights: np.ndarray = _TOP + (1 - values) * (_CHART_HEIGHT - _TOP - _BOTTOM)
    return heights


def _figure(item: ObjectScores, plan: SequencePlan, index: int) -> str:
    stem = html.escape(item.series.stems[index])
    pictures = "".join(
        f'<div><img alt="{name}, frame {stem}" src="{url}"><div class="heads">{name}</div></div>'
        for name, url in comparison(item, plan, index)
    )
    caption = f"frame {stem}: J {item.series.j[index]:.3f}, F {item.series.f[index]:.3f}"
    return f'<figure><figcaption>{caption}</figcaption><div class="row">{pictures}</div></figure>'
