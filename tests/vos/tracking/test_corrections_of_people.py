"""Corrections as people make them, on a man who juggles a ball: what used to make masks worse."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vos.scenes import iou
from vos.prompts import Box, Points, Prompt
from vos.tracking.load_model import load_model
from vos.tracking.target import TrackerState
from vos.tracking.tracker import VideoTracker

BALL, MAN = 1, 2
FRAMES = [
    np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])
    for path in sorted((Path(__file__).parent / "juggle").glob("*.jpg"))
]
ON_BALL, ON_TROUSERS, ON_SHIRT, ON_GRASS = (126.6, 237.0), (120.0, 276.0), (144.0, 120.0), (30.0, 300.0)


@pytest.fixture(scope="module")
def state() -> TrackerState:
    """Before the last frame, with the ball and the man tracked."""
    tracker = VideoTracker(load_model("compact", device="cpu"))
    boxes = [Box(67, 108, 118, 158, object_id=BALL), Box(60, 3, 181, 313, object_id=MAN)]
    for index, frame in enumerate(FRAMES[:-1]):
        tracker.step(frame, boxes if index == 0 else ())
    return tracker.snapshot()


def last_frame(state: TrackerState, *prompts: Prompt) -> np.ndarray:
    tracker = VideoTracker(load_model("compact", device="cpu"))
    tracker.restore(state)
    return tracker.step(FRAMES[-1], prompts).labels


def test_two_negative_points_do_not_turn_the_ball_into_the_man(state: TrackerState) -> None:
    before = last_frame(state)
    after = last_frame(state, Points([ON_BALL], [ON_TROUSERS, ON_SHIRT], object_id=BALL))
    assert after[237, 126] == BALL
    assert after[276, 120] != BALL
    assert after[120, 144] != BALL
    assert iou(after == BALL, before == BALL) > 0.9
    assert iou(after == MAN, before == MAN) > 0.99


def test_a_click_on_the_ball_does_not_swallow_the_man(state: TrackerState) -> None:
    before = last_frame(state)
    after = last_frame(state, Points([ON_BALL], object_id=BALL))
    assert iou(after == BALL, before == BALL) > 0.9
    assert (after == MAN).sum() >= 0.99 * (before == MAN).sum()


def test_clicks_on_a_shirt_and_beside_it_do_not_take_the_man_away(state: TrackerState) -> None:
    before = last_frame(state)
    after = last_frame(state, Points([ON_SHIRT, (150.0, 140.0)], [ON_GRASS], object_id=MAN))
    assert iou(after == MAN, before == MAN) > 0.97
    assert (after == BALL).sum() >= 0.99 * (before == BALL).sum()
