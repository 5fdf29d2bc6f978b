"""`vos weights` as a user meets it. The server that `pull` talks to is on this machine."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from tests.extras import need
from vos.cli.main import main

REPOSITORY_FILE = "/xdecoder/SEEM/resolve/{revision}/seem_focalt_v1.pt"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class _Hub(ThreadingHTTPServer):
    """Answers as huggingface.co does for one file of one repository; the first `break_off` answers end half way."""

    content: bytes
    break_off = 0
    asked: list[tuple[str, str | None]]


class _Handler(BaseHTTPRequestHandler):
    server: _Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        content, wanted = self.server.content, self.headers.get("Range")
        if with_body:
            self.server.asked.append((self.path, wanted))
        if self.path not in {REPOSITORY_FILE.format(revision=name) for name in ("main", COMMIT)}:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if with_body:
            self.wfile.write(content[start : len(content) // 2 if self.server.break_off else None])
            self.server.break_off = max(0, self.server.break_off - 1)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Hub]:
    """A hub on this machine, whose file is no SEEM checkpoint."""
    need("huggingface_hub", "hub")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "w.pt")
    with _Hub(("127.0.0.1", 0), _Handler) as server:
        server.content = (tmp_path / "w.pt").read_bytes()
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["weights", *arguments])
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.out, captured.err


def test_list_says_what_is_here(tmp_path: Path, capsys) -> None:
    (tmp_path / "seem_focalt_v1.pt").write_bytes(b"x")
    status, out, _ = run(capsys, "list", "--folder", str(tmp_path), "--json")
    assert status == 0
    here = {entry["name"]: entry["file"] for entry in json.loads(out)}
    assert here["seem-focalt-v1"] == str(tmp_path / "seem_focalt_v1.pt")
    assert here["seem-focalt-v0"] is None
    assert "never published" in run(capsys, "list", "--folder", str(tmp_path))[1]


def test_pull_fetches_once_and_records_the_hash(hub: _Hub, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "weights"
    pull = ("pull", "seem-focalt-v1", "--folder", str(folder), "-q")
    status, out, _ = run(capsys, *pull)
    assert status == 0
    assert hashlib.sha256(hub.content).hexdigest() in out
    stored = folder / "seem_focalt_v1.pt"
    assert stored.read_bytes() == hub.content
    asked = len(hub.asked)
    assert run(capsys, *pull)[0] == 0
    assert len(hub.asked) == asked
    stored.write_bytes(hub.content + b"tampered")
    status, _, err = run(capsys, *pull)
    assert status == 1
    assert "has changed" in err


def test_an_older_state_of_the_repository_can_be_fetched(hub: _Hub, tmp_path: Path, capsys) -> None:
    assert run(capsys, "pull", "seem-focalt-v1", "--folder", str(tmp_path), "--revision", COMMIT, "-q")[0] == 0
    assert [path for path, _ in hub.asked] == [REPOSITORY_FILE.format(revision=COMMIT)]
    status, _, err = run(capsys, "pull", "seem-focalt-v0", "--folder", str(tmp_path), "-q")
    assert status == 1
    assert "seem_focalt_v0.pt: could not be fetched" in err
    assert err.count("\n") == 1


def test_a_fetch_that_breaks_off_is_gone_on_with(hub: _Hub, tmp_path: Path, capsys) -> None:
    hub.break_off = 1
    assert run(capsys, "pull", "seem-focalt-v1", "--folder", str(tmp_path / "weights"), "-q")[0] == 0
    assert len(hub.asked) == 2
    assert (tmp_path / "weights/seem_focalt_v1.pt").read_bytes() == hub.content


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    status, _, err = run(capsys, "pull", "seem-focalt-v1", "--folder", str(tmp_path))
    assert status == 1
    assert "seem-vos[hub]" in err


def test_a_file_with_another_hash_is_not_kept(hub: _Hub, tmp_path: Path, capsys) -> None:
    pull = ("pull", "seem-focalt-v1", "--folder", str(tmp_path), "-q")
    status, _, err = run(capsys, *pull, "--sha256", "0" * 64)
    assert status == 1
    assert "the file was deleted" in err
    stored = tmp_path / "seem_focalt_v1.pt"
    assert not stored.exists()
    assert run(capsys, *pull)[0] == 0
    assert run(capsys, *pull, "--sha256", "0" * 64)[0] == 1
    assert stored.exists(), "a file that was there before is the user's"


@pytest.mark.parametrize("command", ["verify", "convert"])
def test_a_file_that_is_no_seem_checkpoint_is_refused(tmp_path: Path, capsys, command: str) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "w.pt")
    status, _, err = run(capsys, command, str(tmp_path / "w.pt"))
    assert status == 1
    assert "fits none of the known" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("pull", "seem-davitd3-v1"), 2, "no weights were published"),
        (("pull", "dog"), 2, "unknown SEEM model 'dog'"),
        (("verify", "seem-focalt-v1"), 1, "vos weights pull seem-focalt-v1"),
        (("convert", "absent.pt"), 2, "unknown SEEM model 'absent.pt'"),
    ],
)
def test_mistakes_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, arguments: tuple[str, ...], status: int, message: str
) -> None:
    monkeypatch.setenv("SEEM_VOS_HOME", str(tmp_path))
    found, _, err = run(capsys, *arguments)
    assert found == status
    assert message in err
    assert err.count("\n") == 1
