"""The camera backend against a made camera; a real one is not part of any test machine."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from vos.errors import VideoError
from vos.video import open_source


class Camera:
    """Gives `count` pictures, blue in the first of OpenCV's channels, then stops."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.released = False

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.left == 0:
            return False, None
        self.left -= 1
        return True, np.full((4, 6, 3), (250, 10, self.left), np.uint8)

    def get(self, _: int) -> float:
        return 30.0

    def release(self) -> None:
        self.released = True


def test_camera_frames_are_rgb_with_increasing_times(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera(5)
    opened: list[Any] = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda device: opened.append(device) or camera)
    with open_source("camera:3") as source:
        frames = list(source)
        assert source.info.is_vfr and source.info.frame_count == 5
        with pytest.raises(VideoError, match="only once"):
            iter(source)
    assert opened == [3] and camera.released
    assert [frame.rgb[0, 0].tolist() for frame in frames] == [[4 - i, 10, 250] for i in range(5)]
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))


def test_a_camera_without_pictures_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Camera(0)
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: camera)
    with pytest.raises(VideoError, match="camera:0: no picture"):
        open_source("camera:0")
    assert camera.released
