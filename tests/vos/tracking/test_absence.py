"""Objects out of view: events with hysteresis, what is painted, and when a run ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vos.scenes import moving_shapes
from vos.cli.main import main
from vos.files.index_png import read_palette_png, write_palette_png
from vos.prompts import Mask
from vos.results import FrameResult
from vos.tracking.absence import CONFIRM_FRAMES, AbsencePolicy, PresenceEvents, StopRule
from vos.tracking.load_model import load_model
from vos.tracking.tracker import VideoTracker
from vos.video import VideoEncoder


def result(index: int, seen: dict[int, bool], *, presence: float | None = None) -> FrameResult:
    """A frame at 0.04 s per index in which some of the known objects have a pixel."""
    labels = np.zeros((4, 8), np.uint16)
    for object_id, is_seen in seen.items():
        labels[0, object_id] = object_id if is_seen else 0
    scores = tuple((0.9 if is_seen else 0.1) if presence is None else presence for is_seen in seen.values())
    return FrameResult(index, index * 40, Fraction(1, 1000), labels, tuple(seen), scores)


def events_of(visibility: str, *, below: float = 0.5) -> list[tuple[str, int, float]]:
    """Events of object 1, seen in the frames marked `#`."""
    detector = PresenceEvents(below)
    for index, mark in enumerate(visibility):
        detector.update(result(index, {1: mark == "#"}))
    return [(event.event, event.frame, event.time) for event in detector.events]


@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        ("##########", []),
        ("####......", [("lost", 4, 0.16)]),
        ("###.....####", [("lost", 3, 0.12), ("reacquired", 8, 0.32)]),
        # One or two frames of flicker are no event, in either state.
        ("###.###..####", []),
        ("###....#....##....", [("lost", 3, 0.12)]),
        # What begins out of view is reacquired, not lost.
        ("....#####", [("reacquired", 4, 0.16)]),
        # Too short at the end to be known.
        ("####..", []),
        ("", []),
    ],
)
def test_an_event_is_a_change_that_lasts(visibility: str, expected: list[tuple[str, int, float]]) -> None:
    assert events_of(visibility) == expected


@given(st.text(alphabet="#.", max_size=60))
@settings(deadline=None, max_examples=60)
def test_lost_and_reacquired_alternate_and_point_at_lasting_changes(visibility: str) -> None:
    events = events_of(visibility)
    kinds = [kind for kind, _, _ in events]
    assert all(a != b for a, b in pairwise(kinds))
    for kind, frame, _ in events:
        mark = "#" if kind == "reacquired" else "."
        assert visibility[frame : frame + CONFIRM_FRAMES] == mark * CONFIRM_FRAMES
        assert visibility[frame - 1] != mark


def test_every_object_has_events_of_its_own() -> None:
    detector = PresenceEvents(0.5)
    for index in range(12):
        known = {1: index < 3} if index < 2 else {1: index < 3, 2: index < 6}
        detector.update(result(index, known))
    assert [(event.event, event.object, event.frame) for event in detector.events] == [("lost", 1, 3), ("lost", 2, 6)]


def test_low_presence_is_absence_even_when_pixels_are_painted() -> None:
    detector = PresenceEvents(0.5)
    for index in range(8):
        detector.update(result(index, {1: True}, presence=0.9 if index < 4 else 0.3))
    assert [(event.event, event.frame) for event in detector.events] == [("lost", 4)]


def stops_at(visibility: Sequence[bool], policy: AbsencePolicy, *, last_prompt: int = 0) -> int | None:
    rule = StopRule(policy, last_prompt=last_prompt)
    for index, is_seen in enumerate(visibility):
        if rule.is_over(result(index, {1: False, 2: is_seen})):
            return index
    return None


def test_a_run_stops_when_nothing_has_been_seen_for_long_enough() -> None:
    policy = AbsencePolicy(mode="stop", stop_after=4)
    seen = [True, True, False, False, False, True, False, False, False, False, False, True]
    assert stops_at(seen, policy) == 9
    assert stops_at(seen, AbsencePolicy(mode="empty", stop_after=4)) is None
    # A prompt that is still to come can bring an object back.
    assert stops_at(seen, policy, last_prompt=10) == 10
    assert stops_at(seen, policy, last_prompt=11) is None


def test_holding_paints_what_the_model_answers_and_changes_nothing_else() -> None:
    scene = moving_shapes(count=8)
    model = load_model("compact", device="cpu", short_side=96)
    # Nobody reaches a presence of 1 but in the prompted frame.
    trackers = [VideoTracker(model, absent_below=1.0, paint_absent=hold) for hold in (False, True)]
    for index, frame in enumerate(scene.frames):
        prompts = [Mask(scene.masks[1][0])] if index == 0 else []
        empty, held = (tracker.step(frame, prompts) for tracker in trackers)
        assert held.presence == empty.presence
        if index:
            assert not empty.labels.any()
            assert held.labels.any()


@pytest.fixture(scope="module")
def leaving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that is gone from frame 6 to the end, 30 frames; its first mask lies beside."""
    folder = tmp_path_factory.mktemp("leaving")
    scene = moving_shapes(count=30, gone=(6, 30))
    with VideoEncoder(folder / "clip.mp4", width=160, height=120, time_base=Fraction(1, 25), crf=10) as encoder:
        for index, frame in enumerate(scene.frames):
            encoder.write(frame, index)
    write_palette_png(folder / "mask.png", scene.masks[1][0].astype(np.uint8))
    return folder


def test_track_tells_when_an_object_was_lost_and_can_stop_there(
    leaving: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = ["track", str(leaving / "clip.mp4"), "--mask", str(leaving / "mask.png"), "-o", str(output)]
    arguments += ["--on-absent", "stop", "--stop-after", "5", "--short-side", "160", "--device", "cpu"]
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    record = json.loads((output / "run.json").read_text())
    assert record["status"] == "stopped"
    (event,) = record["events"]
    assert (event["event"], event["object"]) == ("lost", 1)
    # The model may need a frame to notice.
    assert event["frame"] in (6, 7)
    assert event["time"] == event["frame"] / 25
    assert record["frames"] == event["frame"] + 5 < 30
    masks = sorted((output / "masks").iterdir())
    assert len(masks) == record["frames"]
    assert [bool(read_palette_png(path).any()) for path in masks] == [i < event["frame"] for i in range(len(masks))]
    assert f"stopped after frame {record['frames'] - 1}" in capsys.readouterr().out

    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--resume"])
    assert stopped.value.code == 0
    assert "nothing to do" in capsys.readouterr().out
