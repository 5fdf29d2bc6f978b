"""The page itself: HTML with its style, its pictures and its one small script inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from vos.report.analysis import JUMP_OVERLAP, JUMP_SIZES, RETURN_SIZES, SWAP_SHARE, Analysis, Suspect
from vos.report.charts import css_colour, curve_chart, presence_timeline
from vos.runs.mask_reader import FinishedRun
from vos.version import __version__

_KINDS = {"swap": "swap", "jump": "jump", "back elsewhere": "back elsewhere"}


@dataclass(frozen=True, slots=True)
class Card:
    """One frame to correct.

    Attributes:
        suspect: Frame, object and reasons.
        name: What to call the object.
        command: The command before and after the coordinates of the point.
    """

    suspect: Suspect
    name: str
    command: tuple[str, str]


def render(
    run: FinishedRun,
    analysis: Analysis,
    names: Mapping[int, str],
    strip: Sequence[int],
    cards: Sequence[Card],
    pictures: Mapping[int, str],
) -> str:
    """The whole report. Nothing in it is loaded from anywhere, and a policy in its head forbids it."""
    prompted: dict[int, list[int]] = {}
    for prompt in run.record["prompts"]:
        prompted.setdefault(int(prompt["object"]), []).append(int(prompt["frame"]))
    flagged: dict[int, list[int]] = {}
    for card in cards:
        flagged.setdefault(card.suspect.object_id, []).append(card.suspect.frame)
    marks = [finding.frame for finding in analysis.findings]
    title = f"Review of {run.context.video}"
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_asset('report.css')}</style></head><body><main>",
            f"<header><h1>{escape(title)}</h1>{_facts(run, analysis)}</header>",
            *(f'<p class="note">{escape(note)}</p>' for note in run.notes),
            _legend(analysis, names, run),
            _section("Overview", _strip(strip, pictures, analysis)),
            _section(
                "Presence",
                presence_timeline(analysis, names, prompted, flagged),
                "Bar: the object has pixels, as opaque as its presence is high. Thin line: known, but absent. "
                "Diamond: prompt. Triangle: worth correcting, see below.",
            ),
            _section(
                "Area",
                curve_chart(analysis, lambda c: c.area, unit=lambda v: f"{v:.1%}", title="area", pick=max, marks=marks),
                "Share of the picture.",
            ),
            _section(
                "Motion",
                curve_chart(
                    analysis, lambda c: c.motion, unit=lambda v: f"{v:.2f}", title="motion", pick=max, marks=marks
                ),
                "Movement of the centroid between two frames, in sizes of the object (square root of its area).",
            ),
            _section("Likely identity swaps", _findings(analysis, names), _CRITERION),
            _section("Frames most worth correcting", _cards(run, cards, pictures, analysis), _HOW_TO),
            f"<footer>seem-vos {escape(__version__)} · masks of {escape(str(run.root))} · this file needs no network"
            f"</footer></main><script>{_asset('report.js')}</script></body></html>\n",
        ]
    )


_CRITERION = (
    f"Three rules, on masks alone. Swap: more than {SWAP_SHARE:.0%} of the object's pixels were another's in the "
    f"frame before, and more than were its own. Jump: a Jaccard index of at most {JUMP_OVERLAP} with its own mask in "
    f"the frame before, and a move of more than {JUMP_SIZES:.0f} of its sizes. Back elsewhere: seen again more than "
    f"{RETURN_SIZES:.0f} sizes from where it was lost. A cut or a very fast object breaks them too: look at the frame."
)

_HOW_TO = (
    "Scored by unsure presence, sudden changes of shape and area, pieces, and the rules above. The cross marks where "
    "the object was steady last: click on the picture where it really is, and the command follows. After a correction "
    "only the frames that it affects are tracked again."
)


def _asset(name: str) -> str:
    return (files("vos.report") / "assets" / name).read_text(encoding="utf-8")


def _section(title: str, content: str, caption: str = "") -> str:
    text = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    return f"<section><h2>{escape(title)}</h2>{text}{content}</section>"


def _facts(run: FinishedRun, analysis: Analysis) -> str:
    info = run.info
    rate = "" if info.average_rate is None else f"{float(info.average_rate):.2f} fps" + (" variable" * info.is_vfr)
    model = run.record["model"].get("name", "")
    facts = [
        f"{analysis.frames} frames",
        f"{info.width} × {info.height}",
        rate,
        f"model {model}",
        f"status {run.record['status']}",
        f"{len(analysis.findings)} likely identity swaps",
    ]
    return '<ul class="facts">' + "".join(f"<li>{escape(fact)}</li>" for fact in facts if fact) + "</ul>"


def _legend(analysis: Analysis, names: Mapping[int, str], run: FinishedRun) -> str:
    items = []
    for object_id, curves in sorted(analysis.objects.items()):
        seen = sum(area > 0 for area in curves.area)
        items.append(
            f'<li><i style="background:{css_colour(object_id)}"></i><b>{escape(names[object_id])}</b> '
            f"<span>id {object_id} · seen in {seen} of {len(curves.area)} frames · "
            f"mean presence {sum(curves.presence) / len(curves.presence):.2f}</span></li>"
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _strip(frames: Sequence[int], pictures: Mapping[int, str], analysis: Analysis) -> str:
    figures = [
        f'<figure><img src="{pictures[frame]}" alt="frame {frame}"><figcaption>{frame} · '
        f"{analysis.times[frame]:.2f} s</figcaption></figure>"
        for frame in frames
    ]
    return f'<div class="strip">{"".join(figures)}</div>'


def _findings(analysis: Analysis, names: Mapping[int, str]) -> str:
    if not analysis.findings:
        return '<p class="none">None: no object broke one of these rules.</p>'
    rows = [
        f"<tr><td>{finding.frame}</td><td>{analysis.times[finding.frame]:.2f} s</td>"
        f'<td><i style="background:{css_colour(finding.object_id)}"></i>{escape(names[finding.object_id])}</td>'
        f"<td>{_KINDS[finding.kind]}</td><td>{escape(finding.text)}</td></tr>"
        for finding in analysis.findings
    ]
    head = "<tr><th>frame</th><th>time</th><th>object</th><th>rule</th><th>measured</th></tr>"
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _cards(run: FinishedRun, cards: Sequence[Card], pictures: Mapping[int, str], analysis: Analysis) -> str:
    if not cards:
        return '<p class="none">None: every frame follows steadily from the one before.</p>'
    return f'<div class="cards">{"".join(_card(run, card, pictures, analysis) for card in cards)}</div>'


def _card(run: FinishedRun, card: Card, pictures: Mapping[int, str], analysis: Analysis) -> str:
    suspect, info = card.suspect, run.info
    x, y = suspect.point
    before, after = card.command
    # The middle of the pixel, in per cent of the picture.
    at = f"left:{100 * (x + 0.5) / info.width:.2f}%;top:{100 * (y + 0.5) / info.height:.2f}%"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in suspect.reasons[:4])
    return (
        f'<article id="frame-{suspect.frame}" data-width="{info.width}" data-height="{info.height}">'
        f'<div class="shot"><img src="{pictures[suspect.frame]}" alt="frame {suspect.frame}">'
        f'<span class="cross" style="{at}"></span></div>'
        f"<h3>frame {suspect.frame} <small>{analysis.times[suspect.frame]:.2f} s</small>"
        f'<span class="who"><i style="background:{css_colour(suspect.object_id)}"></i>{escape(card.name)}</span></h3>'
        f"<ul>{reasons}</ul>"
        f'<div class="command"><code>{escape(before)}<b class="point">{x},{y}</b>{escape(after)}</code>'
        '<button type="button">copy</button></div></article>'
    )
