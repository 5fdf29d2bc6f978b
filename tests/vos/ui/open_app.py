"""A small clip in the browser app, without a browser: the server in this process, and calls with the token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from seem_model.video_model import VideoModel
from tests.vos.scenes import moving_shapes
from vos.tracking.load_model import load_model
from vos.ui.app import create_app
from vos.ui.model_thread import ModelThread
from vos.ui.security import TOKEN_HEADER
from vos.ui.workspace import Places, Workspace
from vos.video import VideoEncoder

FRAMES = 10
WIDTH, HEIGHT = 96, 64
SCENE = moving_shapes(count=FRAMES, objects=2, height=HEIGHT, width=WIDTH)
TOKEN = "a-token-of-the-tests"
RED, BLUE = 1, 2


@cache
def small_model() -> VideoModel:
    return load_model("compact", device="cpu", short_side=64)


def write_scene(path: Path, frames: int = FRAMES) -> Path:
    """The scene as a video."""
    with VideoEncoder(path, width=WIDTH, height=HEIGHT, time_base=Fraction(1, 25), crf=10) as encoder:
        for index, frame in enumerate(SCENE.frames[:frames]):
            encoder.write(frame, index)
    return path


def centre(object_id: int, frame: int) -> list[float]:
    """A pixel in the middle of an object of the scene."""
    rows, columns = np.nonzero(SCENE.masks[object_id][frame])
    return [float(columns.mean()), float(rows.mean())]


class App:
    """The app as the page sees it."""

    def __init__(self, root: Path, *, folder: Path | None = None) -> None:
        self.root = root
        places = Places(folder=folder, outputs=root, uploads=root / "uploads")
        self.workspace = Workspace(places, ModelThread(small_model()))
        self.client = TestClient(
            create_app(self.workspace, token=TOKEN),
            base_url="http://127.0.0.1:8000",
            headers={TOKEN_HEADER: TOKEN},
            raise_server_exceptions=False,
        )

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/api/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, path: str, **body: Any) -> str:
        """The message of a call that must fail because of what the user asked for."""
        answer = self.client.post(f"/api/{path}", json=body)
        assert answer.status_code == 400, answer.text
        message: str = answer.json()["error"]
        return message

    def draw(self, kind: str, object_id: int = RED, frame: int = 0, **what: Any) -> Any:
        return self.post("edit", kind=kind, object=object_id, frame=frame, **what)

    def stroke(self, object_id: int = RED, frame: int = 0) -> Any:
        x, y = centre(object_id, frame)
        return self.draw("stroke", object_id, frame, points=[[x - 3, y], [x + 3, y + 2]], width=4)

    def labels(self, frame: int) -> tuple[np.ndarray, str]:
        """(H, W) ids of a frame as the page unpacks them, and where they come from."""
        answer = self.client.get(f"/api/labels/{frame}")
        assert answer.status_code == 200, answer.text
        words = np.frombuffer(answer.content, "<u4")
        width, height = words[:2]
        ids = np.repeat(words[2:] >> 16, words[2:] & 0xFFFF)
        return ids.reshape(height, width), answer.headers["x-vos-origin"]

    def run(self) -> dict[str, Any]:
        return self.get("state")["run"]  # type: ignore[no-any-return]

    def wait(self) -> dict[str, Any]:
        """Waits for the end of a propagation; returns the state after it."""
        for _ in range(3000):
            run = self.run()
            if run["state"] == "idle":
                return run
            time.sleep(0.01)
        raise AssertionError("the propagation does not end")

    def propagate(self) -> dict[str, Any]:
        self.post("propagate")
        return self.wait()


@contextmanager
def opened(root: Path, video: Path | None = None, *, folder: Path | None = None) -> Iterator[App]:
    app = App(root, folder=folder)
    try:
        if video is not None:
            app.workspace.open(video)
        yield app
    finally:
        app.workspace.close()
