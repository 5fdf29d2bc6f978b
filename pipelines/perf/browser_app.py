"""The browser app's server over a real connection: from a stroke to its mask, and memory over many propagations."""

from __future__ import annotations

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.perf.clips import write_clip
from seem_model.video_model import VideoModel
from vos.resources.resident import resident_bytes
from vos.ui.app import create_app
from vos.ui.model_thread import ModelThread
from vos.ui.security import TOKEN_HEADER, new_token
from vos.ui.serve import bind, make_server
from vos.ui.workspace import Places, Workspace

# The first propagations fill caches, pools and the allocator's arenas.
WARM_UP = 5
_CLIP_FRAMES = 8


@dataclass(frozen=True, slots=True)
class FirstMasks:
    """Seconds from the end of a stroke to the last byte of its mask, one per stroke, all on frames not seen before.

    Attributes:
        cold: The server gets the stroke when it is complete.
        drawn: The server is notified when drawing begins, as by the page, and the stroke takes 0.4 s.
        further: A second stroke on the same frame.
    """

    cold: tuple[float, ...]
    drawn: tuple[float, ...]
    further: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MemoryOverRuns:
    """Resident bytes of the server after each propagation.

    Attributes:
        resident: One per propagation.
    """

    resident: tuple[int, ...]

    @property
    def growth(self) -> float:
        """Greatest memory of all propagations over the greatest of the warm-up, minus 1."""
        return max(self.resident) / max(self.resident[:WARM_UP]) - 1


def measure_first_masks(model: VideoModel, *, width: int, height: int, strokes: int) -> FirstMasks:
    """Draws strokes on a synthetic clip, each on a frame of its own."""
    cold, drawn, further = [], [], []
    with _served(model, width, height, frames=2 * strokes + 1) as call:
        for number in range(strokes):
            cold.append(_stroke_to_mask(call, 2 * number + 1, height))
            further.append(_stroke_to_mask(call, 2 * number + 1, height, offset=0.05))
            warming = threading.Thread(target=call.once, args=("POST", f"/api/warm/{2 * number + 2}"))
            warming.start()
            time.sleep(0.4)
            drawn.append(_stroke_to_mask(call, 2 * number + 2, height))
            warming.join()
    return FirstMasks(tuple(cold), tuple(drawn), tuple(further))


def measure_memory_over_runs(
    model: VideoModel,
    *,
    width: int,
    height: int,
    runs: int,
    on_run: Callable[[int, int], None] = lambda done, total: None,
) -> MemoryOverRuns:
    """Draws a stroke, propagates, fetches every frame, undoes the stroke, and repeats."""
    resident = []
    with _served(model, width, height, frames=_CLIP_FRAMES) as call:
        for number in range(runs):
            # Another stroke each time, so that every propagation starts from scratch.
            _stroke_to_mask(call, 0, height, offset=number / runs / 10)
            call("POST", "/api/propagate")
            while call("GET", "/api/state")["run"]["state"] != "idle":
                time.sleep(0.03)
            for frame in range(_CLIP_FRAMES):
                call.once("GET", f"/api/frames/{frame}")
                call.once("GET", f"/api/labels/{frame}")
            call("POST", "/api/undo")
            resident.append(resident_bytes())
            on_run(number + 1, runs)
    return MemoryOverRuns(tuple(resident))


def _stroke_to_mask(call: _Call, frame: int, height: int, *, offset: float = 0.0) -> float:
    middle = [height * (0.75 + offset), height * 0.5]
    stroke = {"kind": "stroke", "object": 1, "frame": frame, "width": 12.0}
    began = time.perf_counter()
    call("POST", "/api/edit", {**stroke, "points": [middle, [middle[0] + 30, middle[1] + 20]]})
    call.once("GET", f"/api/labels/{frame}")
    return time.perf_counter() - began


class _Call:
    """Calls the server over HTTP."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token

    def once(self, method: str, path: str, body: Any = None) -> bytes:
        """The body of the answer. Raises RuntimeError for anything but success."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            connection.request(method, path, json.dumps(body or {}), {TOKEN_HEADER: self._token})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {data.decode(errors='replace')}")
        return data

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.once(method, path, body))


@contextmanager
def _served(model: VideoModel, width: int, height: int, *, frames: int) -> Iterator[_Call]:
    """The server on a free port with a clip open, warmed up by a first mask."""
    with tempfile.TemporaryDirectory(prefix="vos-perf-") as folder:
        root = Path(folder)
        clip = root / "clip.mp4"
        write_clip(clip, width, height, frames, 1)
        workspace = Workspace(Places(None, root, root), ModelThread(model))
        token = new_token()
        server = make_server(create_app(workspace, token=token), on_stop=workspace.feed.close)
        listening = bind("127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="vos-server")
        thread.start()
        try:
            workspace.open(clip)
            call = _Call(listening.getsockname()[1], token)
            _stroke_to_mask(call, 0, height)
            call("POST", "/api/undo")
            yield call
        finally:
            server.should_exit = True
            thread.join()
            workspace.close()
