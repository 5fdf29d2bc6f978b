"""One HTML file that shows a report offline: overall numbers, curves over time, and the worst frames side by side.

Nothing is loaded from elsewhere: charts are inline SVG, pictures are PNGs embedded in the page.
"""

from __future__ import annotations

import base64
import html

import cv2
import numpy as np

from eval.errors import MaskFileError
from eval.plan import SequencePlan
from eval.report import ObjectScores, Report

_CHART_WIDTH, _CHART_HEIGHT = 560, 110
_PICTURE_WIDTH = 320
_COLOURS = {"both": (214, 214, 214), "predicted": (235, 90, 60), "true": (50, 110, 220)}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .25rem .7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr:nth-child(even) { background: #f4f4f4; }
section { border-top: 1px solid #ddd; margin-top: 1.5rem; } svg { background: #fafafa; border: 1px solid #ddd; }
figure { display: inline-block; margin: .4rem .8rem .4rem 0; } figcaption { font-size: 13px; color: #555; }
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
    marks = " ".join(f'<i style="background: rgb{_COLOURS[key]}"></i> {text}&emsp;' for key, text in names.items())
    return f'<p><b class="j">J</b> and <b class="f">F</b> over time. Masks: {marks}</p>'


def _object_section(item: ObjectScores, plan: SequencePlan, worst: int) -> str:
    order = np.argsort(item.series.j + item.series.f, kind="stable")[:worst]
    figures = "".join(_figure(item, plan, int(index)) for index in sorted(order))
    return (
        f'<section id="{_anchor(item)}"><h2>{html.escape(item.name)} '
        f"<small>(object {item.series.object_id}, J&amp;F {item.j_and_f:.3f})</small></h2>"
        f"{_chart(item)}<div>{figures}</div></section>"
    )


def _anchor(item: ObjectScores) -> str:
    return html.escape(f"{item.sequence}--{item.name}", quote=True).replace(" ", "_")


def _chart(item: ObjectScores) -> str:
    lines = []
    for name, values, colour in (("J", item.series.j, "#1a6fb5"), ("F", item.series.f, "#c2571a")):
        x = np.linspace(4, _CHART_WIDTH - 4, len(values)) if len(values) > 1 else np.array([_CHART_WIDTH / 2])
        y = 4 + (1 - values) * (_CHART_HEIGHT - 8)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        lines.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round" points="{points}">'
            f"<title>{name}</title></polyline>"
        )
    stems = item.series.stems
    half = _CHART_HEIGHT / 2
    return (
        f'<figure><svg width="{_CHART_WIDTH}" height="{_CHART_HEIGHT}" role="img">'
        f'<line x1="0" x2="{_CHART_WIDTH}" y1="{half}" y2="{half}" stroke="#ddd"/>{"".join(lines)}</svg>'
        f"<figcaption>frames {html.escape(stems[0])} to {html.escape(stems[-1])}, 0 to 1</figcaption></figure>"
    )


def _figure(item: ObjectScores, plan: SequencePlan, index: int) -> str:
    stem = item.series.stems[index]
    ids = (item.series.object_id, item.series.proposal)
    truth = plan.truth.read(stem, ids[:1], None)
    prediction = plan.predictions.read(stem, ids[1:], truth.shape)
    true, predicted = truth.mask(ids[0]) != 0, prediction.mask(ids[1]) != 0
    pictures = (
        ("ground truth", _paint(true, np.zeros_like(true))),
        ("prediction", _paint(np.zeros_like(true), predicted)),
        ("difference", _paint(true, predicted)),
    )
    images = "".join(
        f'<img alt="{name}" title="{name}" width="{_PICTURE_WIDTH}" src="data:image/png;base64,{_encode(picture)}"> '
        for name, picture in pictures
    )
    caption = f"frame {html.escape(stem)}: J {item.series.j[index]:.3f}, F {item.series.f[index]:.3f}"
    return f"<figure>{images}<figcaption>{caption}; ground truth, prediction, difference</figcaption></figure>"


def _paint(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB, reduced to the width of the page's pictures."""
    picture = np.zeros((*true.shape, 3), np.uint8)
    picture[true & predicted] = _COLOURS["both"]
    picture[predicted & ~true] = _COLOURS["predicted"]
    picture[true & ~predicted] = _COLOURS["true"]
    scale = min(1.0, _PICTURE_WIDTH / true.shape[1])
    size = (max(1, round(true.shape[1] * scale)), max(1, round(true.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _encode(picture: np.ndarray) -> str:
    done, data = cv2.imencode(".png", picture[:, :, ::-1])
    if not done:
        raise MaskFileError("a picture of the report cannot be encoded as PNG")
    return base64.b64encode(data.tobytes()).decode("ascii")
