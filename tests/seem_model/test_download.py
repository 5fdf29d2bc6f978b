"""Weights arrive whole, go on where they stopped, and never mix two files. Served from this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from seem_model.download import download
from seem_model.errors import DownloadError
from vos.cli.weights import weights

CONTENT = bytes(range(256)) * 4096


@dataclass
class Site:
    """What the server has, how much of it it sends before hanging up, and what it was asked."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    hang_up_after: int | None = None
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.ranges.append(asked)
            if not self.path.endswith("seem_focalt_v1.pt"):
                self.send_error(404)
                return
            start = 0
            if asked and self.headers.get("If-Range") == site.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            body = site.content[start:]
            self.send_response(206 if start else 200)
            if site.etag:
                self.send_header("ETag", site.etag)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if site.hang_up_after is None else body[: site.hang_up_after])

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def fetch(site: Site, target: Path) -> None:
    download(f"{site.url}/seem_focalt_v1.pt", target)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    site.hang_up_after = 300_000
    with pytest.raises(DownloadError, match=r"300000 of 1048576 bytes|again to go on"):
        fetch(site, target)
    assert not target.exists()
    site.hang_up_after = None
    fetch(site, target)
    assert target.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=300000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]


def test_a_file_that_changed_on_the_server_is_fetched_from_the_start(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    site.hang_up_after = 300_000
    with pytest.raises(DownloadError):
        fetch(site, target)
    site.content, site.etag, site.hang_up_after = CONTENT[::-1], '"two"', None
    fetch(site, target)
    assert target.read_bytes() == CONTENT[::-1]


def test_without_a_validator_nothing_is_resumed(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    site.etag, site.hang_up_after = None, 300_000
    with pytest.raises(DownloadError):
        fetch(site, target)
    site.hang_up_after = None
    fetch(site, target)
    assert target.read_bytes() == CONTENT
    assert site.ranges == [None, None]


@pytest.mark.parametrize("url", ["http://example.org/a.pt", "file:///etc/passwd", "ftp://localhost/a.pt"])
def test_other_ways_than_https_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="over https only"):
        download(url, tmp_path / "a.pt")


def test_pull_records_the_hash_and_verify_notices_a_change(site: Site, tmp_path: Path) -> None:
    run = CliRunner().invoke
    folder = ["--folder", str(tmp_path)]
    pulled = run(weights, ["pull", "seem-focalt-v1", "--url", site.url, *folder])
    assert pulled.exit_code == 0, pulled.output
    assert "sha256 " in pulled.output
    assert "seem_focalt_v1.pt" in run(weights, ["list", *folder]).output
    assert run(weights, ["verify", *folder]).exit_code == 0
    (tmp_path / "seem_focalt_v1.pt").write_bytes(CONTENT[:-1])
    changed = run(weights, ["verify", *folder])
    assert "has changed since its first use" in str(changed.exception)


def test_a_server_that_lacks_the_file_is_named_with_its_answer(site: Site, tmp_path: Path) -> None:
    pulled = CliRunner().invoke(weights, ["pull", "seem-focall-v0", "--url", site.url, "--folder", str(tmp_path)])
    assert isinstance(pulled.exception, DownloadError)
    assert "seem_focall_v0.pt: the server answered 404" in str(pulled.exception)
