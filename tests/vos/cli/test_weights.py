"""`vos weights` as a user meets it. The server that `pull` talks to is on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from vos.cli.main import main


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """Address and content of a file that is no SEEM checkpoint."""
    folder = tmp_path / "server"
    folder.mkdir()
    torch.save({"weight": torch.zeros(3)}, folder / "w.pt")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/w.pt", (folder / "w.pt").read_bytes()
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


def test_pull_fetches_once_and_records_the_hash(served: tuple[str, bytes], tmp_path: Path, capsys) -> None:
    url, content = served
    folder = tmp_path / "weights"
    digest = hashlib.sha256(content).hexdigest()
    status, out, _ = run(capsys, "pull", "seem-focalt-v1", "--folder", str(folder), "--url", url, "-q")
    assert status == 0
    assert digest in out
    stored = folder / "seem_focalt_v1.pt"
    assert stored.read_bytes() == content
    stored.write_bytes(content + b"tampered")
    status, _, err = run(capsys, "pull", "seem-focalt-v1", "--folder", str(folder), "--url", url, "-q")
    assert status == 1
    assert "has changed" in err


def test_a_file_with_another_hash_is_not_kept(served: tuple[str, bytes], tmp_path: Path, capsys) -> None:
    arguments = ("pull", "seem-focalt-v1", "--folder", str(tmp_path), "--url", served[0], "--sha256", "0" * 64, "-q")
    status, _, err = run(capsys, *arguments)
    assert status == 1
    assert "the file was deleted" in err
    assert not (tmp_path / "seem_focalt_v1.pt").exists()


@pytest.mark.parametrize("command", ["verify", "convert"])
def test_a_file_that_is_no_seem_checkpoint_is_refused(
    served: tuple[str, bytes], tmp_path: Path, capsys, command: str
) -> None:
    status, _, err = run(capsys, command, str(tmp_path / "server" / "w.pt"))
    assert status == 1
    assert "fits none of the known" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("pull", "seem-davitd3-v1"), 2, "no weights were published"),
        (("pull", "dog"), 2, "unknown SEEM model 'dog'"),
        (("pull", "seem-focalt-v1", "--url", "http://example.org/w.pt"), 1, "only https"),
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
