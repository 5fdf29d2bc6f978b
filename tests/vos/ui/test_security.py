"""Who may talk to the app, what may be opened and written through it, and that it needs nothing from outside."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'seem-vos[ui]'")

import anyio

from tests.vos.ui.open_app import SCENE, TOKEN, App, opened, write_scene
from vos.errors import UsageError
from vos.ui import serve
from vos.ui.app import STATIC, create_app
from vos.ui.security import TOKEN_HEADER, is_loopback, new_token
from vos.ui.serve import address_of, bind, make_server


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(tmp_path, write_scene(tmp_path / "clip.mp4", frames=2)) as app:
        yield app


def test_every_call_of_the_api_needs_the_token(app: App) -> None:
    for token in ("", "wrong", TOKEN + "x"):
        for method, path in (("GET", "/api/state"), ("POST", "/api/propagate"), ("PUT", "/api/upload/a.mp4")):
            answer = app.client.request(method, path, headers={TOKEN_HEADER: token})
            assert answer.status_code == 401
            assert "terminal" in answer.json()["error"]


def test_the_page_itself_holds_no_secret_and_needs_none(app: App) -> None:
    answer = app.client.get("/", headers={TOKEN_HEADER: ""})
    assert answer.status_code == 200
    assert TOKEN not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1"])
def test_a_foreign_name_that_points_here_is_refused(app: App, host: str) -> None:
    for path in ("/", "/api/state", "/static/main.js", "/download/x"):
        assert app.client.get(path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:1234", "localhost", "[::1]:80"])
def test_addresses_and_localhost_are_ours_whatever_the_port(app: App, host: str) -> None:
    assert app.client.get("/api/state", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://localhost:8000"])
def test_requests_of_other_pages_are_refused(app: App, origin: str) -> None:
    headers = {"origin": origin, "host": "127.0.0.1:8000"}
    assert app.client.post("/api/stop", headers=headers).status_code == 403
    own = {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}
    assert app.client.post("/api/stop", headers=own).status_code == 200


def test_no_preflight_of_another_page_is_answered(app: App) -> None:
    answer = app.client.options(
        "/api/edit", headers={"origin": "http://evil.example", "access-control-request-method": "POST"}
    )
    assert answer.status_code == 403
    assert not any(name.startswith("access-control-") for name in answer.headers)


def test_answers_forbid_foreign_code_frames_and_caches(app: App) -> None:
    for path in ("/", "/api/state", "/api/frames/0"):
        headers = app.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert app.client.get("/api/state").headers["cache-control"] == "no-store"


def test_the_page_loads_nothing_from_elsewhere() -> None:
    names = {path.name for path in STATIC.iterdir()}
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, path
        for module in re.findall(r'from "\./([^"]+)"', text):
            assert module in names, f"{path.name} imports {module}"
        for name in re.findall(r'(?:href|src)="static/([^"#]+)', text):
            assert name in names, f"{path.name} refers to {name}"


def test_every_control_of_the_page_has_a_name_and_every_id_that_scripts_use_exists() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'id="([^"]+)"', page))
    for script in STATIC.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        for wanted in re.findall(r'(?:getElementById|element)\("([^"]+)"\)', text):
            assert wanted in ids, f"{script.name} asks for #{wanted}"
    for button in re.findall(r"<button[^>]*>.*?</button>", page):
        assert re.sub(r"<[^>]*>", "", button).strip() or "aria-label" in button, button


def test_files_outside_the_static_folder_are_not_served(app: App) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/../pyproject.toml"):
        assert app.client.get(path).status_code == 404


def test_only_videos_of_the_given_folder_can_be_chosen(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    write_scene(folder / "a.mp4", frames=2)
    write_scene(tmp_path / "secret.mp4", frames=2)
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "notes.txt").touch()
    with opened(tmp_path, folder=folder) as app:
        assert [entry["name"] for entry in app.get("library")["videos"]] == ["a.mp4"]
        for name in ("../secret.mp4", "link.mp4", str(tmp_path / "secret.mp4"), "notes.txt", "", "."):
            assert "is not a video in" in app.refusal("open", name=name)
        assert app.post("open", name="a.mp4")["video"]["frames"] == 2
    with opened(tmp_path) as app:
        assert app.get("library") == {"folder": None, "videos": []}
        assert "vos ui --folder" in app.refusal("open", name="a.mp4")


def test_an_upload_is_kept_under_a_safe_new_name_and_opened(tmp_path: Path) -> None:
    data = write_scene(tmp_path / "clip.mp4", frames=2).read_bytes()
    with opened(tmp_path) as app:
        assert app.get("state")["video"] is None
        for expected in ("evil_na_me.mp4", "evil_na_me-1.mp4"):
            answer = app.client.put("/api/upload/..%5C..%5Cevil%3Cna%3Eme.mp4", content=data)
            assert answer.status_code == 200, answer.text
            assert answer.json()["video"]["name"] == expected
        assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == ["evil_na_me-1.mp4", "evil_na_me.mp4"]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half"])
def test_headers_that_are_never_complete_do_not_hold_a_connection(
    sent: bytes, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve._Impatient, "every", 0.1)
    listening = bind("127.0.0.1", 0)
    server = make_server(create_app(app.workspace, token=TOKEN), on_stop=lambda: None)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with socket.create_connection(listening.getsockname(), timeout=20) as half:
            half.sendall(sent)
            assert half.recv(1) == b"", "closed by the server"
        with socket.create_connection(listening.getsockname(), timeout=20) as whole:
            whole.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert whole.recv(12) == b"HTTP/1.1 200"
    finally:
        server.should_exit = True
        thread.join()


def test_two_uploads_of_one_name_at_once_keep_apart(tmp_path: Path) -> None:
    clips = [write_scene(tmp_path / f"{frames}.mp4", frames=frames).read_bytes() for frames in (2, 3)]
    with opened(tmp_path) as app:
        # Both begin before one of them ends.
        first, second = (app.workspace._reserve("clip.mp4") for _ in clips)
        assert (first.name, second.name) == ("clip.mp4", "clip-1.mp4")

        async def run(call: Callable[..., Any], *arguments: Any) -> Any:
            return call(*arguments)

        async def halves(data: bytes) -> AsyncIterator[bytes]:
            for half in (data[:500], data[500:]):
                await anyio.sleep(0)
                yield half

        async def both() -> None:
            async with anyio.create_task_group() as group:
                for data in clips:
                    group.start_soon(app.workspace.take_upload, "clip.mp4", halves(data), run)

        anyio.run(both)
        kept = sorted(path.read_bytes() for path in (tmp_path / "uploads").iterdir() if path.stat().st_size)
        assert kept == sorted(clips)


def test_what_lies_in_the_folder_does_not_lead_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    (folder / "session").mkdir(parents=True)
    (folder / "images").mkdir()
    secret = write_scene(tmp_path / "secret.mp4", frames=2)
    session = {"vos_session": 1, "video": str(secret), "colours": {}}
    (folder / "session/session.json").write_text(json.dumps(session))
    picture = tmp_path / "00000.png"
    Image.fromarray(SCENE.frames[0]).save(picture)
    (folder / "images/00000.png").symlink_to(picture)
    with opened(tmp_path, folder=folder) as app:
        for name in ("session", "images"):
            assert "only what is in there can be chosen" in app.refusal("open", name=name)
        session["colours"] = {"1": "url(evil)"}
        (folder / "session/session.json").write_text(json.dumps(session))
        assert "expected a colour" in app.refusal("open", name="session")


def test_names_and_objects_are_checked(app: App) -> None:
    assert "no control characters" in app.refusal("edit", kind="rename-object", object=1, name="a\x01b")
    assert "there is no object 77" in app.refusal("edit", kind="recolour-object", object=77, colour="#ffffff")


def test_an_upload_that_is_no_video_leaves_nothing_behind(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        for name, data in (("a.exe", b"x"), ("a.mp4", b"not a video"), ("mp4", b"")):
            answer = app.client.put(f"/api/upload/{name}", content=data)
            assert answer.status_code == 400, name
        assert not (tmp_path / "uploads").exists() or not any((tmp_path / "uploads").iterdir())
        assert app.get("state")["video"] is None


def test_downloads_need_the_secret_of_an_export(app: App) -> None:
    assert app.client.get("/download/guess").status_code == 404


def test_requests_that_are_too_large_or_no_json_are_refused(app: App) -> None:
    assert "not JSON" in app.client.post("/api/edit", content=b"{").json()["error"]
    assert "MiB in one request" in app.client.post("/api/edit", content=b"[" * (5 << 20)).json()["error"]
    assert "expected an object" in app.client.post("/api/edit", content=b"[]").json()["error"]


def test_without_a_video_the_api_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as app:
        for path in ("propagate", "undo", "stop"):
            assert "no video is open" in app.refusal(path)


def test_tokens_are_random_and_the_address_has_it_behind_the_hash() -> None:
    assert len({new_token() for _ in range(50)}) == 50
    assert len(new_token()) >= 22
    with bind("127.0.0.1", 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=abc", address_of(listening, "abc"))
        with pytest.raises(UsageError, match="choose another --port"):
            bind("127.0.0.1", listening.getsockname()[1])
    with pytest.raises(UsageError, match="not an address of this machine"):
        bind("no-such-host.invalid", 0)


def test_only_loopback_addresses_are_called_private() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"))
