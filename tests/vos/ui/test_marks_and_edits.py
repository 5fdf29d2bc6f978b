"""Single marks, edits of finished masks, what an update will track, and exports of a run that was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'seem-vos[ui]'")

from tests.vos.ui.open_app import BLUE, FRAMES, HEIGHT, RED, WIDTH, App, centre, opened, write_scene
from vos.runs.verify import verify_run


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(tmp_path, write_scene(tmp_path / "clip.mp4")) as app:
        yield app


def prompts_of(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {prompt["kind"]: prompt for prompt in view["prompts"]}


def test_a_click_in_the_middle_of_others_is_deleted_and_moved(app: App) -> None:
    x, y = centre(RED, 0)
    for at, positive in (([x, y], True), ([2.0, 2.0], False), ([x + 2, y], True)):
        app.draw("point", at=at, positive=positive)
    moved = prompts_of(app.draw("move-mark", mark="points", number=1, by=[5, 3]))["points"]
    assert (moved["negative"], moved["order"]) == ([[7.0, 5.0]], [True, False, True])
    left = prompts_of(app.draw("delete-mark", mark="points", number=0))["points"]
    assert (left["positive"], left["negative"], left["order"]) == ([[x + 2, y]], [[7.0, 5.0]], [False, True])
    assert prompts_of(app.post("undo"))["points"] == moved


def test_a_mark_stays_on_the_frame_when_it_is_moved_too_far(app: App) -> None:
    app.draw("point", at=[5, 5], positive=True)
    app.draw("box", corners=[10, 10, 30, 30])
    assert prompts_of(app.draw("move-mark", mark="box", number=0, by=[500, -500]))["box"]["rings"][0] == [
        [WIDTH - 20, 0], [WIDTH, 0], [WIDTH, 20], [WIDTH - 20, 20]
    ]  # fmt: skip
    (at,) = prompts_of(app.draw("move-mark", mark="points", number=0, by=[500, 500]))["points"]["positive"]
    assert np.floor(at).tolist() == [WIDTH - 1, HEIGHT - 1]


def test_the_last_line_of_a_stroke_takes_the_stroke_along(app: App) -> None:
    app.stroke()
    app.draw("stroke", points=[[40, 40], [50, 40]], width=4)
    app.draw("polygon", ring=[[1, 1], [9, 1], [9, 9]])
    assert len(prompts_of(app.draw("delete-mark", mark="stroke", number=1))["stroke"]["lines"]) == 1
    assert set(prompts_of(app.draw("delete-mark", mark="stroke", number=0))) == {"polygon"}
    assert app.draw("delete-mark", mark="polygon", number=0)["prompts"] == []
    refusal = app.refusal("edit", kind="delete-mark", object=RED, frame=0, mark="polygon", number=0)
    assert "has no such mark on frame 0 any more" in refusal


def test_a_negative_point_alone_corrects_a_tracked_mask(app: App) -> None:
    app.stroke()
    app.propagate()
    x, y = centre(RED, 5)
    app.draw("point", RED, 5, at=[x, y], positive=False)
    labels, origin = app.labels(5)
    assert (origin, labels[int(y), int(x)]) == ("prompts", 0)


def test_what_an_update_tracks_is_known_before_it_runs(app: App) -> None:
    assert app.run()["forecast"] is None, "nothing is marked"
    app.post("edit", kind="add-object")
    app.stroke(RED)
    assert app.run()["forecast"] == {"ranges": [[0, FRAMES - 1]], "objects": []}
    app.propagate()
    assert app.run()["forecast"] is None
    app.stroke(BLUE, 6)
    assert app.run()["forecast"] == {"ranges": [[0, FRAMES - 1]], "objects": [BLUE]}, "a first mark works both ways"
    app.draw("direct", BLUE, 6, direction="forward")
    assert app.run()["forecast"] == {"ranges": [[6, FRAMES - 1]], "objects": [BLUE]}
    session = app.workspace.session
    seen: list[int] = []
    take = session._masks.take
    session._masks.take = lambda index, labels, presence: (seen.append(index), take(index, labels, presence))[1]  # type: ignore[method-assign]
    app.propagate()
    assert seen == list(range(6, FRAMES)), "exactly the frames that were announced"


def test_masks_are_edited_and_the_part_becomes_an_object(app: App) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    app.stroke(BLUE)
    app.propagate()
    before, _ = app.labels(4)
    answer = app.post("masks/edit", kind="swap", objects=[RED, BLUE], frames=[3, 5])
    assert answer["report"]["changed"] == 3
    assert answer["run"]["edits"] == ["swap 1 and 2, frames 3 to 5"]
    assert np.array_equal(app.labels(4)[0] == RED, before == BLUE)
    app.post("masks/undo")
    assert np.array_equal(app.labels(4)[0], before)
    x, y = centre(BLUE, 4)
    answer = app.post("masks/edit", kind="split", objects=[BLUE], frames=[4, 6], point=[x, y], frame=4)
    assert [one["id"] for one in answer["document"]["objects"]] == [RED, BLUE, 3]
    assert answer["run"]["masks"] == "current"
    assert (app.labels(4)[0] == 3).sum() > 0.9 * (before == BLUE).sum()
    session = app.workspace.session
    assert verify_run(session.video, session.folder.root).difference is None
    app.post("masks/edit", kind="lock", objects=[], frames=[0, 2])
    assert "the whole picture is locked" in app.refusal("masks/edit", kind="delete", objects=[RED], frames=[2, 2])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"kind": "swap", "objects": [1], "frames": [0, 1]}, "expected 2 objects for swap"),
        ({"kind": "paint", "objects": [1], "frames": [0, 1]}, "'paint' is not one of swap, merge, split"),
        ({"kind": "delete", "objects": [1], "frames": [0, 99]}, "frames 0 to 99: the run has frames 0 to 9"),
        ({"kind": "delete", "objects": [9], "frames": [0, 1]}, "object 9: is not in this run"),
        ({"kind": "split", "objects": [1], "frames": [0, 1]}, "has no 'point'"),
    ],
)
def test_edits_that_make_no_sense_are_refused(app: App, body: dict[str, Any], message: str) -> None:
    assert "propagate first" in app.refusal("masks/edit", kind="delete", objects=[1], frames=[0, 1])
    app.stroke()
    app.propagate()
    assert message in app.refusal("masks/edit", **body)
    assert app.run()["edits"] == []


def test_a_stopped_run_can_be_exported(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.stroke()
    session = app.workspace.session
    on_frame = session._on_frame

    def stop_at_four(done: int, total: int | None) -> None:
        on_frame(done, total)
        if done == 4:
            session.stop()

    monkeypatch.setattr(session, "_on_frame", stop_at_four)
    done = app.propagate()["frames_done"]
    assert app.run()["can_export"]
    assert app.run()["forecast"] == {"ranges": [[done, FRAMES - 1]], "objects": []}
    path = Path(app.post("export", format="coco")["path"])
    assert {image["id"] for image in json.loads(path.read_text())["images"]} == set(range(1, done + 1))
    app.stroke(RED, 2)
    assert not app.run()["can_export"], "these are masks of other marks"
    assert "propagate first" in app.refusal("export", format="coco")
