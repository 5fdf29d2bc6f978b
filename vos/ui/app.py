"""The HTTP side: a table of routes over a workspace. Nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import anyio.to_thread
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vos.errors import UsageError, exit_code_of, message_of
from vos.ui.exports import Tickets, format_rows, zipped
from vos.ui.gestures import gesture_node
from vos.ui.label_runs import pack_labels
from vos.ui.security import Gate
from vos.ui.workspace import Workspace

STATIC = Path(str(files("vos"))) / "ui" / "static"
MAX_BODY_BYTES = 4 * 1024 * 1024
_CHUNK = 1024 * 1024

T = TypeVar("T")


def create_app(workspace: Workspace, *, token: str, host: str = "127.0.0.1") -> ASGIApp:
    """The application behind its gate.

    Args:
        workspace: What it shows.
        token: Every call of the API must bring it.
        host: What the server is bound to; see `Gate`.
    """
    api = _Api(workspace)
    routes = [
        Route("/", _page),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/download/{ticket}", api.download),
        Route("/api/state", api.state),
        Route("/api/events", api.events),
        Route("/api/frames/{index:int}", api.frame),
        Route("/api/labels/{index:int}", api.labels),
        Route("/api/warm/{index:int}", api.warm, methods=["POST"]),
        Route("/api/presence", api.presence),
        Route("/api/edit", api.edit, methods=["POST"]),
        Route("/api/undo", api.undo, methods=["POST"]),
        Route("/api/redo", api.redo, methods=["POST"]),
        Route("/api/propagate", api.propagate, methods=["POST"]),
        Route("/api/masks/edit", api.edit_masks, methods=["POST"]),
        Route("/api/masks/undo", api.undo_mask_edit, methods=["POST"]),
        Route("/api/stop", api.stop, methods=["POST"]),
        Route("/api/library", api.library),
        Route("/api/open", api.open, methods=["POST"]),
        Route("/api/upload/{name}", api.upload, methods=["PUT"]),
        Route("/api/formats", api.formats),
        Route("/api/export", api.export, methods=["POST"]),
    ]
    handlers = {HTTPException: _http_problem, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(_UsersMistakes)])
    return Gate(app, token=token, host=host)


class _UsersMistakes:
    """Answers what the user can mend with its message; a handler by class would need to know every such class."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def watched(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is there to be told: the tab was closed during an upload, say
        except Exception as error:
            # A stream that breaks off has had its status: its reader must see that it broke off.
            if is_answered or exit_code_of(error) is None:
                raise
            await JSONResponse({"error": message_of(error)}, status_code=400)(scope, receive, send)


class _Api:
    """Handlers; plain functions run in a thread, so that a slow frame does not hold up the others."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tickets = Tickets()

    # State

    def state(self, request: Request) -> Response:
        return JSONResponse(self._workspace.view())

    async def events(self, request: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            async for status in self._workspace.feed.follow():
                yield json.dumps(status) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    def frame(self, request: Request) -> Response:
        data = self._workspace.session.frames.jpeg(request.path_params["index"])
        return Response(data, media_type="image/jpeg")

    def labels(self, request: Request) -> Response:
        session = self._workspace.session
        labels, origin = session.labels(request.path_params["index"])
        shown = session.frames.shown
        # No mask is a mask of nothing: two numbers, and no runs.
        data = pack_labels(labels, shown) if labels is not None else pack_labels(np.zeros((1, 1)), (1, 1))
        return Response(data, media_type="application/octet-stream", headers={"x-vos-origin": origin})

    def presence(self, request: Request) -> Response:
        return JSONResponse({"objects": self._workspace.session.presence()})

    # Edits

    async def edit(self, request: Request) -> Response:
        node = gesture_node(await _json_of(request))
        return JSONResponse(await _in_thread(self._workspace.session.edit, node))

    async def edit_masks(self, request: Request) -> Response:
        node = gesture_node(await _json_of(request))
        return JSONResponse(await _in_thread(self._workspace.session.edit_masks, node))

    def undo_mask_edit(self, request: Request) -> Response:
        return JSONResponse(self._workspace.session.undo_mask_edit())

    def undo(self, request: Request) -> Response:
        return JSONResponse(self._workspace.session.undo())

    def redo(self, request: Request) -> Response:
        return JSONResponse(self._workspace.session.redo())

    def warm(self, request: Request) -> Response:
        self._workspace.session.warm(request.path_params["index"])
        return JSONResponse({})

    # Propagation

    def propagate(self, request: Request) -> Response:
        return JSONResponse(self._workspace.session.propagate())

    def stop(self, request: Request) -> Response:
        return JSONResponse(self._workspace.session.stop())

    # Other videos

    def library(self, request: Request) -> Response:
        return JSONResponse(self._workspace.library())

    async def open(self, request: Request) -> Response:
        name = gesture_node(await _json_of(request)).get("name").text()
        return JSONResponse(await _in_thread(self._workspace.open_by_name, name))

    async def upload(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse(await self._workspace.take_upload(name, request.stream(), _in_thread))

    # Exports

    def formats(self, request: Request) -> Response:
        return JSONResponse({"formats": format_rows()})

    async def export(self, request: Request) -> Response:
        name = gesture_node(await _json_of(request)).get("format").text()
        path = await _in_thread(self._workspace.session.export, name)
        return JSONResponse({"path": str(path), "download": f"download/{self._tickets.issue(path)}"})

    def download(self, request: Request) -> Response:
        path = self._tickets.path_of(request.path_params["ticket"])
        if path is None or not path.exists():
            raise HTTPException(404, "this download is no longer there; export again")
        if path.is_file():
            return FileResponse(path, filename=path.name)
        file = zipped(path)

        def chunks() -> Iterator[bytes]:
            with file:
                while data := file.read(_CHUNK):
                    yield data

        disposition = f"attachment; filename*=UTF-8''{quote(path.parent.name)}-{quote(path.name)}.zip"
        return StreamingResponse(chunks(), media_type="application/zip", headers={"content-disposition": disposition})


def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html")


async def _in_thread(call: Callable[..., T], *arguments: Any) -> T:
    return await anyio.to_thread.run_sync(partial(call, *arguments))


async def _json_of(request: Request) -> Any:
    """The JSON body. Raises UsageError when it is too large or none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise UsageError(f"more than {MAX_BODY_BYTES >> 20} MiB in one request; draw shorter strokes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the request is not JSON") from error


async def _http_problem(request: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return JSONResponse({"error": detail}, status_code=status)


async def _fault(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, and uvicorn shows the traceback in the terminal.
    text = f"a fault of seem-vos ({type(error).__name__}: {error}); the terminal shows where"
    return JSONResponse({"error": text}, status_code=500)
