"""Fetching weights: complete or not at all, continued where it broke off. The server is on this machine."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from seem_model.download import download
from seem_model.errors import DownloadError

CONTENT = bytes(range(256)) * 5000


class _Server(ThreadingHTTPServer):
    """Serves CONTENT at /file; /short breaks off half way; /whole knows no ranges."""

    ranges: list[str | None]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.path not in ("/file", "/short", "/whole"):
            self.send_error(404)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1)) if wanted and self.path != "/whole" else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = len(CONTENT) // 2 if self.path == "/short" else len(CONTENT)
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.ranges = []
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: _Server, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def test_a_file_arrives_whole(server: _Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    download(address(server, "file"), tmp_path / "deep" / "w.pt", progress=lambda a, b: seen.append((a, b)))
    assert (tmp_path / "deep" / "w.pt").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_fetch_leaves_no_file_and_is_continued(server: _Server, tmp_path: Path) -> None:
    target = tmp_path / "w.pt"
    with pytest.raises(DownloadError, match=f"{len(CONTENT) // 2} bytes are kept, try again"):
        download(address(server, "short"), target)
    assert not target.exists()
    download(address(server, "file"), target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("path", ["file", "whole"])
@pytest.mark.parametrize("extra", [0, 10])
def test_a_part_that_is_too_long_is_not_trusted(server: _Server, tmp_path: Path, path: str, extra: int) -> None:
    target = tmp_path / "w.pt"
    target.with_name("w.pt.part").write_bytes(CONTENT + b"x" * extra)
    download(address(server, path), target)
    assert target.read_bytes() == CONTENT


def test_an_absent_file_is_an_error(server: _Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="404"):
        download(address(server, "nothing"), tmp_path / "w.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["http://example.org/w.pt", "file:///etc/passwd", "ftp://example.org/w"])
def test_only_https_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="only https"):
        download(url, tmp_path / "w.pt")
