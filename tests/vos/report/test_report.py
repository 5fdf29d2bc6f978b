"""`vos report`: what it finds in masks that go wrong in known ways, and a page that needs nothing but itself."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.vos.runs.finished_runs import HEIGHT, WIDTH, label_maps, write_clip, write_run
from vos.errors import OutputError, VideoError
from vos.report import write_report
from vos.report.analysis import Analysis, analyse, worth_correcting
from vos.results import FrameResult


def disc(x: float, y: float, radius: float = 9) -> np.ndarray:
    rows, columns = np.mgrid[0:80, 0:120]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def results(places: list[dict[int, tuple[float, ...]]], presence: dict[int, float] | None = None) -> list[FrameResult]:
    """Frames with a disc per object at (x, y) or (x, y, radius); an object that is not named is absent."""
    ids = tuple(sorted({object_id for frame in places for object_id in frame}))
    out = []
    for index, frame in enumerate(places):
        labels = np.zeros((80, 120), np.uint16)
        for object_id, place in frame.items():
            labels[disc(*place)] = object_id
        sure = tuple((presence or {}).get(index, 1.0) if i in frame else 0.0 for i in ids)
        out.append(FrameResult(index, index * 40, Fraction(1, 1000), labels, ids, sure))
    return out


def steady(count: int = 12) -> list[dict[int, tuple[float, ...]]]:
    return [{1: (20 + 2 * t, 20), 2: (90 - 2 * t, 60)} for t in range(count)]


def kinds(analysis: Analysis) -> list[tuple[str, int, int]]:
    return [(finding.kind, finding.object_id, finding.frame) for finding in analysis.findings]


def test_objects_that_move_steadily_give_nothing_to_correct() -> None:
    analysis = analyse(results(steady()))
    assert analysis.findings == []
    assert worth_correcting(analysis) == []
    curves = analysis.objects[1]
    assert curves.area[5] == pytest.approx(np.count_nonzero(disc(30, 20)) / 9600)
    assert math.isnan(curves.motion[0])
    assert curves.motion[5] == pytest.approx(2 / math.sqrt(np.count_nonzero(disc(30, 20))), abs=0.01)


def test_two_objects_that_trade_places_are_a_swap() -> None:
    frames = [{1: (40, 40), 2: (60, 40)} if t < 6 else {1: (60, 40), 2: (40, 40)} for t in range(12)]
    analysis = analyse(results(frames))
    assert kinds(analysis) == [("swap", 1, 6), ("swap", 2, 6)]
    assert "object 2" in analysis.findings[0].text
    assert [suspect.frame for suspect in worth_correcting(analysis)] == [6]


def test_a_mask_that_leaps_is_a_jump_and_the_proposed_point_is_where_it_was_steady() -> None:
    frames = [*steady(6), *[{**frame, 1: (100, 20)} for frame in steady(12)[6:]]]
    analysis = analyse(results(frames))
    assert kinds(analysis) == [("jump", 1, 6)]
    (suspect,) = worth_correcting(analysis)
    assert (suspect.frame, suspect.object_id) == (6, 1)
    assert suspect.point == (30, 20)
    assert suspect.reasons[0].startswith("jumped")


def test_coming_back_far_from_where_it_was_lost_is_found_and_coming_back_near_is_not() -> None:
    away = [{2: place[2]} for place in steady(12)]
    near = [*steady(4), *away[4:8], *steady(12)[8:]]
    far = [*steady(4), *away[4:8], *[{**frame, 1: (105, 20)} for frame in steady(12)[8:]]]
    assert kinds(analyse(results(near))) == []
    assert kinds(analyse(results(far))) == [("back elsewhere", 1, 8)]


def test_unsure_and_shrunken_frames_are_worth_a_look_and_keep_their_distance() -> None:
    frames = steady(40)[:20]
    frames[9] = {**frames[9], 1: (38, 20, 4)}
    analysis = analyse(results(frames, presence={15: 0.5}))
    chosen = worth_correcting(analysis)
    assert analysis.findings == []
    assert {suspect.frame for suspect in chosen} & {9, 10}
    assert 15 in {suspect.frame for suspect in chosen}
    assert min(b.frame - a.frame for a, b in pairwise(chosen)) >= 3
    assert len(worth_correcting(analysis, count=1)) == 1


class Page(HTMLParser):
    """Everything in a page that could be loaded, and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    maps = label_maps()
    maps[4][maps[4] == 1] = 0
    maps[4][20:30, 2:12] = 1  # object 1 leaps
    return write_run(folder / "my run", write_clip(folder / "clip.mkv"), maps, names={1: "<b>cat's</b>"})


def test_the_page_is_one_file_with_pictures_curves_and_commands(run: Path, tmp_path: Path) -> None:
    done = write_report(run, output=tmp_path / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    text = (tmp_path / "r.html").read_text()
    page = Page(text)
    assert all(address.startswith(("data:image/jpeg;base64,", "#frame-")) for address in page.addresses)
    assert "http" not in re.sub(r"data:image/jpeg;base64,[\w+/=]*|http-equiv", "", text)
    assert "default-src 'none'" in text
    assert page.tags.count("figure") == 6, "the film strip of a run of six frames"
    assert page.tags.count("svg") == 3
    assert page.tags.count("article") == done.suspects > 0
    assert "<b>cat" not in text, "names are text, not markup"
    command = f"vos correct &#x27;{run}&#x27; --at 4 --object &#x27;&lt;b&gt;cat"
    assert command in text
    x, y = map(int, re.findall(r'class="point">(\d+),(\d+)<', text)[0])
    assert 0 <= x < WIDTH and 0 <= y < HEIGHT


def test_a_report_is_not_replaced_unasked_and_needs_its_video(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"r\.html: exists already; pass --overwrite"):
        write_report(run, output=path)
    assert path.read_text() == "mine"
    with pytest.raises(VideoError, match="give its location with --video"):
        write_report(run, output=path, overwrite=True, video=str(tmp_path / "gone.mkv"))
    assert path.read_text() == "mine"
    with pytest.raises(OutputError, match="no such folder"):
        write_report(tmp_path / "nothing")
