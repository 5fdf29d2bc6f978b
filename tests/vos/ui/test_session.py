"""The browser app through its API: draw, see, propagate, stop, correct, undo, export, reopen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'seem-vos[ui]'")

from tests.vos.scenes import iou
from tests.vos.ui.open_app import BLUE, FRAMES, HEIGHT, RED, SCENE, WIDTH, App, centre, opened, small_model, write_scene
from vos.files.index_png import read_palette_png
from vos.prompts import Mask, Points, Polygon, PromptScript, Stroke, Text, read_prompt_script, write_prompt_script
from vos.runs.run import TrackJob, run_job


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "clip.mp4")


@pytest.fixture
def app(tmp_path: Path, clip: Path) -> Iterator[App]:
    with opened(tmp_path, clip) as app:
        yield app


def test_the_page_learns_size_times_and_objects_of_the_video(app: App) -> None:
    state = app.get("state")
    assert state["video"]["name"] == "clip.mp4"
    assert (state["video"]["width"], state["video"]["height"], state["video"]["frames"]) == (WIDTH, HEIGHT, FRAMES)
    assert state["video"]["times"] == pytest.approx([i / 25 for i in range(FRAMES)])
    assert [one["name"] for one in state["document"]["objects"]] == ["Object 1"]
    assert state["run"]["masks"] == "none"


def test_frames_are_jpeg_and_those_after_the_end_are_refused(app: App) -> None:
    import cv2

    answer = app.client.get("/api/frames/4")
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert answer.headers["content-type"] == "image/jpeg"
    assert np.abs(picture[..., ::-1].astype(int) - SCENE.frames[4]).mean() < 8
    missing = app.client.get("/api/frames/99")
    assert missing.status_code == 400
    assert "frames 0 to 9" in missing.json()["error"]


def test_a_stroke_gives_a_mask_on_its_frame_and_none_elsewhere(app: App) -> None:
    assert app.labels(0)[1] == "none"
    app.stroke(frame=0)
    labels, origin = app.labels(0)
    assert origin == "prompts"
    assert iou(labels == RED, SCENE.masks[RED][0]) > 0.5
    assert app.labels(1)[1] == "none"


def test_the_first_mask_is_the_one_that_tracking_gives_for_that_frame(app: App) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    app.draw("box", BLUE, corners=[*(np.array(centre(BLUE, 0)) - 8), *(np.array(centre(BLUE, 0)) + 8)])
    first, _ = app.labels(0)
    assert app.propagate()["masks"] == "current"
    tracked, origin = app.labels(0)
    assert origin == "run"
    assert np.array_equal(first, tracked)


def test_the_saved_script_gives_the_command_line_the_same_masks(app: App, clip: Path, tmp_path: Path) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    x, y = centre(BLUE, 3)
    app.draw("polygon", BLUE, 3, ring=[[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]])
    app.propagate()
    folder = Path(app.get("state")["folder"])
    script = read_prompt_script(folder / "prompts.json")
    assert {prompt.direction for prompt in script.prompts if prompt.object_id == BLUE} == {"both"}
    job = TrackJob(str(clip), script, tmp_path / "again")
    run_job(job, small_model())
    for mask in sorted((tmp_path / "again" / "masks").iterdir()):
        assert (folder / "masks" / mask.name).read_bytes() == mask.read_bytes()
    assert iou(app.labels(0)[0] == BLUE, SCENE.masks[BLUE][0]) > 0.3, "the pass back to frame 0 has found it"


def test_a_stopped_run_keeps_its_masks_and_resumes_to_the_same_bytes(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.stroke()
    session = app.workspace.session
    on_frame = session._on_frame

    def stop_at_four(done: int, total: int | None) -> None:
        on_frame(done, total)
        if done == 4:
            session.stop()

    monkeypatch.setattr(session, "_on_frame", stop_at_four)
    stopped = app.propagate()
    assert stopped["masks"] == "partial"
    assert 4 <= stopped["frames_done"] < FRAMES
    assert app.labels(3)[1] == "run"
    assert app.labels(FRAMES - 1)[1] == "none"
    monkeypatch.setattr(session, "_on_frame", on_frame)
    app.post("edit", kind="rename-object", object=RED, name="disc")
    assert app.propagate()["masks"] == "current"
    resumed = [mask.read_bytes() for mask in sorted((session.folder.masks).iterdir())]
    script = read_prompt_script(session.folder.root / "prompts.json")
    run_job(TrackJob(str(session.video), script, tmp_path / "undisturbed"), small_model())
    assert resumed == [mask.read_bytes() for mask in sorted((tmp_path / "undisturbed" / "masks").iterdir())]


def test_a_mark_after_the_run_shows_at_once_and_the_masks_are_outdated_until_the_next_run(app: App) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    app.propagate()
    tracked, _ = app.labels(5)
    app.stroke(BLUE, 5)
    corrected, origin = app.labels(5)
    assert app.run()["masks"] == "outdated"
    assert origin == "prompts"
    assert (corrected == BLUE).any()
    kept = (tracked == RED) & (corrected != BLUE)
    assert (corrected[kept] == RED).all(), "what was tracked stays where nothing new is drawn"
    app.post("undo")
    assert app.run()["masks"] == "current"
    assert np.array_equal(app.labels(5)[0], tracked)


def test_a_run_both_ways_shows_its_forward_pass_while_it_is_stopped(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = centre(RED, 4)
    app.draw("polygon", RED, 4, ring=[[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]])
    session = app.workspace.session
    on_frame = session._on_frame

    def stop_at_seven(done: int, total: int | None) -> None:
        on_frame(done, total)
        if done == 7:
            session.stop()

    monkeypatch.setattr(session, "_on_frame", stop_at_seven)
    stopped = app.propagate()
    assert stopped["masks"] == "partial"
    assert stopped["frames_done"] >= 7
    assert (app.labels(5)[0] == RED).any()
    assert not (app.labels(2)[0] == RED).any()
    monkeypatch.setattr(session, "_on_frame", on_frame)
    assert app.propagate()["masks"] == "current"
    assert (app.labels(2)[0] == RED).any(), "found by the pass back"


def test_a_correction_tracks_only_what_comes_after_it_and_says_how_much(app: App, clip: Path, tmp_path: Path) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    app.propagate()
    masks = app.workspace.session.folder.masks
    before = {mask.name: mask.read_bytes() for mask in masks.iterdir()}
    x, y = centre(BLUE, 6)
    app.draw("polygon", BLUE, 6, ring=[[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]])
    app.draw("direct", BLUE, 6, direction="forward")
    done = app.propagate()
    assert done["masks"] == "current"
    assert done["message"] == "4 frames tracked again, 4 masks changed."
    after = {mask.name: mask.read_bytes() for mask in masks.iterdir()}
    assert [name for name in sorted(after) if after[name] != before[name]] == [f"0000{i}.png" for i in range(6, 10)]
    script = read_prompt_script(masks.parent / "prompts.json")
    run_job(TrackJob(str(clip), script, tmp_path / "again"), small_model())
    assert after == {mask.name: mask.read_bytes() for mask in (tmp_path / "again" / "masks").iterdir()}


def test_a_stopped_correction_shows_what_is_done_and_resumes(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.post("edit", kind="add-object")
    app.stroke(RED)
    app.propagate()
    x, y = centre(BLUE, 3)
    app.draw("polygon", BLUE, 3, ring=[[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]])
    app.draw("direct", BLUE, 3, direction="forward")
    session = app.workspace.session
    on_frame = session._on_frame

    def stop_at_six(done: int, total: int | None) -> None:
        on_frame(done, total)
        if done == 6:
            session.stop()

    monkeypatch.setattr(session, "_on_frame", stop_at_six)
    assert app.propagate()["masks"] == "partial"
    assert (app.labels(5)[0] == BLUE).any(), "corrected already"
    assert (app.labels(9)[0] == RED).any(), "the mask before the correction"
    assert not (app.labels(9)[0] == BLUE).any()
    monkeypatch.setattr(session, "_on_frame", on_frame)
    app.post("undo")
    app.post("undo")
    assert app.run()["masks"] == "current"
    assert not (app.labels(5)[0] == BLUE).any()
    app.post("redo")
    app.post("redo")
    assert app.run()["masks"] == "partial"
    assert app.propagate()["masks"] == "current"
    assert (app.labels(9)[0] == BLUE).any()


def test_a_run_of_other_weights_is_tracked_anew_and_that_is_said(tmp_path: Path, clip: Path) -> None:
    with opened(tmp_path, clip) as app:
        app.stroke()
        app.propagate()
    record = tmp_path / "clip_vos" / "run.json"
    members = json.loads(record.read_bytes())
    members["model"]["weights_sha256"] = "0" * 64
    record.write_text(json.dumps(members))
    with opened(tmp_path, clip) as app:
        app.stroke(frame=5)
        done = app.propagate()
        assert done["masks"] == "current"
        assert "tracked anew" in done["message"]
        assert "weights" in done["message"]


def test_presence_is_known_for_tracked_frames_only(app: App) -> None:
    import base64

    assert app.get("presence")["objects"] == {}
    app.draw("stroke", frame=4, points=[centre(RED, 4)], width=5)
    app.draw("direct", frame=4, direction="forward")
    app.propagate()
    values = base64.b64decode(app.get("presence")["objects"]["1"])
    assert len(values) == FRAMES
    assert not any(values[:4])
    assert values[4] == 255
    assert all(values[4:])


def test_the_eraser_tells_the_model_or_takes_pixels_of_a_tracked_mask(app: App) -> None:
    script_file = Path(app.get("state")["folder"]) / "prompts.json"
    assert "has nothing to erase" in app.refusal("edit", kind="eraser", object=RED, frame=0, points=[[5, 5]], width=4)
    app.stroke()
    app.draw("eraser", points=[[80, 10], [90, 10]], width=4)
    points = next(prompt for prompt in read_prompt_script(script_file).prompts if isinstance(prompt, Points))
    assert len(points.positive) == 0
    assert points.negative[0].tolist() == [80, 10]
    assert points.negative[-1].tolist() == [90, 10]
    app.post("undo")
    app.propagate()
    tracked, _ = app.labels(6)
    x, y = centre(RED, 6)
    app.draw("eraser", frame=6, points=[[x, y]], width=4)
    erased, origin = app.labels(6)
    gone = (tracked == RED) & (erased != RED)
    assert origin == "prompts"
    assert 9 <= gone.sum() <= 16
    assert gone[int(y), int(x)]
    mask = next(prompt for prompt in read_prompt_script(script_file).prompts if isinstance(prompt, Mask))
    assert np.array_equal(mask.pixels, erased == RED)
    app.draw("stroke", frame=6, points=[[x, y]], width=4)
    assert np.array_equal(app.labels(6)[0] == RED, tracked == RED), "a stroke on an exact mask adds its pixels"


def test_strokes_of_one_brush_are_lines_and_of_two_brushes_their_pixels(app: App) -> None:
    script_file = Path(app.get("state")["folder"]) / "prompts.json"
    app.draw("stroke", points=[[10, 10], [20, 10]], width=4)
    app.draw("stroke", points=[[10, 30], [20, 30]], width=4)
    (stroke,) = read_prompt_script(script_file).prompts
    assert isinstance(stroke, Stroke)
    assert len(stroke.lines) == 2
    before = stroke.rasterise(WIDTH, HEIGHT)
    app.draw("stroke", points=[[50, 30], [200, 30]], width=9)
    (stroke,) = read_prompt_script(script_file).prompts
    assert isinstance(stroke, Stroke)
    painted = stroke.rasterise(WIDTH, HEIGHT)
    assert painted[before].all()
    assert painted[26:35, 60].all()
    assert painted[30, WIDTH - 1], "a line that leaves the frame is drawn up to its border"


def test_a_second_outline_adds_a_part_and_a_box_replaces_the_box(app: App) -> None:
    script_file = Path(app.get("state")["folder"]) / "prompts.json"
    app.draw("polygon", ring=[[0, 0], [40, 0], [40, 40], [0, 40]])
    app.draw("polygon", ring=[[10, 10], [20, 10], [20, 20], [10, 20]])
    (polygon,) = read_prompt_script(script_file).prompts
    assert isinstance(polygon, Polygon)
    assert polygon.rasterise(WIDTH, HEIGHT).sum() == 40 * 40 - 10 * 10
    app.draw("clear")
    app.draw("box", corners=[30, 30, 10, 5])
    app.draw("box", corners=[1, 2, 3, 4])
    (box,) = app.get("state")["document"]["prompts"]
    assert box["rings"] == [[[1, 2], [3, 2], [3, 4], [1, 4]]]


def test_points_add_up_and_a_negative_one_needs_one_on_the_object(app: App) -> None:
    assert "needs something to take away from" in app.refusal(
        "edit", kind="point", object=RED, frame=0, at=[5, 5], positive=False
    )
    app.draw("point", at=centre(RED, 0), positive=True)
    document = app.draw("point", at=[5, 5], positive=False)
    assert document["prompts"][0]["positive"] == [centre(RED, 0)]
    assert document["prompts"][0]["negative"] == [[5, 5]]
    assert app.labels(0)[1] == "prompts"


@pytest.mark.parametrize(
    ("gesture", "problem"),
    [
        ({"kind": "scribble"}, "'scribble' is not one of stroke"),
        ({"kind": "stroke", "points": [], "width": 4}, "gesture: $.points: expected 1 to"),
        ({"kind": "stroke", "points": [[1]], "width": 4}, "gesture: $.points[0]: expected 2 numbers"),
        ({"kind": "stroke", "points": [[1, 1]], "width": -1}, "width -1.0 is not in"),
        ({"kind": "stroke", "points": [[1, 1]], "width": 4, "object": 7}, "there is no object 7"),
        ({"kind": "stroke", "points": [[1, 1]], "width": 4, "frame": 10}, "whole number in 0..9"),
        ({"kind": "box", "corners": [3, 3, 3, 9]}, "box of object 1 is empty"),
        ({"kind": "box", "corners": [290, 3, 300, 9]}, "outside the image"),
        ({"kind": "polygon", "ring": [[1, 1], [2, 2]]}, "at least 3 points"),
        ({"kind": "point", "at": [200, 1], "positive": True}, "outside the image"),
        ({"kind": "clear"}, "has no mark on frame 0"),
        ({"kind": "direct", "direction": "up"}, "expected one of forward, backward, both"),
        ({"kind": "rename-object", "name": "  "}, "a name has 1 to 60 characters"),
        ({"kind": "recolour-object", "colour": "red"}, "expected a colour like"),
        ({"kind": "end-object", "frame": 3}, "only after a frame that it is marked on"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason_and_changes_nothing(
    app: App, gesture: dict[str, object], problem: str
) -> None:
    before = app.get("state")["document"]
    assert problem in app.refusal("edit", **{"object": RED, "frame": 0, **gesture})
    assert app.get("state")["document"] == before


def test_objects_are_added_renamed_recoloured_ended_and_removed(app: App) -> None:
    assert [one["id"] for one in app.post("edit", kind="add-object")["objects"]] == [1, 2]
    app.post("edit", kind="rename-object", object=2, name="  a   kite ")
    document = app.post("edit", kind="recolour-object", object=2, colour="#00FF00")
    assert document["objects"][1] == {"id": 2, "name": "a kite", "colour": "#00ff00"}
    app.stroke(2)
    document = app.post("edit", kind="end-object", object=2, frame=6)
    assert document["removals"] == [{"object": 2, "frame": 6}]
    assert "ended on frame 6 already" in app.refusal("edit", kind="end-object", object=2, frame=8)
    assert app.post("edit", kind="unend-object", object=2, frame=6)["removals"] == []
    document = app.post("edit", kind="remove-object", object=2)
    assert [one["id"] for one in document["objects"]] == [1]
    assert document["prompts"] == []
    assert [one["id"] for one in app.post("edit", kind="remove-object", object=1)["objects"]] == [1]


def test_an_ended_object_has_no_pixels_from_there_on(app: App) -> None:
    app.stroke()
    app.post("edit", kind="end-object", object=RED, frame=5)
    app.propagate()
    assert (app.labels(4)[0] == RED).any()
    assert not app.labels(5)[0].any()


def test_undo_and_redo_go_through_every_edit(app: App) -> None:
    app.stroke()
    x, y = centre(RED, 0)
    after = app.draw("eraser", points=[[x + 20, y]], width=4)
    app.post("undo")
    assert app.post("undo")["prompts"] == []
    assert not app.get("state")["document"]["can_undo"]
    app.post("redo")
    redone = app.post("redo")
    assert redone["prompts"] == after["prompts"]
    assert not redone["can_redo"]


def test_an_edit_that_cannot_be_saved_is_not_made(app: App, tmp_path: Path) -> None:
    app.stroke()
    before = app.get("state")["document"]
    folder = tmp_path / "clip_vos"
    (folder / "session.json").unlink()
    (folder / "session.json").mkdir()
    assert "session.json: cannot be written" in app.refusal("edit", kind="add-object")
    assert app.get("state")["document"] == before


def test_nothing_can_be_changed_while_a_propagation_runs(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.stroke()
    session = app.workspace.session
    on_frame = session._on_frame
    said = []

    def edit_meanwhile(done: int, total: int | None) -> None:
        on_frame(done, total)
        if done == 3:
            said.append(app.refusal("edit", kind="add-object"))
            said.append(app.labels(2)[1])

    monkeypatch.setattr(session, "_on_frame", edit_meanwhile)
    app.propagate()
    assert "stop the propagation" in said[0]
    assert said[1] in ("run", "none")


def test_masks_are_exported_once_they_are_those_of_the_marks(app: App) -> None:
    from vos.export import read_coco

    assert "propagate first" in app.refusal("export", format="coco")
    app.stroke()
    app.propagate()
    names = {row["name"] for row in app.get("formats")["formats"]}
    assert {"davis", "objects", "coco", "npz"} <= names
    written = app.post("export", format="coco")
    found = read_coco(Path(written["path"]))
    masks = Path(app.get("state")["folder"]) / "masks"
    assert np.array_equal(found[RED][3], read_palette_png(masks / "00003.png") == RED)
    assert app.client.get(f"/{written['download']}").content == Path(written["path"]).read_bytes()
    assert "is not one of" in app.refusal("export", format="betamax")


def test_a_folder_is_downloaded_as_a_zip(app: App) -> None:
    import io
    import zipfile

    app.stroke()
    app.propagate()
    written = app.post("export", format="davis")
    answer = app.client.get(f"/{written['download']}")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''clip_vos-masks.zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == FRAMES
        assert archive.read("masks/00003.png") == (Path(written["path"]) / "00003.png").read_bytes()


def test_a_session_is_reopened_with_marks_names_colours_and_masks(tmp_path: Path, clip: Path) -> None:
    with opened(tmp_path, clip) as app:
        app.stroke()
        app.post("edit", kind="rename-object", object=RED, name="disc")
        app.post("edit", kind="recolour-object", object=RED, colour="#123456")
        app.propagate()
        before = app.get("state")
    with opened(tmp_path, tmp_path / "clip_vos") as app:
        after = app.get("state")
        assert after["document"]["objects"] == [{"id": 1, "name": "disc", "colour": "#123456"}]
        assert after["document"]["prompts"] == before["document"]["prompts"]
        assert after["run"]["masks"] == "current"
        assert app.labels(5)[1] == "run"
        assert app.get("presence")["objects"]["1"]


def test_a_run_of_the_command_line_is_opened_with_its_prompts(tmp_path: Path, clip: Path) -> None:
    script = PromptScript((Mask(SCENE.masks[BLUE][0], object_id=BLUE),), names={BLUE: "blue"})
    job = TrackJob(str(clip), script, tmp_path / "run")
    run_job(job, small_model())
    with opened(tmp_path, tmp_path / "run") as app:
        state = app.get("state")
        assert state["document"]["objects"][0]["name"] == "blue"
        assert state["document"]["prompts"][0]["kind"] == "mask"
        assert state["run"]["masks"] == "current"


def test_a_folder_with_the_run_of_another_video_is_refused(tmp_path: Path, clip: Path) -> None:
    from vos.errors import OutputError

    other = write_scene(tmp_path / "other.mp4", frames=4)
    run_job(TrackJob(str(other), PromptScript((Mask(SCENE.masks[RED][0]),)), tmp_path / "run"), small_model())
    with opened(tmp_path) as app, pytest.raises(OutputError, match=r"run of another video.*choose another --output"):
        app.workspace.open(clip, tmp_path / "run")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").touch()
    with opened(tmp_path) as app, pytest.raises(OutputError, match="is not empty"):
        app.workspace.open(clip, tmp_path / "letters")


def test_a_session_whose_video_is_gone_says_what_to_do(tmp_path: Path, clip: Path) -> None:
    from vos.errors import OutputError

    with opened(tmp_path, clip) as app:
        app.stroke()
    moved = clip.rename(tmp_path / "moved.mp4")
    with opened(tmp_path) as app, pytest.raises(OutputError, match=r"is missing.*--output"):
        app.workspace.open(tmp_path / "clip_vos")
    with opened(tmp_path) as app:
        app.workspace.open(moved, tmp_path / "clip_vos")
        assert len(app.get("state")["document"]["prompts"]) == 1


def test_closing_stops_what_runs_and_keeps_what_is_done(tmp_path: Path, clip: Path) -> None:
    with opened(tmp_path, clip) as app:
        app.stroke()
        app.post("propagate")
    record = (
        json.loads((tmp_path / "clip_vos" / "run.json").read_bytes())
        if (tmp_path / "clip_vos" / "run.json").exists()
        else None
    )
    assert record is None or record["status"] in ("done", "interrupted")


def test_a_folder_of_images_is_a_video_too(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(4):
        Image.fromarray(SCENE.frames[index]).save(folder / f"{index}.png")
    with opened(tmp_path, folder) as app:
        app.stroke()
        assert app.get("state")["folder"].endswith("frames_vos")
        assert app.propagate()["masks"] == "current"


def test_a_label_asked_of_a_model_that_reads_no_text_is_the_users_mistake_not_a_fault(
    tmp_path: Path, clip: Path
) -> None:
    folder = tmp_path / "clip_vos"
    folder.mkdir()
    write_prompt_script(folder / "prompts.json", PromptScript.of([Text("the red disc", object_id=RED)]))
    (folder / "session.json").write_text(json.dumps({"vos_session": 1, "video": str(clip), "colours": {}}))
    with opened(tmp_path, folder) as app:
        answer = app.client.get("/api/labels/0")
        assert answer.status_code == 400, answer.text
        run = app.propagate()
        for message in (answer.json()["error"], run["message"]):
            assert "SEEM checkpoint" in message and "fault" not in message
        assert run["is_failure"]


def test_a_bug_is_told_from_a_users_mistake(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_index: int) -> bytes:
        raise KeyError("no such key")

    monkeypatch.setattr(app.workspace.session.frames, "jpeg", broken)
    answer = app.client.get("/api/frames/0")
    assert answer.status_code == 500
    assert "a fault of seem-vos (KeyError" in answer.json()["error"]


def test_the_reading_of_a_click_can_be_walked_through(app: App) -> None:
    assert "add a point on the object first" in app.refusal("edit", kind="candidate", object=RED, frame=0)
    app.draw("point", at=centre(RED, 0), positive=True)
    (best,) = {app.labels(0)[0].tobytes()}
    seen = []
    for _ in range(3):
        app.draw("candidate")
        labels, origin = app.labels(0)
        assert origin == "prompts"
        seen.append(int((labels == RED).sum()))
    assert seen == sorted(seen, reverse=True)
    app.draw("candidate")
    assert app.labels(0)[0].tobytes() == best
